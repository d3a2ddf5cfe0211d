"""Seconds of one core for an image, untrained: ``python benchmarks/deep/bench_deep.py [NAME]``."""

from __future__ import annotations

import sys
import time

from phenoprot.core import runtime

runtime.pin()

import numpy as np  # noqa: E402
import torch  # noqa: E402

from phenoprot.features.networks import cloome, dino, timm_models  # noqa: E402
from phenoprot.features.networks.embed import Embedder, embed  # noqa: E402
from phenoprot.screens.contract import STAINS  # noqa: E402

STATISTICS = dict.fromkeys(STAINS, (0.05, 0.05))
CPU = torch.device("cpu")


def measure(title: str, embedder: Embedder, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 20000, (*shape,), dtype=np.uint16)
    embed(embedder, images[:1], device=CPU)
    wall, cpu = time.perf_counter(), time.process_time()
    embed(embedder, images, device=CPU, batch_size=len(images))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{title:34s} {cpu / len(images):8.3f} core s, {wall / len(images):.3f} wall s an image")


def main(wanted: str) -> None:
    torch.set_num_threads(1)
    tower = cloome.untrained_tower(0)
    for side in (360, 540):
        title = f"cloome, field of {side} px"
        if wanted in title:
            measure(title, Embedder("cloome", tower, cloome.STAINS, prepare_cloome, 512),
                    (4, 5, side, side))  # fmt: skip
    backbone = dino.untrained_dino(0)
    for size, n in ((64, 64), (96, 32), (128, 32), (224, 8)):
        title = f"dino, input of {size} px"
        if wanted in title:
            measure(title, Embedder("dino", backbone, dino.STAINS, prepare_dino, 768),
                    (n, 5, size, size))  # fmt: skip
    for model in ("resnet18", "resnet50"):
        title = f"timm:{model}, input of 224 px"
        if wanted in title:
            network = timm_models.make_network(model, "repeat", 0)
            measure(
                title,
                Embedder(
                    model,
                    network,
                    STAINS,
                    lambda x, c=network.config: timm_models.preprocess(x, "repeat", c, None),
                    512,
                ),
                (8, 5, 224, 224),
            )


def prepare_cloome(images: torch.Tensor) -> torch.Tensor:
    return cloome.preprocess_controls(images, cloome.CROP, STATISTICS)


def prepare_dino(images: torch.Tensor) -> torch.Tensor:
    return dino.preprocess(images, None, STATISTICS)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
