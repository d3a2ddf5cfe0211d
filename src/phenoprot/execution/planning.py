"""What callers need to make shards: groups of fields, and the fingerprint of code."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from phenoprot.core import runtime
from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import file_sha256, fingerprint
from phenoprot.core.names import require_names


def plate_rows(
    fields: pd.DataFrame,
    plate: str = "Metadata_Plate",
    well: str = "Metadata_Well",
    site: str = "Metadata_Site",
) -> list[tuple[str, pd.DataFrame]]:
    """Cut a table of fields or wells by plate and plate row.

    Parameters
    ----------
    fields
        One row per field or well, in any order.
    plate, well, site
        Names of the key columns; `site` may be absent.

    Returns
    -------
    list of (str, pandas.DataFrame)
        Name, e.g. ``BR00117010/C``, and the rows of `fields` in the order of their keys. Plates
        are in the order of their names, plate rows in theirs: A to Z, AA, AB and so on.

    Raises
    ------
    UserError
        A plate's name cannot be that of a folder; a well does not read as letters and a number,
        e.g. ``C05``.
    """
    require_names(fields[plate].astype(str), "plate", plate)
    letters = fields[well].astype(str).str.extract(r"^([A-Z]{1,2})[0-9]{1,2}$", expand=False)
    if letters.isna().any():
        wrong = sorted(fields.loc[letters.isna(), well].astype(str).unique())
        raise UserError(
            f"{len(wrong)} wells have no plate row: {listed(wrong)}",
            where=well,
            remedy="Write wells as row and column, e.g. C05.",
        )
    keys = [column for column in (plate, well, site) if column in fields.columns]
    table = fields.assign(_row=letters, _length=letters.str.len())
    table = table.sort_values([plate, "_length", "_row", *keys[1:]], kind="stable")
    groups = table.groupby([plate, "_row"], sort=False)
    return [
        (f"{name}/{row}", rows.drop(columns=["_row", "_length"]).reset_index(drop=True))
        for (name, row), rows in groups
    ]


def code_fingerprint(modules: Iterable[str], distributions: Iterable[str] = ()) -> str:
    """Hash of the code that decides a result: a changed line is another fingerprint.

    Parameters
    ----------
    modules
        Modules and packages (with all that is in them) by their dotted names, e.g.
        ``phenoprot.tasks``. They are read, not imported.
    distributions
        Installed distributions whose version counts, e.g. ``torch``.

    Returns
    -------
    str
        Hex SHA-256 over the source files, the versions and the pinned environment of workers.

    Raises
    ------
    ModuleNotFoundError
        There is no such module.
    """
    sources: dict[str, str] = {}
    for module in modules:
        root, paths = _sources(module)
        sources |= {path.relative_to(root).as_posix(): file_sha256(path) for path in paths}
    versions = {name: version(name) for name in distributions}
    return fingerprint(sources, versions, runtime.PINNED)


def _sources(module: str) -> tuple[Path, list[Path]]:
    """Folder that holds the top-level package, and the source files of `module`."""
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is not None and spec.origin is not None and spec.submodule_search_locations:
        package = Path(spec.origin).parent
        path = package.joinpath(*rest)
        if path.is_dir():
            return package.parent, sorted(path.rglob("*.py"))
        if path.with_suffix(".py").is_file():
            return package.parent, [path.with_suffix(".py")]
    raise ModuleNotFoundError(f"no module {module} in a package", name=module)
