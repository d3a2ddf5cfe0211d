"""Speed of ``phenoprot features import`` against CytoTable, and equality with it.

A real site of CellProfiler (a folder with Image, Nuclei, Cells and Cytoplasm .csv) is copied to a
plate: a folder per site, and one SQLite file as cytominer-database makes it. CPU time of one
process; CytoTable joins the cells of a few of the sites and pandas averages them.
"""

from __future__ import annotations

import csv
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated

# Works as a module and as a file.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from phenoprot.core import runtime

runtime.pin()  # before numpy is loaded

import duckdb_extensions  # noqa: E402 - the pinned settings come first
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import typer  # noqa: E402
from benchmarks.features.timing import cpu_seconds  # noqa: E402

from phenoprot.features.exports import TABLES, find_exports  # noqa: E402
from phenoprot.features.objects import Columns  # noqa: E402
from phenoprot.features.sites import ORDER, Measured, Part, measure, measure_parts  # noqa: E402

SITES_PER_WELL = 9
SQLITE_COLUMNS = 2000
"""SQLite's own limit: later columns are left out there."""


def write_plate(site: Path, folder: Path, sites: int) -> None:
    """Copies of a site in JUMP's layout; ``Image.csv`` says well and site."""
    images = pd.read_csv(site / "Image.csv", dtype=str)
    for number in range(sites):
        well, field = divmod(number, SITES_PER_WELL)
        name = f"{'ABCDEFGHIJKLMNOP'[well // 24]}{well % 24 + 1:02d}"
        place = folder / "analysis" / f"plate-{name}-{field + 1}"
        place.mkdir(parents=True)
        for table in TABLES[1:]:
            shutil.copyfile(site / f"{table}.csv", place / f"{table}.csv")
        key = {"Metadata_Plate": "plate", "Metadata_Well": name, "Metadata_Site": str(field + 1)}
        images.assign(**key).to_csv(place / "Image.csv", index=False)


def write_sqlite(plate: Path, path: Path) -> None:
    """One file of all sites, as cytominer-database makes it."""
    with closing(sqlite3.connect(path)) as connection:
        for number, place in enumerate(sorted((plate / "analysis").iterdir())):
            for table in TABLES:
                with (place / f"{table}.csv").open(newline="") as stream:
                    names, *rows = csv.reader(stream)
                names = names[: SQLITE_COLUMNS - 1]
                if table == TABLES[0]:
                    keep = [
                        at for at, n in enumerate(names) if n.startswith(("ImageN", "Metadata"))
                    ]
                    names, rows = [names[at] for at in keep], [[r[at] for at in keep] for r in rows]
                plain = {"ImageNumber", "ObjectNumber"}
                own = [name if name in plain else f"{table}_{name}" for name in names]
                if not number:
                    kinds = ", ".join(f'"{n}" {"TEXT" if "Meta" in n else "REAL"}' for n in own)
                    connection.execute(f"CREATE TABLE {table} (TableNumber TEXT, {kinds})")
                marks = ", ".join("?" * (len(own) + 1))
                cells = (
                    [f"{number:032x}", *(None if c in {"", "nan"} else c for c in row[: len(own)])]
                    for row in rows
                )
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", cells)
        connection.commit()


def read_all(source: Path) -> list[Measured]:
    """Means of all sites, and what they belong to."""
    columns = {name: Columns() for name in ORDER}
    return [measure(Part(export), columns) for export in find_exports(source)]


def cytotable_means(place: Path, folder: Path) -> pd.Series:
    """The same means by CytoTable and pandas."""
    import cytotable
    from parsl.config import Config
    from parsl.executors.threads import ThreadPoolExecutor

    joined = cytotable.convert(
        source_path=str(place),
        dest_path=str(folder / "cells.parquet"),
        source_datatype="csv",
        preset="cellprofiler_csv",
        parsl_config=Config(
            executors=[ThreadPoolExecutor(max_threads=1)],
            run_dir=str(folder / "parsl"),
            initialize_logging=False,
        ),
    )
    table = pd.read_parquet(joined)
    return table.select_dtypes("number").mean()


def main(
    site: Annotated[Path, typer.Argument(help="Folder of one real site.")],
    sites: Annotated[int, typer.Option(help="Sites of the plate.")] = 32,
    theirs: Annotated[int, typer.Option(help="Sites that CytoTable gets.")] = 2,
) -> None:
    """Print sites per CPU second."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        plate, database = folder / "plate", folder / "plate.sqlite"
        write_plate(site, plate, sites)
        write_sqlite(plate, database)
        out = folder / "out"
        out.mkdir()
        seconds = {}
        for layout, source in (("folders", plate), ("cytominer-database", database)):
            parts = tuple(Part(export) for export in find_exports(source))
            measure_parts(parts[:1], out)  # compiled before the clock starts
            seconds[layout], _ = cpu_seconds(partial(measure_parts, parts, out), 3)
        ours = read_all(plate)[0]
        for extension in ("sqlite_scanner", "httpfs"):
            duckdb_extensions.import_extension(extension)
        place = min((plate / "analysis").iterdir())
        spent, means = [], pd.Series(dtype=float)
        for number in range(theirs):
            (folder / f"theirs{number}").mkdir()
            second, means = cpu_seconds(
                partial(cytotable_means, place, folder / f"theirs{number}"), 1
            )
            spent.append(second)
        expected = means.reindex(ours.features).to_numpy(dtype=np.float64)
        missing = int(np.isnan(expected).sum() - np.isnan(ours.means[0]).sum())
        both = ~np.isnan(expected) & ~np.isnan(ours.means[0])
        worst = np.max(
            np.abs(expected[both] - ours.means[0][both]) / np.maximum(np.abs(expected[both]), 1e-12)
        )
    print(f"cells a site  {ours.cells}; features {len(ours.features)}; sites {sites}")
    print("layout                 sites per CPU second   ratio")
    slowest = min(spent)
    print(f"{'CytoTable, folders':22s} {1 / slowest:20.2f}")
    for layout, second in seconds.items():
        print(f"{layout:22s} {sites / second:20.1f} {slowest * sites / second:7.0f}")
    print(f"largest relative difference of a mean {worst:.1e}; {missing} only here")


if __name__ == "__main__":
    typer.run(main)
