"""A plain table of compounds and targets, one row per compound or per pair."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.imports.columns import find, folded, text
from phenoprot.imports.proteins.matrix import require_rows
from phenoprot.imports.targets.source import Annotations, Drug, read_source, split_names
from phenoprot.screens.structures import connectivity

TARGETS = ("targetlist", "targets", "target", "targetgene", "targetgenes", "genesymbol", "gene")
"""Names of the column of targets, the likelier first, without ``Metadata_``, case and signs."""


def target_column(columns: Iterable[str]) -> str | None:
    """The column of targets; None: there is none."""
    by_folded: dict[str, str] = {}
    for column in columns:
        by_folded.setdefault(folded(column), column)
    return next((by_folded[name] for name in TARGETS if name in by_folded), None)


def is_plain(columns: Iterable[str]) -> bool:
    """Whether a header has targets, and names or structures."""
    columns = list(columns)
    known = any(find(columns, what) for what in ("compound", "inchikey", "smiles"))
    return known and target_column(columns) is not None


def read_plain(path: Path) -> Annotations:
    """Read a table with a column of targets and one of compounds, InChIKeys or SMILES.

    Several targets in a cell stand between ``|`` or ``;``. JUMP's tables (``pert_iname``,
    ``InChIKey``, ``target_list``) and those of the Drug Repurposing Hub are such.

    Raises
    ------
    UserError
        Columns are missing; a row has a target and no compound.
    """
    table, _ = read_source(path)
    require_rows(len(table), str(path))
    targets = target_column(table.columns)
    keys = {what: find(table.columns, what) for what in ("compound", "inchikey", "smiles")}
    if targets is None or not any(keys.values()):
        raise UserError(
            f"has no column of {'targets' if targets is None else 'compounds'}",
            where=f"{path}, header",
            remedy="Its columns are: compound, InChIKey or SMILES, and target (several between |).",
        )
    column = {what: text(table[name]) for what, name in keys.items() if name is not None}
    of_row = text(table[targets])
    nameless = of_row.notna() & pd.concat(list(column.values()), axis=1).isna().all(axis=1)
    if nameless.any():
        rows = [int(row) + 2 for row in nameless.to_numpy().nonzero()[0]]
        raise UserError(
            f"{len(rows)} row(s) have a target and no compound: row {listed(rows)}",
            where=str(path),
            remedy="Name the compound, or remove these rows.",
        )
    drugs = []
    for row in range(len(table)):
        found = tuple(dict.fromkeys(split_names(of_row.iloc[row], r"[|;]")))
        if not found:
            continue
        said = {what: values.iloc[row] for what, values in column.items()}
        key = said.get("inchikey") or connectivity(said.get("smiles") or "")
        name = said.get("compound")
        drugs.append(Drug(name or key, (name,) if name else (), (key,) if key else (), found))
    annotations = Annotations(path.name.partition(".")[0], drugs)
    empty = int(of_row.isna().sum())
    if empty:
        annotations.left_out["rows without a target"] = empty
    return annotations
