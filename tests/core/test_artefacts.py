"""Tables that stages wrote, read in row groups where there are many."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from phenoprot.core import artefacts
from phenoprot.core.artefacts import read_table
from phenoprot.core.errors import UserError


@pytest.mark.parametrize("columns", [None, ["b", "Metadata_Compound"]])
def test_a_table_is_the_same_by_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: list[str] | None
) -> None:
    table = pd.DataFrame(
        {"Metadata_Compound": ["A", "B", None, "NA", "C"], "a": range(5), "b": [0.5, None, 1, 2, 3]}
    ).astype({"b": "float32"})
    path = tmp_path / "table.parquet"
    table.to_parquet(path, index=False, row_group_size=2)
    whole = read_table(path, columns=columns)
    monkeypatch.setattr(artefacts, "PIECES", 2)
    pd.testing.assert_frame_equal(read_table(path, columns=columns), whole)
    pd.testing.assert_frame_equal(whole, table if columns is None else table[columns])
    with pytest.raises(UserError, match="lacks 1 column"):
        read_table(path, columns=["a", "c"])
