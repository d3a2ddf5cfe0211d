"""The ``phenoprot`` command. Heavy imports are inside the commands: ``--help`` is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phenoprot.core import runtime
from phenoprot.core.errors import UserError
from phenoprot.core.notices import errors_in_one_line, warn
from phenoprot.core.version import __version__
from phenoprot.costs.cli import plan
from phenoprot.curves.cli import app as curves_app
from phenoprot.features.cli import features_app
from phenoprot.imaging.segmentation.cli import segment
from phenoprot.imaging.show.cli import images_app
from phenoprot.imports.cli import import_app, new
from phenoprot.phantom.cli import simulate_full
from phenoprot.pipeline.cli import pipeline_app, verify
from phenoprot.pipeline.page import report
from phenoprot.pipeline.presets import app as preset_app
from phenoprot.pipeline.tables import tables
from phenoprot.revisions.cli import compare
from phenoprot.submissions.cli import export_app, folds_app, score
from phenoprot.weights.cli import weights_app
from phenoprot.wells.cli import profiles

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="How much of the proteome can be read from Cell Painting images?",
)
screens_app = typer.Typer(no_args_is_help=True, help="Screens: build, inspect, validate.")
app.add_typer(screens_app, name="screens")
screens_app.command("new")(new)
screens_app.add_typer(import_app, name="import")
screens_app.command("simulate-full")(simulate_full)
app.add_typer(curves_app, name="curves")
app.command()(segment)
app.add_typer(images_app, name="images")
app.add_typer(features_app, name="features")
app.command()(profiles)
app.add_typer(folds_app, name="folds")
app.command()(score)
app.add_typer(export_app, name="export")
app.add_typer(weights_app, name="weights")
app.add_typer(preset_app, name="preset")
app.add_typer(pipeline_app, name="pipeline")
app.command()(plan)
app.command()(tables)
app.command()(report)
app.command()(verify)
app.command()(compare)

Folder = Annotated[Path, typer.Argument(help="Screen folder, with its screen.yaml.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@screens_app.command("build")
def build(
    name: Annotated[str, typer.Argument(help="cpjump1 or comas")],
    upstream: Annotated[Path, typer.Option(help="Folder that holds the upstream files.")],
    folder: Annotated[Path | None, typer.Option(help="Default: data/screens/NAME.")] = None,
) -> None:
    """Build a shipped screen's tables from its upstream files (checked by SHA-256)."""
    from phenoprot.screens import comas, cpjump1

    builders = {"cpjump1": cpjump1.build_screen, "comas": comas.build_screen}
    if name not in builders:
        there = ", ".join(builders)
        raise UserError(f"no builder for screen '{name}'", remedy=f"There are: {there}.")
    builders[name](upstream, folder or Path("data/screens") / name)


@screens_app.command("show")
def show(folder: Folder) -> None:
    """Print what a screen holds."""
    from phenoprot.screens.summary import describe

    print(describe(folder))


@screens_app.command("validate")
def validate(folder: Folder) -> None:
    """Check a screen folder with the limits of params.yaml, before bringing it in."""
    from functools import partial

    from phenoprot.pipeline.params import load_params
    from phenoprot.validation.checks import validate_folder
    from phenoprot.validation.report import require_valid
    from phenoprot.wells.normalise import normalise_to_controls

    params = load_params()
    report = validate_folder(
        folder,
        params.validation,
        partial(normalise_to_controls, method=params.profiles.normalisation),
    )
    for line in report.warning_lines():
        warn(line)
    require_valid(report)
    print(f"{folder}: valid")


@screens_app.command("compare")
def compare_with(
    screen: Annotated[str, typer.Argument(help="Name of a screen in params.yaml.")],
    other: Annotated[str, typer.Argument(help="Name of the screen to compare it with.")],
    markdown: Annotated[bool, typer.Option("--md", help="Print Markdown.")] = False,
) -> None:
    """Compare two predicted screens whose folds are paired, on what both have."""
    from phenoprot.core.paths import Paths
    from phenoprot.evaluation.across import compare_screens
    from phenoprot.pipeline.params import load_params
    from phenoprot.pipeline.presence import contents_of
    from phenoprot.report.across_tables import across_tables
    from phenoprot.report.show import print_table
    from phenoprot.tasks.registry import tasks_of

    params = load_params()
    block = params.screen(screen)
    params.screen(other)
    tasks = tasks_of(contents_of(screen, block.folder), block.rows.values())
    across = compare_screens(Paths(screen), Paths(other), list(block.rows), tasks, params.execution)
    for table in across_tables(across, screen):
        print_table(table, markdown)


def main() -> None:
    """Entry point: what a user can fix is one line on stderr and exit code 1."""
    runtime.pin()
    with errors_in_one_line("phenoprot"):
        app()
