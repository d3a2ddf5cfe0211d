"""A sample of cells: of each field as many as asked for, and the same ones each time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from phenoprot.features import compute
from phenoprot.features.method import Sample
from phenoprot.features.networks.dino_method import Dino
from phenoprot.features.networks.settings import DinoSettings
from phenoprot.features.sample import sampled
from phenoprot.imaging.crops.cut import LABEL
from phenoprot.imaging.crops.store import CROP_COUNT
from phenoprot.screens.contract import FIELD_KEY


def cells(*counts: int) -> pd.DataFrame:
    fields = [["P", f"A{well:02d}", "1"] for well in range(1, len(counts) + 1)]
    rows = [
        [*key, label] for key, n in zip(fields, counts, strict=True) for label in range(1, n + 1)
    ]
    return pd.DataFrame(rows, columns=[*FIELD_KEY, LABEL])


def test_each_field_gives_as_many_as_it_has() -> None:
    table = cells(5, 2, 9)
    rows = sampled(table, Sample(3, 0))
    assert table.loc[rows].groupby("Metadata_Well").size().tolist() == [3, 2, 3]
    assert (np.diff(rows) > 0).all()
    assert sampled(table.head(0), Sample(3, 0)).tolist() == []


def test_the_draw_is_that_of_this_version_and_of_each_cell_by_itself() -> None:
    table = cells(5, 2, 9)
    rows = sampled(table, Sample(3, 0))
    later = table[table["Metadata_Well"] == "A03"].reset_index(drop=True)
    assert (sampled(later, Sample(3, 0)) + 7).tolist() == rows[5:].tolist()
    assert set(sampled(table, Sample(2, 0))) < set(rows)
    assert sampled(table, Sample(3, 1)).tolist() != rows.tolist()


def test_every_cell_is_drawn_as_often_as_another() -> None:
    drawn = [sampled(cells(6), Sample(2, seed)) for seed in range(3000)]
    shares = np.bincount(np.concatenate(drawn), minlength=6) / 3000
    # Four standard errors of a share of a third.
    assert np.abs(shares - 1 / 3).max() < 4 * np.sqrt(2 / 9 / 3000)


@pytest.mark.parametrize(
    ("trained", "n", "expected"),
    [(False, 2, [2, 0, 1]), (False, None, [5, 0, 1]), (True, 2, [5, 0, 1])],
)
def test_only_the_untrained_network_takes_a_sample(
    trained: bool, n: int | None, expected: list[int]
) -> None:
    settings = DinoSettings(untrained_cells=n)
    method = Dino(settings, trained, device="cpu")

    class Store:
        index = cells(5, 0, 1)
        field_table = pd.DataFrame({CROP_COUNT: [5, 0, 1]})

        def __len__(self) -> int:
            return len(self.index)

    store: Any = Store()
    chosen, counts = compute._chosen(method, store)
    assert counts == expected
    assert len(chosen) == sum(expected)
