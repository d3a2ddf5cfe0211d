"""Labels, levels and ceiling of a large readout: the numbers of the readout as a whole."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.core.files import write_json
from phenoprot.core.tables import read_parquet
from phenoprot.curves import streamed
from phenoprot.curves.settings import CurveSettings
from phenoprot.curves.streamed import fit_screen_in_blocks
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.phantom.full import FullSettings, simulate_full
from phenoprot.readout.screen import label_screen
from phenoprot.readout.settings import LabelSettings, SingleDoseSettings
from phenoprot.readout.streamed import label_screen_in_blocks
from phenoprot.screens import readout
from phenoprot.screens.loader import Screen, load_screen

SETTINGS = CurveSettings(control_group=("Metadata_Plate",))
RULE = SingleDoseSettings(alpha=0.05, min_effect=1.0)
ONE = ExecutionSettings(workers=1)


def screen_of(folder: Path, replicates: int) -> Screen:
    sizes = FullSettings(compounds=40, proteins=10, features=1, replicates=replicates, seed=6)
    simulate_full(sizes, folder / "full")
    return load_screen(folder / "full")


@pytest.mark.parametrize(("replicates", "correction"), [(1, "none"), (2, "controls")])
def test_blocks_give_the_numbers_of_the_whole(
    replicates: int, correction: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = screen_of(tmp_path, replicates)
    monkeypatch.setattr(readout, "VALUES_OF_BLOCK", 3 * len(screen.wells()))
    monkeypatch.setattr(streamed, "ROWS_OF_CHUNK", 10 * 15)
    correct, settings = (
        correction == "controls",
        LabelSettings(position_correction=correction, single_dose=RULE),
    )
    curves, output, work = tmp_path / "curves", tmp_path / "labels", tmp_path / "work"
    counts = fit_screen_in_blocks(
        screen, SETTINGS, work / "curves", "toy", curves, correct=correct, execution=ONE
    )
    write_json(curves / "counts.json", counts)
    named = SETTINGS.for_screen("DMSO", "uM")
    found = label_screen_in_blocks(
        screen, curves, settings, named, output, work / "ceiling", "toy", ONE
    )
    whole = label_screen(screen, curves, settings, SETTINGS)
    assert found == whole.counts
    assert whole.levels is not None
    assert whole.ceiling is not None
    for name, table in {"labels": whole.labels, "levels": whole.levels}.items():
        pd.testing.assert_frame_equal(
            read_parquet(output / f"{name}.parquet"), table, check_exact=True
        )
    ceiling = read_parquet(output / "ceiling.parquet")
    assert ceiling.empty == (replicates == 1)
    pd.testing.assert_frame_equal(ceiling, whole.ceiling, check_dtype=replicates > 1, rtol=1e-12)


def test_damaged_curves_are_told(tmp_path: Path) -> None:
    screen = screen_of(tmp_path, 1)
    (tmp_path / "curves.parquet").write_bytes(b"PAR1")
    rule = LabelSettings(position_correction="none", single_dose=RULE)
    arguments = (rule, SETTINGS, tmp_path / "out", tmp_path / "work", "toy", ONE)
    with pytest.raises(UserError, match="is damaged") as caught:
        label_screen_in_blocks(screen, tmp_path, *arguments)
    assert caught.value.remedy.startswith("Bring it back")
    pd.DataFrame({"Label": ["up"]}).to_parquet(tmp_path / "curves.parquet")
    with pytest.raises(UserError, match=r"lacks 5 column\(s\)"):
        label_screen_in_blocks(screen, tmp_path, *arguments)
    assert not (tmp_path / "out").exists() or not [*(tmp_path / "out").iterdir()]
