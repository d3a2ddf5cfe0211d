"""Runs of the toy: alone, interrupted, spread over processes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from phenoprot.core.errors import UserError
from phenoprot.features.mae import loop
from phenoprot.features.mae import train as training
from phenoprot.features.mae.batches import Sampler, split_fields
from phenoprot.features.mae.folder import FILES
from phenoprot.features.mae.loop import CHECKPOINT, Objective, require_finite
from phenoprot.features.mae.model import seeded_model
from phenoprot.features.mae.patches import hidden_mask, hidden_tokens, patchify, rows_of
from phenoprot.features.mae.settings import MAESettings
from phenoprot.features.mae.standardise import Standardiser
from phenoprot.features.mae.train import train

from .conftest import Start
from .toy import MODEL, STANDARD, TRAINING, ArrayCrops, as_torchrun, settings


def run(work: Path, s: MAESettings, data: str = "toy", crops: ArrayCrops | None = None) -> Path:
    return train(crops or ArrayCrops(), STANDARD, s, work, data, "toy")


def state(model: Path) -> dict[str, object]:
    """What the checkpoint of a run says besides its tensors."""
    with safe_open(model.parent / CHECKPOINT, framework="pt") as stream:
        return json.loads(stream.metadata()["state"])


def momenta(model: Path) -> dict[str, torch.Tensor]:
    tensors = load_file(model.parent / CHECKPOINT)
    return {name: value for name, value in tensors.items() if name.startswith("momentum.")}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of an undisturbed run."""
    return run(tmp_path_factory.mktemp("done"), settings())


def test_a_finished_model_is_whole(done: Path) -> None:
    assert {path.name for path in done.iterdir()} == {*FILES, "shard.json"}
    config = json.loads((done / "config.json").read_text())
    assert config["settings"]["model"]["width"] == 16
    assert config["standardisation"]["stains"] == ["DNA", "ER"]
    assert (
        load_file(done / "model.safetensors").keys() == seeded_model(MODEL, 0).state_dict().keys()
    )
    table = pd.read_csv(done / "training.csv")
    assert table["step"].tolist() == [2, 4, 6, 8, 10, 12]
    assert table["learning_rate"].iloc[-1] < table["learning_rate"].max()
    measured = json.loads((done / "reconstruction.json").read_text())
    assert measured["n_fields"] == 1
    assert (done / "reconstructions.png").read_bytes()[:4] == b"\x89PNG"


def test_it_learns(tmp_path: Path) -> None:
    longer = {"steps": 150, "fields": 5, "learning_rate": 3e-3}
    model = run(tmp_path, settings(brightness=0, weight_decay=0, **longer))
    measured = json.loads((model / "reconstruction.json").read_text())
    untrained = settings(steps=1, learning_rate=1e-12)
    before = json.loads((run(tmp_path, untrained) / "reconstruction.json").read_text())
    assert measured["mse_model"] < 0.7 * before["mse_model"]
    assert measured["explained_of_mean"] > 0.2


def test_dvclive_logs_into_the_work_folder_only(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = done.parent / "dvclive"
    names = {path.stem for path in (folder / "plots" / "metrics").glob("*.tsv")}
    assert names == {
        *("loss", "pixel", "fourier", "learning_rate", "gradient_norm"),
        *("crops_per_second", "memory_mib"),
    }
    table = pd.read_csv(folder / "plots" / "metrics" / "loss.tsv", sep="\t")
    assert table["step"].tolist() == [2, 4, 6, 8, 10, 12]
    here = tmp_path / "cwd"
    here.mkdir()
    monkeypatch.chdir(here)
    run(tmp_path / "work", settings(steps=1))
    assert list(here.iterdir()) == []


def test_the_first_step_by_hand(tmp_path: Path) -> None:
    """Loss and Lion's first update, from the parts: p (1 - lr wd) - lr sign(gradient)."""
    s = settings(steps=1, warmup_share=0.0, log_every=1, weight_decay=0.5)
    model = run(tmp_path, s)
    crops, fresh = ArrayCrops(), seeded_model(MODEL, 0)
    trained_on, _ = split_fields(6, s.training)
    batch = Sampler(crops.fields, trained_on, MODEL, s.training).read(crops, 0, 0, 0)
    loss = pixel = fourier = 0.0
    for half in batch.split(2):  # rounded as in training: some true gradients are 0
        mean, parts = Objective(STANDARD, s)(fresh, half)
        (mean / 2).backward()
        loss, pixel = loss + mean.item() / 2, pixel + parts["pixel"].item() / 2
        fourier += parts["fourier"].item() / 2
    assert state(model)["log"][0]["loss"] == pytest.approx(loss)
    a = s.loss.fourier_weight
    assert loss == pytest.approx((1 - a) * pixel + a * fourier)
    trained = load_file(model / "model.safetensors")
    for name, p in fresh.named_parameters():
        decay = 0.5 if p.ndim == 2 else 0.0
        expected = p * (1 - 1e-3 * decay) - 1e-3 * p.grad.sign()
        torch.testing.assert_close(trained[name], expected.detach(), rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(momenta(model)["momentum." + name], 0.05 * p.grad)


def test_the_objective_sees_what_the_batch_says() -> None:
    s = settings(loss={"foreground_weight": 1.0})
    crops = ArrayCrops()
    batch = Sampler(crops.fields, np.arange(6), MODEL, s.training).read(crops, 0, 0, 0)

    def identity(x: torch.Tensor, _visible: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        target = rows_of(patchify(x, MODEL), hidden_tokens(batch.visible, 16))
        return target, torch.zeros_like(target)

    _, parts = Objective(STANDARD, s)(identity, batch)
    images = Standardiser(STANDARD)(batch.crops, batch.gains)
    total = 0.0
    for b in range(len(images)):
        flip = images[b].flip(2) if batch.turns[b] >= 4 else images[b]
        image = torch.rot90(flip, int(batch.turns[b]) % 4, dims=(1, 2))
        cell = (image != -(STANDARD.mean[0] / STANDARD.sd[0])).any(dim=0)
        cell = (image[0] > -1.999).reshape(4, 4, 4, 4).float().mean(dim=(1, 3)).flatten()
        hidden = hidden_mask(batch.visible[b : b + 1], 16)[0].float()
        weight = hidden * (1 + cell)
        error = patchify(image[None], MODEL)[0].square().mean(dim=1)
        total += float((weight * error).sum() / weight.sum())
    assert float(parts["pixel"]) == pytest.approx(total / len(images), rel=1e-5)


def test_running_again_computes_nothing(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "run", None)
    assert run(done.parents[1], settings()) == done


def test_a_damaged_model_is_made_again_from_the_checkpoint(tmp_path: Path) -> None:
    model = run(tmp_path, settings())
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    (model / "model.safetensors").write_bytes(b"torn")
    assert run(tmp_path, settings()) == model
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 0.002},
        {"seed": 1},
        {"accumulation": 2},
        {"loss": {"fourier_weight": 0.02}},
        {"model": {"mask_ratio": 0.5}},
        {"data": "other"},
        {"mean": (0.02, 0.06)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_parameter_or_data_never_resumes(
    done: Path, change: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = []

    monkeypatch.setattr(training, "run", lambda *arguments: folders.append(arguments[3]))
    monkeypatch.setattr(training, "seal", lambda *arguments: None)
    changes = {"data": "toy", "mean": STANDARD.mean, **change}
    data, mean = changes.pop("data"), changes.pop("mean")
    standard = STANDARD.model_copy(update={"mean": mean})
    train(ArrayCrops(), standard, settings(**changes), done.parents[1], data, "toy")
    assert len(folders) == 1
    assert folders[0] != done.parent
    assert not (folders[0] / CHECKPOINT).exists()


def test_a_checkpoint_of_another_run_is_refused(done: Path, tmp_path: Path) -> None:
    other = run(tmp_path, settings(steps=4))
    for path in other.iterdir():
        path.unlink()
    other.rmdir()
    checkpoint = other.parent / CHECKPOINT
    checkpoint.write_bytes((done.parent / CHECKPOINT).read_bytes())
    with pytest.raises(UserError, match=r"checkpoint.*other data or parameters.*Remove the file"):
        run(tmp_path, settings(steps=4))
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"checkpoint cannot be read: .*Remove the file"):
        run(tmp_path, settings(steps=4))


def test_an_interrupted_run_goes_on_to_the_same_end(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate, steps = loop.learning_rate, []

    def until(end: int) -> None:
        def watched(step: int, s: object) -> float:
            steps.append(step)
            if step >= end:
                raise RuntimeError("cut off")
            return rate(step, s)

        monkeypatch.setattr(loop, "learning_rate", watched)

    for end in (2, 7, 11):
        until(end)
        with pytest.raises(RuntimeError, match="cut off"):
            run(tmp_path, settings())
    monkeypatch.setattr(loop, "learning_rate", rate)
    model = run(tmp_path, settings())
    # Started at 0, 0, 6 and 9: the last checkpoints.
    assert [b for a, b in zip([99, *steps], steps, strict=False) if b < a] == [0, 0, 6]
    for name in FILES:
        assert (model / name).read_bytes() == (done / name).read_bytes(), name
    loss = pd.read_csv(model.parent / "dvclive/plots/metrics/loss.tsv", sep="\t")
    assert loss["step"].tolist() == [2, 4, 6, 8, 10, 12]
    for name, value in momenta(done).items():
        assert torch.equal(momenta(model)[name], value)


@pytest.mark.parametrize("foreground", [0.0, 1.5])
def test_accumulation_equals_the_large_batch(tmp_path: Path, foreground: float) -> None:
    loss = {"foreground_weight": foreground}
    large = run(tmp_path, settings(steps=1, fields=4, log_every=1, loss=loss))
    small = run(tmp_path, settings(steps=1, fields=1, accumulation=4, log_every=1, loss=loss))
    assert_equal_gradients(large, small)


def assert_equal_gradients(one: Path, other: Path) -> None:
    """First momenta are 0.05 gradient; equal to 1e-5 of the largest entry."""
    first, second = momenta(one), momenta(other)
    assert len(first) > 30
    for name, value in first.items():
        scale = float(value.abs().max())
        torch.testing.assert_close(second[name], value, rtol=1e-5, atol=1e-5 * scale)
    for name in ("loss", "pixel", "fourier", "gradient_norm"):
        numbers = [state(model)["log"][0][name] for model in (one, other)]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-5), name


def test_two_processes_equal_one(tmp_path: Path, start: Start) -> None:
    changes = {"steps": 1, "fields": 2, "devices": 2, "log_every": 1, "precision": "float32"}
    processes = [start(tmp_path / "two", changes, e) for e in as_torchrun(2)]
    one = run(tmp_path, settings(**{**changes, "fields": 4, "devices": 1}))
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    (checkpoint,) = (tmp_path / "two").glob("*/" + CHECKPOINT)
    assert_equal_gradients(one, checkpoint.parent / "model")
    # What several have trained, one process finds.
    assert run(tmp_path / "two", settings(**changes)) == checkpoint.parent / "model"


def test_the_number_of_processes_must_be_devices(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"devices is 4, but 1 process started.*torchrun --nproc-per-node 4"
    ):
        run(tmp_path, settings(devices=4))


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    s = settings(warmup_share=0.0, checkpoint_every=1)
    wild = s.training.model_copy(update={"learning_rate": 1e30})  # params.yaml may not say so
    s = s.model_copy(update={"training": wild})
    with pytest.raises(UserError) as caught:
        run(tmp_path, s)
    assert str(caught.value).startswith("mae: the loss is ")
    trained_on, _ = split_fields(6, s.training)
    fields = Sampler(ArrayCrops().fields, trained_on, MODEL, s.training).draw(1, 0, 0).fields
    words = f"at step 1, micro-batch 0 of process 0 (fields {fields[0]}, {fields[1]}). The last"
    assert words in str(caught.value)
    (checkpoint,) = tmp_path.glob("*/" + CHECKPOINT)
    assert state(checkpoint.parent / "model")["step"] == 1
    assert not (checkpoint.parent / "model").exists()


def test_a_gradient_that_is_no_number_stops_the_run() -> None:
    sampler = Sampler(ArrayCrops().fields, np.arange(6), MODEL, TRAINING)
    require_finite(torch.ones(1, 1, 3), 1.0, 3, sampler)
    with pytest.raises(UserError, match="the norm of the gradient is inf at step 3"):
        require_finite(torch.ones(1, 1, 3), float("inf"), 3, sampler)


def test_clipping_bounds_the_gradient(tmp_path: Path) -> None:
    model = run(tmp_path, settings(steps=1, clip_norm=0.01))
    norm = sum(float(value.square().sum()) for value in momenta(model).values()) ** 0.5
    assert norm == pytest.approx(0.05 * 0.01, rel=1e-3)
    assert state(model)["log"][0]["gradient_norm"] > 0.01


def test_pictures_at_intervals(tmp_path: Path) -> None:
    model = run(tmp_path, settings(steps=4, picture_every=2))
    names = sorted(path.name for path in (model.parent / "pictures").iterdir())
    assert names == ["step-0000002.png", "step-0000004.png"]


@pytest.mark.parametrize(
    ("crops", "changes", "message"),
    [
        (ArrayCrops(size=24), {}, "crops are of 2 channels and 24 x 24 px, the network of 2 chan"),
        (ArrayCrops(channels=3), {}, "crops are of 3 channels and 16 x 16 px"),
        (ArrayCrops(n_fields=1), {}, "1 fields with crops; .* need at least 2"),
        (ArrayCrops(channels=3), {"model": {"channels": 3}}, "statistics of 2 channels for a netw"),
    ],
    ids=["size", "channels", "fields", "statistics"],
)
def test_crops_that_do_not_fit(
    tmp_path: Path, crops: ArrayCrops, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        run(tmp_path, settings(**changes), crops=crops)


def test_a_field_without_crops_is_refused(tmp_path: Path) -> None:
    crops = ArrayCrops()
    crops.fields = [*crops.fields, np.array([], dtype=np.int64)]
    with pytest.raises(UserError, match="1 fields hold no crop: 6"):
        run(tmp_path, settings(), crops=crops)
