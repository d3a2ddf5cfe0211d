"""The stage script, in a folder of its own: as torchrun starts it, alone, with nothing to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.torch import load_file

from phenoprot.features.mae.folder import FILES
from phenoprot.features.mae.settings import MAE_NAMES

from .conftest import Launch
from .toy import ArrayCrops, as_torchrun, run_stage_script, settings, write_crops

ROOT = Path(__file__).parents[2]
PLATE = "BR00117010"  # of the shipped screen; its well A02 is a negative control


def prepare(folder: Path, extracted: list[str], **training: object) -> None:
    """Parameters and crops of the screen toy: the shipped screen, a small network, few steps."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    screen = {"folder": str(ROOT / "data/screens/cpjump1"), "extracted": extracted, "rows": {}}
    content["screens"] = {"toy": screen}
    content["mae"] = settings(model={"channels": 5}, **training).model_dump(mode="json")
    (folder / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    write_crops(folder / "data/crops/toy", ArrayCrops(channels=5), PLATE)


@pytest.mark.parametrize("extracted", [[], ["cellprofiler", "dino"]])
def test_a_screen_that_takes_no_such_features_trains_nothing(
    tmp_path: Path, extracted: list[str], launch: Launch
) -> None:
    prepare(tmp_path, extracted)
    process = launch(run_stage_script, ROOT, tmp_path, {})
    process.join(60)
    assert process.exitcode == 0
    output = tmp_path / "data/mae/toy"
    assert [path.name for path in output.iterdir()] == ["NOTE.txt"]
    assert "taken of the screen toy" in (output / "NOTE.txt").read_text()
    assert not (tmp_path / ".phenoprot").exists()


def test_two_processes_train_and_one_finds_the_model(tmp_path: Path, launch: Launch) -> None:
    prepare(tmp_path, [MAE_NAMES[1]], steps=2, devices=2)
    for process in [launch(run_stage_script, ROOT, tmp_path, e) for e in as_torchrun(2)]:
        process.join(60)
        assert process.exitcode == 0
    output = tmp_path / "data/mae/toy"
    assert {path.name for path in output.iterdir()} == set(FILES)
    trained = (output / "model.safetensors").read_bytes()
    assert "embed.weight" in load_file(output / "model.safetensors")
    (output / "model.safetensors").unlink()
    again = launch(run_stage_script, ROOT, tmp_path, {})  # as `dvc repro` calls it
    again.join(60)
    assert again.exitcode == 0
    assert (output / "model.safetensors").read_bytes() == trained
