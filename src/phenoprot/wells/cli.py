"""``phenoprot profiles``: from features of fields or wells to normalised well profiles."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Normalisation(StrEnum):
    """How features are expressed relative to the plate's negative controls."""

    standardise = "standardise"
    robust = "robust"


def profiles(
    features: Annotated[Path, typer.Argument(help="Features of fields or wells (.parquet, .csv).")],
    wells: Annotated[
        Path, typer.Option(help="Plate layout with Metadata_Control (.csv, .parquet).")
    ],
    output: Annotated[Path, typer.Option(help="Table of well profiles to write (.parquet).")],
    normalisation: Annotated[
        Normalisation,
        typer.Option(help="Per plate: mean and sd of the controls, or median and MAD."),
    ] = Normalisation.standardise,
    params: Annotated[
        Path | None, typer.Option(help="File with a block validation, e.g. params.yaml.")
    ] = None,
) -> None:
    """Average fields to wells and normalise each plate to its negative controls."""
    from phenoprot.core.errors import UserError
    from phenoprot.core.files import write_parquet
    from phenoprot.core.notices import warn
    from phenoprot.core.outputs import require_output
    from phenoprot.core.settings import parse_settings, read_yaml
    from phenoprot.screens.contract import feature_columns
    from phenoprot.validation.settings import ValidationSettings
    from phenoprot.wells.wells import read_features, read_layout, well_profiles

    if output.suffix != ".parquet":
        raise UserError(
            "does not end in .parquet", where=f"--output {output}", remedy="Name it so."
        )
    require_output(output, {"table of features": features, "plate layout": wells})
    given = read_yaml(params).get("validation", {}) if params else {}
    table, warnings = well_profiles(
        read_features(features),
        read_layout(wells),
        normalisation.value,
        parse_settings(ValidationSettings, given, f"{params}, validation"),
    )
    for warning in warnings:
        warn(warning)
    write_parquet(output, table)
    typer.echo(f"{len(table)} wells, {len(feature_columns(table))} features")
    typer.echo(str(output))
