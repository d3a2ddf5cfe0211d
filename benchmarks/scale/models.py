"""Time and memory of the networks at the size of a large screen.

``python -m benchmarks.scale.models mlp-fold FOLDER`` cross-validates one outer fold of the row
``mlp`` in a folder that ``benchmarks.scale.run`` has filled up to its step ``profiles``: principal
components, the ridge regressions that the networks begin as, all grid points in all inner splits,
and the ensemble. It runs as a worker does, in one thread. ``... mlp-total FOLDER`` runs all of the
row: UP, DOWN and regression in every repeat and fold, on all cores. Figures are kept in
``benchmarks/scale/models.json``.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Annotated, Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from phenoprot.core import runtime  # noqa: E402

runtime.pin()  # before numpy is loaded

import numpy as np  # noqa: E402
import torch  # noqa: E402
import typer  # noqa: E402
from benchmarks.scale.run import run_step  # noqa: E402

from phenoprot.core.artefacts import read_table  # noqa: E402
from phenoprot.core.device import choose_device, device_name  # noqa: E402
from phenoprot.core.paths import Paths  # noqa: E402
from phenoprot.pipeline.params import load_params  # noqa: E402
from phenoprot.screens.contract import TREATMENT_KEY  # noqa: E402
from phenoprot.tasks.data import align  # noqa: E402
from phenoprot.tasks.folds import folds_of_kind, folds_of_repeat, read_folds  # noqa: E402
from phenoprot.tasks.nested import Mlp, nested_mlp  # noqa: E402
from phenoprot.tasks.registry import find_task  # noqa: E402
from phenoprot.tasks.run import settings_of  # noqa: E402
from phenoprot.tasks.task import LabelSources  # noqa: E402
from phenoprot.tasks.training import Training  # noqa: E402

app = typer.Typer(help=__doc__, no_args_is_help=True)
RESULTS = Path(__file__).with_name("models.json")


@app.command("mlp-fold")
def mlp_fold(
    folder: Annotated[Path, typer.Argument(help="Folder that benchmarks.scale.run has filled.")],
    part: Annotated[str, typer.Option(help="Part of a task.")] = "regression",
    keep: Annotated[bool, typer.Option(help="Keep the figures.")] = True,
) -> None:
    """Run the first outer fold of a part, and print and keep its figures."""
    params = load_params(ROOT / "params.yaml")
    os.chdir(folder)
    task, paths = find_task(part.partition("/")[0]), Paths("screen")
    block = settings_of(task, params.tasks)
    labels = task.labels(LabelSources(paths, Path("screen")), block)[part]
    folds = folds_of_kind(read_folds(paths.folds), params.tasks.splits.kind)
    features = read_table(paths.profiles / "simulated.parquet", TREATMENT_KEY)
    data = align([features], labels, folds_of_repeat(folds, 0))
    del features, labels
    timer = _Timer()
    torch.set_num_threads(1)
    device = choose_device()
    start, cpu = time.perf_counter(), time.process_time()
    result = nested_mlp(
        *(data.features, data.labels, data.folds, data.groups),
        *(Mlp.make(params.tasks, {}).settings, task.loss(block)),
        device=device,
        tested=[0],
    )
    rows, targets = data.labels.shape
    figures = {
        "part": part,
        "rows": rows,
        "features": data.features.shape[1],
        "targets": targets,
        "known": round(float((~np.isnan(data.labels)).mean()), 4),
        "device": device_name(device),
        "seconds": round(time.perf_counter() - start, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "epochs": timer.summary(),
        "chosen_epochs": result.models[0].epochs,
    }
    print(json.dumps(figures, indent=2))
    if keep:
        _keep(f"{part}, {rows} rows, {targets} targets, one fold", figures)


@app.command("mlp-total")
def mlp_total(
    folder: Annotated[Path, typer.Argument(help="Folder that benchmarks.scale.run has filled.")],
    keep: Annotated[bool, typer.Option(help="Keep the figures.")] = True,
) -> None:
    """Cross-validate the row `mlp` whole, and print and keep its figures."""
    rows = {"simulated": {"features": ["simulated"], "model": "mlp",
                          "tasks": ["classification", "regression"]}}  # fmt: skip
    steps = {
        name: run_step(folder, name, {}, rows)
        for name in ("predict-classification", "predict-regression")
    }
    if keep:
        treatments = len(
            read_table(folder / "data/profiles/screen/simulated.parquet", TREATMENT_KEY)
        )
        _keep(f"{treatments} rows, all folds", {"cores": len(os.sched_getaffinity(0)), **steps})


def _keep(key: str, figures: dict[str, Any]) -> None:
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps(kept | {key: figures}, indent=2, sort_keys=True) + "\n")


class _Timer:
    """Times every epoch of the networks, by how many train together."""

    def __init__(self) -> None:
        self.seconds: dict[int, list[float]] = {}
        plain, seconds = Training.epoch, self.seconds

        def epoch(training: Training) -> None:
            start = time.process_time()
            plain(training)
            seconds.setdefault(len(training.running), []).append(time.process_time() - start)

        Training.epoch = epoch

    def summary(self) -> list[dict[str, Any]]:
        """Networks at a time, epochs, and seconds of processor time per epoch of all of them."""
        return [
            {"networks": n, "epochs": len(s), "cpu_seconds_per_epoch": round(sum(s) / len(s), 2)}
            for n, s in sorted(self.seconds.items())
        ]


if __name__ == "__main__":
    app()
