"""``phenoprot screens import proteins``: a protein table as the readout of a screen."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from phenoprot.core.errors import UserError, quoted

SCALES = ("linear", "log2", "log10", "ln", "level")


def require_known(option: str, value: str | None, known: Iterable[str]) -> None:
    """Stop if an option is given and has none of the values `known`."""
    if value is not None and value not in (words := list(known)):
        raise UserError(
            f"is unknown: {quoted(value)}", where=option, remedy=f"Use one of {', '.join(words)}."
        )


def proteins(
    file: Annotated[
        Path,
        typer.Argument(
            help="Protein table: of MaxQuant, DIA-NN, FragPipe, Spectronaut, Proteome Discoverer, "
            "CurveCurator, GCT, a long table or a table of wells."
        ),
    ],
    output: Annotated[Path, typer.Option(help="Readout to write (.parquet).")],
    dialect: Annotated[
        str | None, typer.Option(help="What it is, if the header does not tell.")
    ] = None,
    quantity: Annotated[
        str | None, typer.Option(help="Which quantity, e.g. 'LFQ intensity' or 'iBAQ'.")
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(
            help="Regular expression with (?P<plate>...) and (?P<well>...) for the names of the "
            "samples. Default: PLATE_WELL."
        ),
    ] = None,
    samples: Annotated[
        Path | None, typer.Option(help="Table with the columns column, plate, well.")
    ] = None,
    plate: Annotated[str | None, typer.Option(help="Plate of all samples.")] = None,
    scale: Annotated[
        str | None,
        typer.Option(help=f"{', '.join(SCALES)}. Default: told from the values."),
    ] = None,
    genes: Annotated[
        str, typer.Option(help="Several groups of a gene: best (with most values) or sum.")
    ] = "best",
    name: Annotated[
        str | None, typer.Option(help="Column that names the proteins. Default: the gene.")
    ] = None,
    wells: Annotated[
        Path | None, typer.Option(help="Wells table of the screen, to compare with.")
    ] = None,
) -> None:
    """Read a protein table into the long table of a screen, and say what was left out."""
    from phenoprot.core.files import write_parquet
    from phenoprot.core.notices import warn
    from phenoprot.core.outputs import require_output
    from phenoprot.imports.proteins import ProteinOptions, read_proteins
    from phenoprot.screens.tables import read_table

    require_known("--scale", scale, SCALES)
    require_known("--genes", genes, ("best", "sum"))
    if output.suffix != ".parquet":
        raise UserError(
            "does not end in .parquet", where=f"--output {output}", remedy="Name it so."
        )
    inputs = {"protein table": file, "map of samples": samples, "wells table": wells}
    require_output(output, {what: path for what, path in inputs.items() if path is not None})
    options = ProteinOptions(dialect, quantity, samples, pattern, plate, scale, genes, name)  # type: ignore[arg-type]
    found = read_proteins(file, options, None if wells is None else read_table(wells))
    write_parquet(output, found.table)
    for line in found.report.lines():
        typer.echo(line)
    for line in found.report.warnings():
        warn(line, str(file))
    typer.echo(f"{output}: for screen.yaml, kind: {found.kind}")
