"""``phenoprot features``: take features from images, or from what CellProfiler has measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

features_app = typer.Typer(
    help="Features of fields of view, from images or from CellProfiler's output.",
    no_args_is_help=True,
)

Output = Annotated[Path, typer.Option(help="Table of fields to write (.parquet).")]


@features_app.command()
def cellprofiler(
    load_data: Annotated[
        Path,
        typer.Argument(help="CellProfiler LoadData CSV of the images.", metavar="LOADDATA.csv"),
    ],
    masks: Annotated[Path, typer.Option(help="Folder of masks, <plate>/<row>.zip.")],
    output: Output,
    keep_border: Annotated[
        bool, typer.Option("--keep-border", help="Count cells that the image's border cuts.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes [default: one per core].")
    ] = None,
    work: Annotated[
        Path | None, typer.Option(help="Work folder: a run that was stopped goes on from there.")
    ] = None,
) -> None:
    """Measure every cell as CellProfiler does, and average over the cells of each field."""
    from phenoprot.execution.settings import ExecutionSettings
    from phenoprot.features.extract import Sources, extract
    from phenoprot.features.registry import CellProfiler
    from phenoprot.features.settings import FeatureSettings
    from phenoprot.files import write_parquet
    from phenoprot.layout import WORK
    from phenoprot.screens.contract import CELL_COUNT
    from phenoprot.screens.load_data import read_load_data

    table = extract(
        CellProfiler(),
        Sources(read_load_data(load_data), masks=masks),
        work or WORK / "features",
        "cellprofiler",
        FeatureSettings(border_cells="keep" if keep_border else "drop"),
        ExecutionSettings(workers=workers),
    )
    write_parquet(output, table)
    counts = table[CELL_COUNT]
    typer.echo(
        f"{len(table)} fields, {int(counts.sum())} cells, {int((counts == 0).sum())} fields "
        f"without a cell; {len(CellProfiler().columns)} features"
    )
    typer.echo(str(output))


@features_app.command("import")
def import_(
    source: Annotated[
        Path, typer.Argument(help="Folder with Image, Nuclei, Cells, Cytoplasm .csv, or .sqlite.")
    ],
    output: Output,
) -> None:
    """Average the cells that CellProfiler has measured over each field."""
    from phenoprot.features.cytotable import import_cellprofiler
    from phenoprot.files import write_parquet
    from phenoprot.screens.contract import CELL_COUNT, feature_columns

    table = import_cellprofiler(source)
    write_parquet(output, table)
    cells = int(table[CELL_COUNT].sum())
    typer.echo(f"{len(table)} fields, {cells} cells, {len(feature_columns(table))} features")
    typer.echo(str(output))
