"""Means over fields and wells, by hand and by pandas."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from phenoprot.core.errors import UserError
from phenoprot.features.aggregate import mean_of_cells
from phenoprot.screens.aggregate import aggregate_wells

NAN = np.nan


def test_mean_of_cells_by_hand() -> None:
    values = np.array([[1, 2, NAN], [3, NAN, NAN], [8, 4, NAN]], dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mean = mean_of_cells(values)
        none = mean_of_cells(values[:0])
    np.testing.assert_array_equal(mean, [4, 3, NAN])
    np.testing.assert_array_equal(none, [NAN] * 3)
    assert mean.dtype == none.dtype == np.float32


@given(
    npst.arrays(
        np.float64,
        st.tuples(st.integers(0, 8), st.integers(1, 4)),
        elements=st.one_of(st.just(NAN), st.floats(-1e6, 1e6)),
    )
)
def test_mean_of_cells_is_that_of_pandas(values: np.ndarray) -> None:
    np.testing.assert_allclose(mean_of_cells(values), pd.DataFrame(values).mean(), atol=1e-6)


FIELDS = pd.DataFrame(
    [
        ("P", "A02", "1", 4, 1.0, 10.0),
        ("P", "A01", "2", 3, 2.0, NAN),
        ("P", "A01", "1", 1, 4.0, 7.0),
        ("P", "A01", "3", 0, NAN, NAN),
        ("P", "B01", "1", 0, NAN, NAN),
        ("Q", "A01", "1", 9, 5.0, NAN),
    ],
    columns=["Metadata_Plate", "Metadata_Well", "Metadata_Site", "Metadata_CellCount", "x", "y"],
)


def test_wells_by_hand() -> None:
    wells = aggregate_wells(FIELDS)
    assert wells.drop(columns=["x", "y"]).to_numpy().tolist() == [
        # cells, fields in the mean, fields without a cell
        ["P", "A01", 4, 2, 1],
        ["P", "A02", 4, 1, 0],
        ["P", "B01", 0, 0, 1],
        ["Q", "A01", 9, 1, 0],
    ]
    # Fields count the same, whatever their cells: (2 + 4) / 2.
    np.testing.assert_array_equal(wells["x"], [3, 1, NAN, 5])
    np.testing.assert_array_equal(wells["y"], [7, 10, NAN, NAN])
    assert (wells[["x", "y"]].dtypes == np.float32).all()
    columns = ["Metadata_CellCount", "Metadata_FieldCount", "Metadata_EmptyFieldCount"]
    assert list(wells.columns) == ["Metadata_Plate", "Metadata_Well", *columns, "x", "y"]


def test_values_of_a_field_without_cells_do_not_count() -> None:
    fields = FIELDS.assign(x=FIELDS["x"].fillna(1000.0))
    np.testing.assert_array_equal(aggregate_wells(fields)["x"], [3, 1, NAN, 5])


def test_without_counts_every_field_counts() -> None:
    wells = aggregate_wells(FIELDS.drop(columns="Metadata_CellCount"))
    assert "Metadata_CellCount" not in wells
    assert wells["Metadata_FieldCount"].tolist() == [3, 1, 1, 1]
    np.testing.assert_array_equal(wells["x"], [3, 1, NAN, 5])


@given(st.integers(0, 2**32 - 1))
def test_wells_are_those_of_pandas(seed: int) -> None:
    rng = np.random.default_rng(seed)
    key = pd.DataFrame(
        [(p, w, str(s)) for p in "PQ" for w in ("A01", "A02", "C10") for s in range(4)],
        columns=["Metadata_Plate", "Metadata_Well", "Metadata_Site"],
    )
    values = rng.normal(size=(len(key), 3))
    values[rng.random(values.shape) < 0.2] = NAN
    fields = pd.concat([key, pd.DataFrame(values, columns=list("abc"))], axis=1)
    expected = fields.groupby(["Metadata_Plate", "Metadata_Well"])[list("abc")].mean()
    shuffled = fields.sample(frac=1, random_state=seed % 1000)
    wells = aggregate_wells(shuffled).set_index(["Metadata_Plate", "Metadata_Well"])
    pd.testing.assert_frame_equal(wells[list("abc")], expected.astype(np.float32), rtol=1e-6)


def test_a_field_with_two_rows() -> None:
    with pytest.raises(UserError) as error:
        aggregate_wells(pd.concat([FIELDS, FIELDS.iloc[[1, 2]]]))
    assert str(error.value) == (
        "field features: 2 field(s) of view have more than one row: P/A01/2, P/A01/1. Give each "
        "field one row."
    )
