"""Read a protein table of any known source into the long table of a screen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import require_file
from phenoprot.core.tables import parse_delimited, unpacked_text
from phenoprot.imports.proteins.gct import is_gct, read_gct
from phenoprot.imports.proteins.groups import Named, Rule, merge_groups, name_groups
from phenoprot.imports.proteins.long import (
    is_report,
    long_columns,
    read_long,
    read_parquet_table,
    read_report,
)
from phenoprot.imports.proteins.matrix import Matrix, Scale
from phenoprot.imports.proteins.report import ProteinReport, Proteins
from phenoprot.imports.proteins.samples import Placed, place_samples
from phenoprot.imports.proteins.scale import (
    is_centred,
    scale_of,
    to_linear,
    unlike_plates,
)
from phenoprot.imports.proteins.wells import is_wells, read_wells
from phenoprot.imports.proteins.wide import DIALECTS, detect, read_wide
from phenoprot.imports.source import separator_of
from phenoprot.imports.tsv import parse_tsv
from phenoprot.imports.workbook import read_workbook
from phenoprot.screens.contract import (
    CONTROL,
    NEGATIVE_CONTROL,
    PLATE,
    PROTEIN,
    VALUE,
    WELL,
    WELL_KEY,
)

FORMATS = (*DIALECTS, "diann_report", "gct", "long", "wells")
"""What ``--dialect`` takes."""


@dataclass(frozen=True)
class ProteinOptions:
    """What a user says of a protein table."""

    dialect: str | None = None
    """One of :data:`FORMATS`; told from the header if not given."""
    quantity: str | None = None
    """Which of its quantities, e.g. ``Intensity``; the first that the table has if not given."""
    samples: Path | None = None
    """CSV file with the columns column, plate, well."""
    pattern: str | None = None
    """Regular expression with the groups ``plate`` and ``well``."""
    plate: str | None = None
    """Plate of all samples."""
    scale: Scale | None = None
    """Told from the values if not given."""
    genes: Rule = "best"
    """Several groups of one gene: the best one, or their sum."""
    name: str | None = None
    """Column that names the proteins, if not that of the gene."""


def read_proteins(
    path: Path,
    options: ProteinOptions = ProteinOptions(),
    wells: pd.DataFrame | None = None,
) -> Proteins:
    """Read a protein table.

    Parameters
    ----------
    path
        Text (``.csv``: commas or, if its header has more of them, semicolons or tabs; else tabs;
        GCT by its first line), plain or ``.gz``, parquet, or an Excel workbook.
    options
        What the user says of it.
    wells
        The plate layout, columns of the contract: what it lacks, and what has no readout, is
        reported; its negative controls tell centred levels from logarithms.

    Returns
    -------
    Proteins
        Contaminants, decoys and proteins identified by site only are left out. A group has the
        name of its first gene, or of its first protein. Several groups of one name become one, by
        the rule of :func:`phenoprot.imports.proteins.groups.merge_groups`. Logarithms become
        intensities. A zero is a missing intensity.

    Raises
    ------
    UserError
        The source is unknown; the file cannot be read exactly; the scale is open or contradicts
        what is said; samples have no well; nothing is left.
    """
    return proteins_of(read_matrix(path, options), str(path), options, wells)


def proteins_of(
    matrix: Matrix, where: str, options: ProteinOptions, wells: pd.DataFrame | None = None
) -> Proteins:
    """The readout that a table holds; see :func:`read_proteins`."""
    placed = _placed(matrix, where, options)
    has_well = placed.wells[WELL].notna().to_numpy()
    places = placed.wells[has_well].reset_index(drop=True)
    values = matrix.values[:, has_well]
    if not np.isfinite(values).any():
        raise UserError(
            "no value is left", where=where, remedy="Check --quantity, and that the table is full."
        )
    centred = is_centred(values, _control_plates(places, wells))
    scale = scale_of(values, options.scale, matrix.scale, centred, where)
    unlike = unlike_plates(values, places[PLATE]) if scale == "linear" else []
    if scale == "level" and options.genes == "sum":
        raise UserError(
            "centred levels have no sum", where="--genes sum", remedy="Leave this option out."
        )
    values = to_linear(values, scale)
    zeros = (values == 0) & (scale != "level")
    values = np.where(zeros, np.nan, values)
    named = name_groups(matrix.rows, matrix.separators)
    nameless = named.names.isna().to_numpy()
    left_out = dict(matrix.left_out)
    if nameless.any():
        left_out["neither gene nor protein"] = [f"row {n + 1}" for n in np.flatnonzero(nameless)]
    names, values, merged = merge_groups(
        named.names[~nameless].reset_index(drop=True), values[~nameless], options.genes
    )
    table = _long(names, values, places, where)
    report = ProteinReport(
        title=matrix.title,
        scale=scale,
        rows=len(matrix.rows),
        proteins=table[PROTEIN].nunique(),
        wells=len(table[WELL_KEY].drop_duplicates()),
        values=len(table),
        zeros=int(zeros.sum()),
        left_out=left_out,
        untold=matrix.untold,
        merged=merged,
        rule=options.genes,
        notes=matrix.notes,
        unlike=unlike,
        **_said(named, placed, places, wells),
    )
    return Proteins(table, "level" if scale == "level" else "intensity", report)


def wells_of(matrix: Matrix, where: str, options: ProteinOptions) -> pd.DataFrame:
    """The wells of a table, and what it says of them besides.

    Returns
    -------
    pandas.DataFrame
        One row per sample that has a well: ``Metadata_Plate``, ``Metadata_Well``, and columns of
        text under their own names, if there are any.
    """
    places = _placed(matrix, where, options).wells
    about = matrix.samples.drop(columns=["column", "sample", *WELL_KEY], errors="ignore")
    both = pd.concat([places, about.set_index(places.index)], axis=1)
    return both[places[WELL].notna()].reset_index(drop=True)


def _placed(matrix: Matrix, where: str, options: ProteinOptions) -> Placed:
    return place_samples(
        matrix.samples,
        where,
        pattern=options.pattern,
        file=options.samples,
        plate=options.plate,
    )


def _said(
    named: Named, placed: Placed, places: pd.DataFrame, wells: pd.DataFrame | None
) -> dict[str, list[str]]:
    """The lists of the report that need no counting."""
    said = {
        "several": named.several,
        "without_gene": named.without_gene,
        "dates": named.dates,
        "unmatched": placed.unmatched,
        "absent": placed.absent,
    }
    if wells is not None:
        read, known = _keys(places), _keys(wells[wells[PLATE].isin(places[PLATE])])
        said["no_layout"] = [key for key in read if key not in known]
        said["no_sample"] = [key for key in known if key not in read]
    return said


def _keys(table: pd.DataFrame) -> dict[str, None]:
    return dict.fromkeys(f"{p}/{w}" for p, w in table[WELL_KEY].itertuples(index=False))


def _control_plates(places: pd.DataFrame, wells: pd.DataFrame | None) -> npt.NDArray[np.intp]:
    """Number of the plate for every sample that is a negative control, -1 for the others."""
    if wells is None or CONTROL not in wells:
        return np.full(len(places), -1)
    controls = _keys(wells[wells[CONTROL] == NEGATIVE_CONTROL])
    codes, _ = pd.factorize(places[PLATE])
    is_control = np.array([key in controls for key in map("/".join, places[WELL_KEY].to_numpy())])
    return np.where(is_control, codes, -1)


def _long(
    names: list[str], values: npt.NDArray[np.float64], places: pd.DataFrame, where: str
) -> pd.DataFrame:
    """Measured values as the table of the contract."""
    order = np.lexsort((places[WELL], places[PLATE]))
    by_name = np.argsort(np.array(names, dtype=object), kind="stable")
    block = values[np.ix_(by_name, order)].T
    sample, protein = np.nonzero(np.isfinite(block))
    if not len(sample):
        raise UserError("no value is left", where=where, remedy="All are 0 or missing.")
    sorted_names = np.array(names, dtype=object)[by_name]
    at = places.to_numpy(dtype=object)[order]
    return pd.DataFrame(
        {
            PLATE: at[sample, 0],
            WELL: at[sample, 1],
            PROTEIN: sorted_names[protein],
            VALUE: block[sample, protein].astype(np.float32),
        }
    )


def read_matrix(path: Path, options: ProteinOptions) -> Matrix:
    """Read a file as what it is, or as what the user says that it is."""
    dialect = options.dialect
    if dialect is not None and dialect not in FORMATS:
        raise UserError(
            f"is unknown: {quoted(dialect)}",
            where="--dialect",
            remedy=f"Use one of {', '.join(FORMATS)}.",
        )
    where = str(path)
    require_file(path)
    name = path.name.lower()
    if name.endswith(".zip"):
        raise UserError("is an archive", where=where, remedy="Unpack it.")
    if name.endswith(".parquet"):
        table = read_parquet_table(path)
    elif name.endswith(".xlsx"):
        table = read_workbook(path)
    else:
        content = unpacked_text(path)
        if dialect == "gct" or (dialect is None and is_gct(content)):
            return read_gct(content, options.name, where)
        separator = separator_of(content) if name.endswith((".csv", ".csv.gz")) else "\t"
        table = (
            parse_tsv(content, where)
            if separator == "\t"
            else parse_delimited(content, where, separator)
        )
    dialect = dialect or told_by_header(table, where)
    if options.name is not None:
        table = _named_by(table, options.name, dialect, where)
    if dialect == "diann_report":
        return read_report(table, options.quantity, where)
    if dialect in DIALECTS:
        return read_wide(table, dialect, options.quantity, where)
    return read_long(table, where) if dialect == "long" else read_wells(table, where)


def told_by_header(table: pd.DataFrame, where: str) -> str:
    """The source of a table, by its header.

    Raises
    ------
    UserError
        No source has such a header.
    """
    if is_report(table.columns):
        return "diann_report"
    found = detect(table.columns)
    if found:
        return found[0]
    if long_columns(table.columns):
        return "long"
    if is_wells(table):
        return "wells"
    titles = listed([dialect.title for dialect in DIALECTS.values()], 20)
    raise UserError(
        f"is no protein table that is known; its columns are "
        f"{listed([quoted(name) for name in table.columns])}",
        where=f"{where}, header",
        remedy=f"Known are {titles}, DIA-NN report, GCT, long tables and tables of wells. Name "
        "one by --dialect of `phenoprot screens import proteins` to see which columns it lacks.",
    )


def _named_by(table: pd.DataFrame, name: str, dialect: str, where: str) -> pd.DataFrame:
    """The table with the names of its proteins taken from another column."""
    wide = DIALECTS.get(dialect)
    if wide is None or name not in table:
        raise UserError(
            f"has no column {quoted(name)}" if wide else "has its own names of proteins",
            where=f"--name {name}",
            remedy="Name a column of the table, or leave this option out.",
        )
    gene = next((column for column in wide.genes if column in table), wide.genes[0])
    return table.assign(**{gene: table[name]})
