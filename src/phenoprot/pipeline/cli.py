"""Commands about the pipeline: ``phenoprot pipeline ...`` and ``phenoprot verify``."""

from __future__ import annotations

from typing import Annotated

import typer

pipeline_app = typer.Typer(no_args_is_help=True, help="The pipeline: dvc.yaml and its stages.")


@pipeline_app.command("write")
def write() -> None:
    """Write dvc.yaml from the declared stages, params.yaml and the screen folders."""
    from phenoprot.pipeline.dvc_file import DVC_FILE, write_dvc_yaml

    write_dvc_yaml()
    print(f"{DVC_FILE}: written")


@pipeline_app.command("check")
def check() -> None:
    """Is dvc.yaml what `phenoprot pipeline write` would write?"""
    from phenoprot.pipeline.dvc_file import DVC_FILE, require_in_step

    require_in_step()
    print(f"{DVC_FILE}: in step")


def verify(
    screen: Annotated[str | None, typer.Argument(help="Default: every screen.")] = None,
) -> None:
    """Rebuild each screen's report from data/ and compare it with the one in git, byte for byte."""
    from phenoprot.pipeline.verify import verify_screens

    for name, count in verify_screens([screen] if screen else None).items():
        print(f"{name}: verified, {count} files of metrics/ and docs/ are what data/scores gives")
