"""``phenoprot folds export``, ``phenoprot score`` and ``phenoprot export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phenoprot.core.errors import UserError

folds_app = typer.Typer(no_args_is_help=True, help="The folds of the cross-validation.")
export_app = typer.Typer(no_args_is_help=True, help="Write a screen in formats of others.")

Screen = Annotated[str, typer.Option(help="Name of the screen in params.yaml.")]
Params = Annotated[Path, typer.Option(help="Parameters of the suite.")]


@folds_app.command("export")
def export_folds(
    screen: Screen,
    output: Annotated[Path, typer.Option(help="Table to write (.csv, .parquet).")],
    kind: Annotated[
        str | None, typer.Option(help="compound, scaffold, target, plate, random.")
    ] = None,
    params: Params = Path("params.yaml"),
) -> None:
    """Write the folds to train with: a compound is tested in its fold, and trained in others."""
    from phenoprot.core.paths import Paths
    from phenoprot.imports.source import write_any
    from phenoprot.submissions.score import table_folds
    from phenoprot.tasks.columns import FOLD, REPEAT

    table = table_folds(Paths(screen), params, kind)
    write_any(output, table)
    typer.echo(
        f"{output}: {table[REPEAT].nunique()} repeats of {table[FOLD].nunique()} folds, "
        f"{table['Metadata_Compound'].nunique()} compounds"
    )


def score(
    predictions: Annotated[Path, typer.Argument(help="Predictions (.parquet, .csv).")],
    screen: Screen,
    task: Annotated[str, typer.Option(help="classification, regression, targets or sensitivity.")],
    output: Annotated[
        Path | None, typer.Option(help="Folder to write the scores of each part to.")
    ] = None,
    params: Params = Path("params.yaml"),
) -> None:
    """Score predictions of a model that was trained elsewhere, as a row of the suite."""
    from phenoprot.submissions.score import score_predictions, summary, write_scores

    scores = score_predictions(predictions, screen, task, params)
    if output is not None:
        write_scores(scores, output)
    for line in summary(scores):
        typer.echo(line)


@export_app.command("anndata")
def export_anndata(
    screen: Screen,
    features: Annotated[str, typer.Option(help="Name of the profiles: cellprofiler, mae, ...")],
    output: Annotated[Path, typer.Option(help="File to write (.h5ad).")],
    params: Params = Path("params.yaml"),
) -> None:
    """Write profiles and labels as AnnData."""
    from phenoprot.submissions.export import write_anndata
    from phenoprot.submissions.score import screen_folder

    if output.suffix != ".h5ad":
        raise UserError("does not end in .h5ad", where=f"--output {output}", remedy="Name another.")
    rows, columns, parts = write_anndata(screen, screen_folder(screen, params), features, output)
    typer.echo(f"{output}: {rows} treatments, {columns} features, {parts} label matrices")


@export_app.command("croissant")
def export_croissant(
    folder: Annotated[Path, typer.Argument(help="Screen folder, with its screen.yaml.")],
    output: Annotated[Path, typer.Option(help="File to write (.json).")],
) -> None:
    """Describe a screen folder as Croissant JSON-LD."""
    from phenoprot.core.files import write_json
    from phenoprot.submissions.export import croissant

    write_json(output, croissant(folder))
    typer.echo(str(output))
