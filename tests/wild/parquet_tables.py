"""What befalls a parquet table."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .mutations import BINARY, Change, Mutation, Sheet


def of_frame(
    change: Callable[[pd.DataFrame, Sheet, random.Random], pd.DataFrame | pa.Table],
    **options: object,
) -> Change:
    """A change of a table that is written as parquet again."""

    def apply(path: Path, sheet: Sheet, rng: random.Random) -> None:
        changed = change(pd.read_parquet(path), sheet, rng)
        if isinstance(changed, pd.DataFrame):
            changed = pa.Table.from_pandas(changed)
        pq.write_table(changed, path, **options)

    return apply


def of_schema(change: Callable[[pa.Table, Sheet], pa.Table]) -> Change:
    return of_frame(lambda f, s, r: change(pa.Table.from_pandas(f, preserve_index=False), s))


def cast_column(table: pa.Table, column: str, to: pa.DataType) -> pa.Table:
    place = table.column_names.index(column)
    return table.set_column(place, column, table.column(column).cast(to))


def dictionary(table: pa.Table, sheet: Sheet) -> pa.Table:
    for place, name in enumerate(table.column_names):
        if pa.types.is_string(table.column(name).type):
            table = table.set_column(place, name, table.column(name).dictionary_encode())
    return table


def column_of(values: Callable[[int], list[object]]) -> Change:
    """Replace the column of numbers."""

    def change(frame: pd.DataFrame, sheet: Sheet, _: random.Random) -> pd.DataFrame:
        return frame.assign(**{sheet.number: values(len(frame))})

    return of_frame(change)


def twice_in_schema(table: pa.Table, sheet: Sheet) -> pa.Table:
    return table.append_column(sheet.number, table.column(sheet.number))


def name_cell(value: object) -> Change:
    def change(frame: pd.DataFrame, sheet: Sheet, rng: random.Random) -> pd.DataFrame:
        frame = frame.copy()
        frame.loc[frame.index[rng.randrange(len(frame))], sheet.name] = value
        return frame

    return of_frame(change)


def number_cell(value: float) -> Change:
    def change(frame: pd.DataFrame, sheet: Sheet, rng: random.Random) -> pd.DataFrame:
        frame = frame.astype({sheet.number: np.float64})
        frame.loc[frame.index[rng.randrange(len(frame))], sheet.number] = value
        return frame

    return of_frame(change)


PARQUET = (
    *BINARY,
    *(
        Mutation("csv-under-its-name", of_frame(lambda f, s, r: f)),  # written below
        Mutation("written-again", of_frame(lambda f, s, r: f.copy()), "same"),
        Mutation(
            "rows-shuffled", of_frame(lambda f, s, r: f.sample(frac=1, random_state=1)), "same"
        ),
        Mutation(
            "columns-shuffled", of_frame(lambda f, s, r: f[r.sample(list(f), f.shape[1])]), "same"
        ),
        Mutation(
            "categories",
            of_frame(
                lambda f, s, r: f.astype(
                    {c: "category" for c in f if c.startswith("Metadata_") and f[c].dtype == object}
                )
            ),
            "same",
        ),
        Mutation("dictionary", of_schema(dictionary), "same"),
        Mutation(
            "large-strings",
            of_schema(lambda t, s: cast_column(t, s.name, pa.large_string())),
            "same",
        ),
        Mutation(
            "string-views",
            of_schema(lambda t, s: cast_column(t, s.name, pa.string_view())),
            "refused or same",
        ),
        Mutation(
            "bytes-for-names",
            of_schema(lambda t, s: cast_column(t, s.name, pa.binary())),
            "refused or same",
        ),
        Mutation("small-row-groups", of_frame(lambda f, s, r: f, row_group_size=7), "same"),
        Mutation("zstd", of_frame(lambda f, s, r: f, compression="zstd"), "same"),
        Mutation("old-version", of_frame(lambda f, s, r: f, version="1.0"), "same"),
        Mutation(
            "numbered-index", of_frame(lambda f, s, r: f.set_axis(range(3, len(f) + 3))), "same"
        ),
        Mutation("key-as-index", of_frame(lambda f, s, r: f.set_index("Metadata_Plate")), "same"),
        Mutation("no-rows", of_frame(lambda f, s, r: f.iloc[:0])),
        Mutation("no-columns", of_frame(lambda f, s, r: f[[]])),
        Mutation("a-name-column-missing", of_frame(lambda f, s, r: f.drop(columns=s.name))),
        Mutation(
            "lower-case-column",
            of_frame(lambda f, s, r: f.rename(columns={s.name: s.name.lower()})),
        ),
        Mutation("column-twice", of_schema(twice_in_schema)),
        Mutation("row-twice", of_frame(lambda f, s, r: pd.concat([f, f.iloc[:1]]))),
        Mutation(
            "numbers-for-names", of_frame(lambda f, s, r: f.assign(**{s.name: range(len(f))}))
        ),
        Mutation("numbers-as-text", column_of(lambda n: ["1.5"] * n), "refused or same"),
        Mutation("words-for-numbers", column_of(lambda n: ["high"] * n)),
        Mutation(
            "booleans-for-numbers", column_of(lambda n: [True, False] * (n // 2) + [True] * (n % 2))
        ),
        Mutation("dates-for-numbers", column_of(lambda n: [pd.Timestamp("2024-01-01")] * n)),
        Mutation("lists-for-numbers", column_of(lambda n: [[1.0, 2.0]] * n)),
        Mutation("structs-for-numbers", column_of(lambda n: [{"a": 1.0}] * n)),
        Mutation("nothing-for-numbers", column_of(lambda n: [None] * n)),
        Mutation("number-infinite", number_cell(float("inf"))),
        Mutation("number-minus-infinite", number_cell(float("-inf"))),
        Mutation("number-1e300", number_cell(1e300)),
        Mutation("number-1e6", number_cell(1e6)),
        Mutation("name-missing", name_cell(None)),
        Mutation("name-nan", name_cell("nan")),
        Mutation("name-None", name_cell("None")),
        Mutation("name-empty", name_cell("")),
    ),
)
"""What may befall a parquet table."""


def as_csv(path: Path) -> None:
    frame = pd.read_parquet(path)
    frame.to_csv(path, index=False)


PARQUET = tuple(
    replace(m, change=lambda p, s, r: as_csv(p)) if m.name == "csv-under-its-name" else m
    for m in PARQUET
)
