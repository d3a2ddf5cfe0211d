"""``phenoprot screens import targets``: target annotations of the compounds of a screen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phenoprot.core.errors import UserError
from phenoprot.imports.cli_proteins import require_known

EVIDENCE = ("activities", "mechanisms", "both")


def targets(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Files of one source, or their folder: DrugBank's XML; TTD's P1-01, P1-02, P1-07; "
            "ChEMBL's SQLite or tables; interactions and ligands of the Guide to Pharmacology; or "
            "a plain table."
        ),
    ],
    wells: Annotated[Path, typer.Option(help="Wells table of the screen: its compounds.")],
    output: Annotated[Path, typer.Option(help="Targets to write (.csv).")],
    source: Annotated[
        str | None, typer.Option(help="Text for Metadata_Source. Default: the source's name.")
    ] = None,
    known_action: Annotated[
        bool, typer.Option("--known-action", help="DrugBank: targets with a known action only.")
    ] = False,
    all_organisms: Annotated[
        bool, typer.Option("--all-organisms", help="Targets of other organisms than human, too.")
    ] = False,
    min_pchembl: Annotated[
        float, typer.Option(min=0, max=15, help="ChEMBL: least median pChEMBL of a pair.")
    ] = 6.0,
    evidence: Annotated[str, typer.Option(help="ChEMBL: activities, mechanisms or both.")] = "both",
    genes: Annotated[
        Path | None, typer.Option(help="ChEMBL's tables: UniProt identifiers and their genes.")
    ] = None,
) -> None:
    """Read target annotations for the compounds of a screen, and say what was matched."""
    from phenoprot.core.files import write_text
    from phenoprot.core.outputs import require_output
    from phenoprot.imports.targets import TargetOptions, read_targets
    from phenoprot.screens.tables import read_table

    require_known("--evidence", evidence, EVIDENCE)
    if output.suffix != ".csv":
        raise UserError("does not end in .csv", where=f"--output {output}", remedy="Name it so.")
    inputs = {f"file {path.name}": path for path in files} | {"wells table": wells}
    require_output(output, inputs)
    options = TargetOptions(source, known_action, all_organisms, min_pchembl, evidence, genes)  # type: ignore[arg-type]
    found = read_targets(files, read_table(wells), options)
    write_text(output, found.table.to_csv(index=False, lineterminator="\n"))
    for line in found.lines:
        typer.echo(line)
    typer.echo(str(output))
