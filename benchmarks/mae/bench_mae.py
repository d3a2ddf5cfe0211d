"""Speed of a training step, against the same network without its savings, the loader, a rival.

``savings``: crops/s of the step; of a network that encodes every token and decodes as deep as it
encodes; of reading, drawing and copying alone. ``memory``: one full training step at a given size
and the most memory it took. Both on a GPU if there is one (``savings`` then also gives the model
FLOP utilisation), else on as many threads of the CPU as training takes; each time is that of the
fastest of several steps.
``rival``: the step beside that of Hugging Face's ViTMAE with the same sizes and Lion, on the CPU.
``savings`` ends with 1 if the loader alone is not at least three times as fast as the step.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from phenoprot.core import runtime
from phenoprot.core.device import choose_device

runtime.pin()  # before numpy is loaded
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np  # noqa: E402 - the pinned settings come first
import pandas as pd  # noqa: E402
import torch  # noqa: E402
import typer  # noqa: E402
from benchmarks.mae import products, rival  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from phenoprot.features.mae.batches import MicroBatch, Sampler, turned  # noqa: E402
from phenoprot.features.mae.gradient import THREADS, add_gradient, shared_out  # noqa: E402
from phenoprot.features.mae.loop import (  # noqa: E402
    Objective,
    deterministic,
    gradient_norm,
    make_optimiser,
)
from phenoprot.features.mae.losses import pixel_loss  # noqa: E402
from phenoprot.features.mae.model import seeded_model  # noqa: E402
from phenoprot.features.mae.patches import hidden_tokens, patchify, rows_of  # noqa: E402
from phenoprot.features.mae.settings import MAESettings, ModelSettings, TrainingSettings  # noqa: E402
from phenoprot.features.mae.standardise import Standardisation  # noqa: E402
from phenoprot.imaging.crops.store import COUNT_COLUMNS, CROP_COUNT, CropStore  # noqa: E402
from phenoprot.pipeline.params import load_params  # noqa: E402
from phenoprot.pipeline.presets import POSTER  # noqa: E402
from phenoprot.screens.contract import STAINS  # noqa: E402

app = typer.Typer(help=__doc__)
STANDARD = Standardisation(stains=STAINS, mean=(0.02,) * 5, sd=(0.02,) * 5)
FIELDS, CELLS = 40, 20

ROOT = Path(__file__).resolve().parents[2]
LEAST = 3.0
"""What the loader alone must reach, in training steps."""

Preset = Annotated[str, typer.Option(help="default (of params.yaml) or poster.")]
Crops = Annotated[int, typer.Option(help="Crops of a step; 0: those of a micro-batch.")]


def sizes(preset: str, crops: int) -> MAESettings:
    """Settings of the network; a step of `crops` crops, four from each field."""
    shipped = load_params(ROOT / "params.yaml").mae
    model, training = shipped.model, shipped.training
    if preset == "poster":
        head = "mae.model."
        values = {k.removeprefix(head): v for k, v in POSTER.items() if k.startswith(head)}
        model = ModelSettings.model_validate(values)
        training = TrainingSettings(fields=32, cells=8)
    if crops:
        cells = min(crops, 4)
        training = TrainingSettings(fields=crops // cells, cells=cells)
    return MAESettings(model=model, loss=shipped.loss, training=training)


def make_store(folder: Path, side: int) -> CropStore:
    """A crop store of noise."""
    (folder / "P").mkdir()
    rng = np.random.default_rng(0)
    shape = (FIELDS * CELLS, 5, side, side)
    np.save(folder / "P/A.npy", rng.integers(0, 4000, shape, dtype=np.uint16))
    fields = pd.DataFrame({"Metadata_Plate": ["P"] * FIELDS, "Metadata_Well": "A01"})
    fields = fields.assign(Metadata_Site=[str(n) for n in range(FIELDS)])
    fields = fields.assign(**dict.fromkeys(COUNT_COLUMNS, CELLS))
    assert CROP_COUNT in fields
    fields.to_parquet(folder / "P/A.fields.parquet")
    return CropStore.open(folder)


def make_step(
    settings: MAESettings, device: torch.device, every_token: bool = False, fourier: bool = True
) -> Callable[[Sampler, CropStore, int], None]:
    """A training step as in :mod:`phenoprot.features.mae.loop`.

    With `every_token`, nothing is left out and the decoder is deep; without `fourier`, the loss is
    the mean squared error on hidden tokens alone.
    """
    model_settings = settings.model
    if every_token:
        model_settings = model_settings.model_copy(update={"decoder_depth": model_settings.depth})
    model = seeded_model(model_settings, 0).to(device)
    optimiser = make_optimiser(model, settings.training)
    objective = Objective(STANDARD, settings).to(device)

    def of_every_token(crops: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        tokens = patchify(crops, model_settings)
        encoded = model.encode(tokens)[:, : 1 + visible.shape[1]]
        target = rows_of(tokens, hidden_tokens(visible, model_settings.n_tokens))
        return target, model.decode(encoded, visible)

    def loss(model: nn.Module, batch: MicroBatch) -> tuple[Tensor, dict[str, Tensor]]:
        called = of_every_token if every_token else model
        if fourier:
            return objective(called, batch)
        raw = turned(batch.crops.view(torch.int16), batch.turns).view(torch.uint16)
        target, predicted = called(objective.standardiser(raw, batch.gains), batch.visible)
        return pixel_loss(target, predicted, torch.ones(target.shape[:2])), {}

    def step(sampler: Sampler, store: CropStore, number: int) -> None:
        batch = sampler.read(store, number, 0, 0).to(device)
        if device.type == "cpu":
            with shared_out() as pool:
                add_gradient(loss, model, batch, 1.0, pool)
                gradient_norm(model, None, pool)
                optimiser.pool = pool
                optimiser.step()
        else:
            with torch.autocast(device.type, torch.bfloat16):
                total, _ = loss(model, batch)
            total.backward()
            gradient_norm(model, None)
            optimiser.step()
        optimiser.zero_grad()

    return step


def fastest(run: Callable[[int], None], repeats: int, device: torch.device) -> float:
    """Seconds of the fastest of several calls, after one to warm up."""
    seconds = []
    for number in range(repeats + 1):
        start = time.perf_counter()
        run(number)
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


def model_flops(m: ModelSettings) -> float:
    """Floating-point operations of forward and backward for one crop (matrix products only).

    Twice the products of a token with the weights, plus the two products of attention; backward
    costs twice the forward (Kaplan et al. 2020, section 2.1).
    """

    def blocks(depth: int, width: int, tokens: int) -> float:
        weights = 4 * width**2 + 2 * m.mlp_ratio * width**2
        return depth * (2 * tokens * weights + 4 * tokens**2 * width)

    ends = 2 * m.token_values * (m.visible * m.width + m.n_tokens * m.decoder_width)
    joint = 2 * (m.visible + 1) * m.width * m.decoder_width
    encoder = blocks(m.depth, m.width, m.visible + 1)
    decoder = blocks(m.decoder_depth, m.decoder_width, m.n_tokens + 1)
    return 3 * (encoder + decoder + ends + joint)


@app.command()
def savings(
    preset: Preset = "default",
    crops: Crops = 0,
    repeats: Annotated[int, typer.Option(help="Timed steps.")] = 10,
    peak_tflops: Annotated[float, typer.Option(help="Of the GPU, bfloat16.")] = 989.0,
) -> None:
    """Step, step without the savings, loader."""
    device = torch.device(choose_device())
    settings = sizes(preset, crops)
    n = settings.training.micro_batch
    with tempfile.TemporaryDirectory() as name, deterministic():
        store = make_store(Path(name), settings.model.image_size)
        sampler = Sampler(store.fields, np.arange(FIELDS), settings.model, settings.training)
        rates = {}
        for label, every_token in (("step", False), ("step, every token", True)):
            step = make_step(settings, device, every_token)
            rates[label] = n / fastest(lambda i: step(sampler, store, i), repeats, device)  # noqa: B023
        rates["loader"] = n / fastest(
            lambda i: sampler.read(store, i, 0, 0).to(device), repeats, device
        )
    print(f"{device.type}, {n} crops of {settings.model.image_size} px")
    for label, rate in rates.items():
        print(f"{label:20s} {rate:10.1f} crops/s   {rate / rates['step']:6.2f} x the step")
    if device.type == "cuda":
        flops = model_flops(settings.model) * rates["step"]
        print(f"model FLOP utilisation {flops / peak_tflops / 1e12:.1%} of {peak_tflops:g} TFLOP/s")
    if rates["loader"] < LEAST * rates["step"]:
        print(f"the loader is less than {LEAST:g} x the step")
        raise typer.Exit(1)


@app.command()
def memory(preset: Preset = "poster", crops: Crops = 8) -> None:
    """Take two full steps (the second with the optimiser's state there) and print the peak."""
    device = torch.device(choose_device())
    settings = sizes(preset, crops)
    m = settings.model
    print(f"{m.n_tokens} tokens, {m.visible} visible, {m.token_values} values a token")
    with tempfile.TemporaryDirectory() as name, deterministic():
        store = make_store(Path(name), m.image_size)
        sampler = Sampler(store.fields, np.arange(FIELDS), m, settings.training)
        step = make_step(settings, device, every_token=False)
        begin = time.perf_counter()
        for number in range(2):
            step(sampler, store, number)
        seconds = (time.perf_counter() - begin) / 2
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated() / 2**30
    n = settings.training.micro_batch
    print(f"{device.type}: {n} crops a step, {seconds:.1f} s a step, peak {peak:.2f} GiB")


@app.command("rival")
def against_rival(
    preset: Preset = "default",
    crops: Crops = 0,
    repeats: Annotated[int, typer.Option(help="Timed steps of each side.")] = 20,
    library: Annotated[
        Path, typer.Option(help="Folder of transformers; filled by pip if not there.")
    ] = ROOT / ".phenoprot" / "bench-mae",
) -> None:
    """Print seconds of both sides, and how many times as fast as the rival we are.

    Both take the same micro-batches in one process, step by step in turn, so that what else the
    machine does slows down both; the ratio is the median of the ratios of neighbouring steps.
    """
    rival.install(library)
    sys.path.insert(0, str(library))
    settings = sizes(preset, crops)
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(Path(folder), settings.model.image_size)
        sampler = Sampler(store.fields, np.arange(FIELDS), settings.model, settings.training)
        require_equal_losses(settings, sampler.read(store, 0, 0, 0))
        seconds = timed_in_turn(settings, sampler, store, repeats)
        with deterministic(), shared_out():
            found = products.products(settings, STANDARD, sampler.read(store, 0, 0, 0))
            alone, peak = products.seconds_alone(found, repeats), products.peak()
    theirs = seconds[THEIRS]
    n = settings.training.micro_batch
    print(f"{n} crops of {settings.model.image_size} px, {repeats} steps of each in turn")
    for side, ours in seconds.items():
        typical, ratio = np.median(ours), np.median(theirs / ours)
        print(f"{side:26s} {typical:8.4f} s a step {n / typical:8.1f} crops/s {ratio:6.2f} x")
    speed = THREADS * products.flops(found) / alone / 1e9
    print(
        f"{'our matrix products alone':26s} {alone:8.4f} s a step, {speed:.0f} GFLOP/s (plain ones "
        f"{peak / 1e9:.0f}): no step is more than {np.median(theirs) / alone:.2f} x"
    )


THEIRS = "Hugging Face ViTMAE"
SIDES = ("without the Fourier loss", "with the Fourier loss", THEIRS)


def require_equal_losses(settings: MAESettings, batch: MicroBatch) -> None:
    """Stop if both networks, with the same weights and mask, have not the same loss."""
    model, visible = seeded_model(settings.model, 0), batch.visible[:2]
    crops = Objective(STANDARD, settings).standardiser(batch.crops[:2])
    with torch.no_grad():
        target, predicted = model(crops, visible)
    ours = pixel_loss(target, predicted, torch.ones(target.shape[:2]))
    theirs = rival.loss_with_weights_of(model, crops, visible)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=0)


def timed_in_turn(
    settings: MAESettings, sampler: Sampler, store: CropStore, repeats: int
) -> dict[str, NDArray[np.float64]]:
    """Wall seconds of the steps of each side, the first two of each left out."""
    cpu = torch.device("cpu")
    theirs = rival.make_step(settings, STANDARD)
    steps = {name: make_step(settings, cpu, fourier=name == SIDES[1]) for name in SIDES[:2]}
    seconds: dict[str, list[float]] = {name: [] for name in SIDES}
    for number in range(repeats + 2):
        for name, times in seconds.items():
            start = time.perf_counter()
            if name == THEIRS:
                torch.set_num_threads(THREADS)
                theirs(sampler.read(store, number, 0, 0))
            else:
                with deterministic():
                    steps[name](sampler, store, number)
            times.append(time.perf_counter() - start)
    return {name: np.array(times[2:]) for name, times in seconds.items()}


if __name__ == "__main__":
    app()
