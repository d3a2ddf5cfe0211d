"""Tables on a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from phenoprot.core.errors import UserError
from phenoprot.report.show import print_tables
from phenoprot.report.store import read_metrics
from phenoprot.report.tables import build_tables

from .toy import FILES, write


def test_no_metrics(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        read_metrics(tmp_path / "toy")
    expected = f"{tmp_path / 'toy'}: no metrics here. Run `make reproduce` or `dvc repro`."
    assert str(error.value) == expected
    with pytest.raises(UserError, match=r"no metrics here\. Run `make reproduce`\."):
        print_tables(tmp_path, None, markdown=False)


@pytest.mark.parametrize("markdown", [True, False])
def test_printed_tables_are_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], markdown: bool
) -> None:
    write(tmp_path / "toy", FILES)
    print_tables(tmp_path, None, markdown)
    printed = capsys.readouterr().out
    assert "A [made-up] screen" in printed
    assert "Nothing of it is real." in printed
    for table in build_tables(read_metrics(tmp_path / "toy")):
        assert table.title in printed
        for row in table.rows:
            line = next(line for line in printed.splitlines() if row[0] in line.replace("\\|", "|"))
            assert line
            lines = [line.replace("\\|", "|") for line in printed.splitlines()]
            assert any(all(cell in line for cell in row) for line in lines)
