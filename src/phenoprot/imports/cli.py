"""``phenoprot screens new`` and ``phenoprot screens import``: from a laboratory's files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from phenoprot.core.errors import UserError, quoted
from phenoprot.imports.cli_proteins import SCALES, proteins, require_known
from phenoprot.imports.cli_targets import targets

import_app = typer.Typer(no_args_is_help=True, help="Read one table of a screen of your own.")
import_app.command("proteins")(proteins)
import_app.command("targets")(targets)

Output = Annotated[Path, typer.Option(help="Table to write (.csv, .parquet).")]
Plate = Annotated[str | None, typer.Option(help="Plate of tables that name none.")]
Unit = Annotated[str | None, typer.Option(help="Unit of the concentrations: M, mM, uM, nM, pM.")]
Dose = Annotated[
    float | None, typer.Option("--concentration", help="Concentration of all treated wells.")
]
Control = Annotated[str | None, typer.Option(help="Name of the negative control, e.g. DMSO.")]
Compounds = Annotated[
    Path | None,
    typer.Option(
        help="Table of the compounds: broad_sample, name, InChIKey, SMILES, control_type."
    ),
]
Barcodes = Annotated[
    Path | None, typer.Option(help="Table of plates: Assay_Plate_Barcode, Plate_Map_Name.")
]
Pattern = Annotated[
    str | None, typer.Option(help="File names: harmony, imagexpress or a regular expression.")
]
Channels = Annotated[str | None, typer.Option(help="Stain of each channel: 1=DNA,2=ER,...")]


@import_app.command("plate-map")
def plate_map(
    maps: Annotated[list[Path], typer.Argument(help="Plate maps: files or folders.")],
    output: Output,
    plates: Annotated[
        str, typer.Option(help="Plates of maps that name none, with commas between.")
    ] = "",
    barcodes: Barcodes = None,
    compounds: Compounds = None,
    concentration: Dose = None,
    unit: Unit = None,
    negative_control: Control = None,
) -> None:
    """Read plate maps into a wells table."""
    from phenoprot.imports.columns import EXPONENT
    from phenoprot.imports.layout import LayoutOptions
    from phenoprot.imports.maps import read_plate_maps
    from phenoprot.imports.settle import settled
    from phenoprot.imports.source import read_any, write_any

    require_known("--unit", unit, EXPONENT)
    _require_table(output, maps, {"table of compounds": compounds, "table of plates": barcodes})
    options = LayoutOptions(None, concentration, unit, negative_control)
    known = read_any(compounds) if compounds is not None else None
    names = [plate.strip() for plate in plates.split(",") if plate.strip()]
    layout = read_plate_maps(maps, names, options, known, barcodes)
    lines = list(layout.lines)
    wells = settled(layout.wells, lines)
    write_any(output, wells)
    for line in lines:
        typer.echo(line)
    typer.echo(f"{len(wells)} wells on {wells['Metadata_Plate'].nunique()} plate(s), {layout.unit}")
    typer.echo(str(output))


@import_app.command("profiles")
def profiles(
    tables: Annotated[
        list[Path],
        typer.Argument(help="Tables of wells, fields or cells: .parquet, .csv, .tsv, .h5ad."),
    ],
    output: Output,
    plate: Plate = None,
) -> None:
    """Read feature tables of pycytominer, CytoTable, AnnData and others into one."""
    from phenoprot.imports.profiles import read_profiles
    from phenoprot.imports.source import write_any
    from phenoprot.screens.contract import feature_columns

    _require_table(output, tables)
    read = read_profiles(tables, plate=plate)
    write_any(output, read.table)
    for line in read.lines:
        typer.echo(line)
    typer.echo(f"{len(read.table)} rows, {len(feature_columns(read.table))} features")
    typer.echo(str(output))


@import_app.command("images")
def images(
    source: Annotated[Path, typer.Argument(help="LoadData CSV, or a folder of images.")],
    output: Output,
    pattern: Pattern = None,
    channels: Channels = None,
    plate: Plate = None,
) -> None:
    """Find the fields of view in a folder, and write their LoadData table."""
    from phenoprot.imports.images import load_data_table, read_images
    from phenoprot.imports.source import write_any

    _require_table(output, [source])
    read = read_images(source, pattern, stains_of(channels), plate)
    write_any(output, load_data_table(read.fields, output.parent))
    for line in read.lines:
        typer.echo(line)
    typer.echo(str(output))


def new(
    folder: Annotated[Path, typer.Argument(help="Folder to write: data/screens/NAME.")],
    plate_map: Annotated[
        list[Path] | None, typer.Option(help="Plate map, or a folder of them. May be repeated.")
    ] = None,
    barcodes: Barcodes = None,
    compounds: Compounds = None,
    profiles: Annotated[
        list[str] | None,
        typer.Option(help="[NAME=]FILE, folder or pattern of feature tables. May be repeated."),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="LoadData CSV, or a folder of images.")
    ] = None,
    pattern: Pattern = None,
    channels: Channels = None,
    proteins: Annotated[Path | None, typer.Option(help="Protein table.")] = None,
    samples: Annotated[
        Path | None, typer.Option(help="Table of the protein table's columns and their wells.")
    ] = None,
    protein_pattern: Annotated[
        str | None, typer.Option(help="Regular expression: groups plate and well of a column.")
    ] = None,
    protein_plate: Annotated[
        str | None, typer.Option(help="Plate of a protein table that names none.")
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(help=f"{', '.join(SCALES)}. Default: told from the values."),
    ] = None,
    targets: Annotated[
        list[Path] | None, typer.Option(help="Target annotations. May be repeated.")
    ] = None,
    concentration: Dose = None,
    unit: Unit = None,
    negative_control: Control = None,
    plate: Plate = None,
    normalised: Annotated[
        bool | None,
        typer.Option(
            "--normalised/--raw", help="Features are normalised to the negative controls, or not."
        ),
    ] = None,
    cell_line: Annotated[str | None, typer.Option(help="The imaged cells.")] = None,
    protein_cell_line: Annotated[
        str | None, typer.Option(help="Cells of the readout. Default: the imaged ones.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="One line for tables.")] = None,
    organism: Annotated[str, typer.Option(help="Species of the cells.")] = "Homo sapiens",
    params: Annotated[
        Path | None, typer.Option(help="File to add the screen's block to: params.yaml.")
    ] = None,
) -> None:
    """Make a screen folder from a laboratory's files."""
    from phenoprot.core.files import write_text
    from phenoprot.imports.columns import EXPONENT
    from phenoprot.imports.described import describe
    from phenoprot.imports.draft import Inputs, draft
    from phenoprot.imports.layout import LayoutOptions
    from phenoprot.imports.new import (
        About,
        params_block,
        require_new,
        to_do,
        with_block,
        write_screen,
    )
    from phenoprot.imports.proteins import ProteinOptions

    require_new(folder)
    require_known("--unit", unit, EXPONENT)
    require_known("--scale", scale, SCALES)
    given: Any = scale
    made = draft(
        Inputs(
            plate_maps=plate_map or (),
            barcodes=barcodes,
            compounds=compounds,
            profiles=_named(profiles or []),
            images=images,
            pattern=pattern,
            channels=stains_of(channels),
            proteins=proteins,
            protein_options=ProteinOptions(
                samples=samples, pattern=protein_pattern, plate=protein_plate, scale=given
            ),
            targets=targets or (),
            layout=LayoutOptions(plate, concentration, unit, negative_control),
            normalised=normalised,
            cell_line=cell_line,
            protein_cell_line=protein_cell_line,
        )
    )
    block = params_block(made, folder)
    changed = None if params is None else with_block(params, folder.resolve().name, block)
    write_screen(made, folder, About(title, organism))
    if params is not None and changed is not None:
        write_text(params, changed)
    for label, line in describe(made):
        typer.echo(f"{label}: {line}" if label else f"    {line}")
    typer.echo("to do:")
    for step in to_do(made, folder, params):
        typer.echo(f"  - {step}")
    if params is None:
        typer.echo(f"screens:\n{block}", nl=False)


def _require_table(
    output: Path, read: Sequence[Path], further: Mapping[str, Path | None] | None = None
) -> None:
    """Stop, before any work, unless `output` can be written and is none of the files read."""
    from phenoprot.core.outputs import require_output
    from phenoprot.imports.source import expanded, require_written_ending

    require_written_ending(output)
    files = [each for path in read for each in ([path] if path.is_dir() else expanded([path]))]
    inputs: dict[str, Path | None] = {f"file {path.name}": path for path in files}
    inputs |= further or {}
    require_output(output, {what: path for what, path in inputs.items() if path is not None})


def _named(texts: Sequence[str]) -> dict[str | None, list[Path]]:
    """Files by the name of their table; without a name they are of one table."""
    found: dict[str | None, list[Path]] = {}
    for text in texts:
        name, separator, rest = text.partition("=")
        if separator and not Path(text).exists() and "/" not in name:
            found.setdefault(name, []).append(Path(rest))
        else:
            found.setdefault(None, []).append(Path(text))
    return found


def stains_of(text: str | None) -> dict[str, str] | None:
    """``1=DNA,2=ER`` as stains by channel."""
    if text is None:
        return None
    parts = [part.partition("=") for part in text.split(",") if part.strip()]
    if not all(separator for _, separator, _ in parts):
        raise UserError(
            f"{quoted(text)} is no list of channels",
            where="--channels",
            remedy="Write 1=DNA,2=ER,3=RNA,4=AGP,5=Mito.",
        )
    return {channel.strip(): stain.strip() for channel, _, stain in parts}
