"""``phenoprot screens simulate-full``: a simulated screen of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate_full(
    folder: Annotated[Path, typer.Argument(help="New screen folder.", metavar="DIR")],
    compounds: Annotated[int, typer.Option(help="Compounds.")] = 2000,
    proteins: Annotated[int, typer.Option(help="Proteins.")] = 7000,
    features: Annotated[int, typer.Option(help="Features of images.")] = 4459,
    concentrations: Annotated[int, typer.Option(help="Doses of a compound, 5 or more.")] = 5,
    replicates: Annotated[int, typer.Option(help="Replicates, each on plates of its own.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of all random numbers.")] = 20240801,
) -> None:
    """Simulate a screen of tables with planted truth, of any size and in little memory."""
    from phenoprot.core.settings import parse_settings
    from phenoprot.phantom.full import FullSettings
    from phenoprot.phantom.full import simulate_full as simulate

    content = {
        "compounds": compounds,
        "proteins": proteins,
        "features": features,
        "concentrations": concentrations,
        "replicates": replicates,
        "seed": seed,
    }
    simulate(parse_settings(FullSettings, content, "simulate-full"), folder)
    typer.echo(f"{folder}: {compounds} compounds, {proteins} proteins, {features} features")
