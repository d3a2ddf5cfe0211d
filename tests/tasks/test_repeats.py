"""The repeats of a row in one file: the same table however many are in memory at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from phenoprot.core.errors import UserError
from phenoprot.core.files import write_parquet
from phenoprot.evaluation.blocks import WideFile
from phenoprot.tasks import repeats
from phenoprot.tasks.columns import PREDICTION_COLUMNS
from phenoprot.tasks.predictions import write_predictions
from phenoprot.tasks.repeats import write_repeats

TARGETS = ["p", "q"]


@pytest.fixture
def results(tmp_path: Path) -> list[Path]:
    """Three repeats of five treatments; a score is missing."""
    paths = []
    for repeat in range(3):
        scores = np.random.default_rng(repeat).normal(size=(5, 2)).astype(np.float32)
        scores[repeat, 1] = np.nan
        table = pd.DataFrame(
            {
                "Metadata_Compound": [f"c{i}" for i in range(5)],
                "Metadata_Concentration": 0.5,
                "Fold": np.arange(5) % 2,
                "Metadata_LabelsOf": [f"c{i}" for i in range(5)],
                "Metadata_Repeat": repeat,
            }
        ).assign(**dict(zip(TARGETS, scores.T, strict=True)))
        paths.append(tmp_path / f"{repeat}.parquet")
        write_parquet(paths[-1], table)
    return paths


def stacked(results: list[Path]) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in results], ignore_index=True)


def encoded(path: Path) -> list[str]:
    """Columns with a dictionary."""
    group = pq.read_metadata(path).row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    return [column.path_in_schema for column in columns if column.has_dictionary_page]


def test_scores_are_written_as_they_are(results: list[Path], tmp_path: Path) -> None:
    table = pd.read_parquet(results[0]).rename(columns={"q": "a.b"})
    for name in ("one.parquet", "two.parquet"):
        write_predictions(tmp_path / name, table)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "one.parquet"), table)
    assert encoded(tmp_path / "one.parquet") == PREDICTION_COLUMNS


def test_few_are_one_row_group(results: list[Path], tmp_path: Path) -> None:
    write_repeats(tmp_path / "found.parquet", results)
    write_parquet(tmp_path / "expected.parquet", stacked(results))
    found = (tmp_path / "found.parquet").read_bytes()
    assert found == (tmp_path / "expected.parquet").read_bytes()


def test_many_are_a_row_group_each(
    results: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "TOGETHER", sum(path.stat().st_size for path in results) - 1)
    path = tmp_path / "found.parquet"
    write_repeats(path, results)
    first = path.read_bytes()
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [5, 5, 5]
    assert {group.column(0).compression for group in groups} == {"ZSTD"}
    assert encoded(path) == [*PREDICTION_COLUMNS]
    pd.testing.assert_frame_equal(pd.read_parquet(path), stacked(results))
    wide = WideFile(path, PREDICTION_COLUMNS)
    assert wide.columns == [*PREDICTION_COLUMNS, *TARGETS]
    pd.testing.assert_frame_equal(wide.values(["q"]), stacked(results)[["q"]])
    write_repeats(path, results)
    assert path.read_bytes() == first


def test_a_damaged_one_leaves_what_was_there(
    results: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows" / "found.parquet"
    write_repeats(path, results)
    before = path.read_bytes()
    results[2].write_bytes(results[2].read_bytes()[:-100])
    for together in (0, 2**26):
        monkeypatch.setattr(repeats, "TOGETHER", together)
        with pytest.raises(UserError, match=r"2\.parquet: is damaged"):
            write_repeats(path, results)
        assert path.read_bytes() == before
        assert [file.name for file in path.parent.iterdir()] == ["found.parquet"]
