"""``phenoprot images``: look at the images of a screen, and find fields that stand out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

images_app = typer.Typer(
    help="Pictures of fields, cells and plates; fields that stand out.", no_args_is_help=True
)


class Stain(StrEnum):
    """Stains of Cell Painting."""

    DNA = "DNA"
    ER = "ER"
    RNA = "RNA"
    AGP = "AGP"
    Mito = "Mito"


Screen = Annotated[
    str,
    typer.Argument(
        help="Screen of params.yaml, screen folder, or LoadData CSV.", metavar="SCREEN|DIR|CSV"
    ),
]
Masks = Annotated[Path | None, typer.Option(help="Folder of masks. Default: of the stage segment.")]
Plates = Annotated[list[str] | None, typer.Option("--plate", help="Only these; repeat the option.")]
Wells = Annotated[list[str] | None, typer.Option("--well", help="Only these; repeat the option.")]
Sites = Annotated[list[str] | None, typer.Option("--site", help="Only these; repeat the option.")]


@images_app.command()
def show(
    screen: Screen,
    output: Annotated[Path, typer.Option(help="Folder of the pictures (PNG); replaced.")],
    masks: Masks = None,
    plate: Plates = None,
    well: Wells = None,
    site: Sites = None,
    stain: Annotated[
        list[Stain] | None, typer.Option(help="Only these; repeat the option.")
    ] = None,
    outlines: Annotated[bool, typer.Option(help="Draw outlines of nuclei and cells.")] = True,
    fields: Annotated[
        int, typer.Option(min=0, max=10_000, help="Most fields to draw, chosen by the seed.")
    ] = 12,
    cells: Annotated[
        int, typer.Option(min=0, max=1_000, help="Cells of the contact sheet, from these fields.")
    ] = 24,
    maps: Annotated[bool, typer.Option(help="Draw plate maps.")] = True,
    pixel_size: Annotated[
        float | None, typer.Option(min=0.001, max=1000, help="Of the field (µm): a scale bar.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of fields and cells.")] = 0,
) -> None:
    """Draw fields with outlines, single cells, and plate maps of counts and of each stain."""
    from phenoprot.core.folders import require_replaceable
    from phenoprot.imaging.show.pictures import MADE_BY, Choice, chosen_stains, write_pictures
    from phenoprot.imaging.show.source import find_shown

    require_replaceable(output, MADE_BY)
    found = find_shown(screen, masks).only(plate or [], well or [], site or [])
    stains = chosen_stains([each.value for each in stain or []])
    choice = Choice(stains, outlines, fields, cells, maps, pixel_size, seed)
    pictures = write_pictures(output, found, choice)
    typer.echo(f"{len(pictures)} pictures of {len(found.fields)} fields")
    typer.echo(str(output))


@images_app.command()
def qc(
    screen: Screen,
    masks: Masks = None,
    plate: Plates = None,
    outlier_z: Annotated[
        float | None,
        typer.Option(min=0, help="Robust z of an outlier. Default: images.outlier_z of the run."),
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="CSV to write: all numbers of all fields.")
    ] = None,
) -> None:
    """Print how good the fields are, and the outliers with reasons."""
    from phenoprot.core.files import write_text
    from phenoprot.core.outputs import require_output
    from phenoprot.imaging.quality.text import quality_lines
    from phenoprot.imaging.show.source import find_shown

    if table is not None:
        require_output(table, {"LoadData CSV": Path(screen)})
    shown = find_shown(screen, masks).only(plate or [], [], [])
    fields = shown.table(outlier_z)
    for line in quality_lines(fields, shown.crop_size()):
        typer.echo(line)
    if table is not None:
        write_text(table, fields.to_csv(index=False, lineterminator="\n"))
