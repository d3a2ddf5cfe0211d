"""``phenoprot features``: take features from images, or from what CellProfiler has measured."""

from __future__ import annotations

import os
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
    params: Annotated[
        Path | None, typer.Option(help="File with a block images, e.g. params.yaml.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes. Default: one per core.")
    ] = None,
    work: Annotated[
        Path | None, typer.Option(help="Work folder: an interrupted run resumes there.")
    ] = None,
) -> None:
    """Measure every cell as CellProfiler does, and average over the cells of each field."""
    from phenoprot.core.files import write_parquet
    from phenoprot.core.paths import WORK
    from phenoprot.execution.settings import ExecutionSettings
    from phenoprot.features.cellprofiler.method import CellProfiler
    from phenoprot.features.extract import Sources, extract
    from phenoprot.features.settings import FeatureSettings
    from phenoprot.imaging.gate import require_sound
    from phenoprot.screens.contract import CELL_COUNT
    from phenoprot.screens.load_data import read_load_data

    _require_output(output, load_data, masks / "objects.parquet")
    execution = ExecutionSettings(workers=workers)
    fields = read_load_data(load_data)
    require_sound(fields, load_data, params, work, execution)
    table = extract(
        CellProfiler(),
        Sources(fields, masks=masks),
        work or WORK / "features",
        "cellprofiler",
        FeatureSettings(border_cells="keep" if keep_border else "drop"),
        execution,
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
        Path,
        typer.Argument(
            help="Folder with Image, Nuclei, Cells, Cytoplasm .csv, or one with such folders; or "
            "SQLite file (.sqlite, .db)."
        ),
    ],
    output: Output,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes. Default: one per core.")
    ] = None,
    work: Annotated[
        Path | None, typer.Option(help="Work folder: an interrupted run resumes there.")
    ] = None,
) -> None:
    """Average the cells that CellProfiler has measured over each field."""
    from phenoprot.core.files import write_parquet
    from phenoprot.core.paths import WORK
    from phenoprot.execution.settings import ExecutionSettings
    from phenoprot.features.measured import import_cellprofiler
    from phenoprot.screens.contract import CELL_COUNT, feature_columns

    _require_output(output, source)
    execution = ExecutionSettings(workers=workers)
    table = import_cellprofiler(source, work or WORK / "measured", execution)
    write_parquet(output, table)
    cells = int(table[CELL_COUNT].sum())
    typer.echo(f"{len(table)} fields, {cells} cells, {len(feature_columns(table))} features")
    typer.echo(str(output))


def _require_output(output: Path, *inputs: Path) -> None:
    """Stop before any work if its result could not be written, or would overwrite an input."""
    from phenoprot.core.errors import UserError
    from phenoprot.core.files import kind_of, resolved

    remedy = "Name a file of its own."
    where = f"--output {output}"
    if output.suffix != ".parquet":
        raise UserError("does not end in .parquet", where=where, remedy=remedy)
    if output.exists() and not output.is_file():
        raise UserError(f"is {kind_of(output)}, expected a file", where=where, remedy=remedy)
    place = resolved(output)
    if place in {resolved(given) for given in inputs}:
        raise UserError("is an input, too", where=where, remedy=remedy)
    above = next(parent for parent in place.parents if parent.exists())
    if not above.is_dir():
        raise UserError(
            f"lies below {above}, which is {kind_of(above)}", where=where, remedy=remedy
        )
    if not os.access(above, os.W_OK):
        raise UserError(
            f"cannot be written: no permission in {above}", where=where, remedy="Name another."
        )
