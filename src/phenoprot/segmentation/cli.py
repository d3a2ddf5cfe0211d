"""``phenoprot segment``: nuclei and cells of the fields of view of any LoadData CSV."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Method(StrEnum):
    """Ways to segment."""

    cellprofiler = "cellprofiler"
    cellpose = "cellpose"


def segment(
    load_data: Annotated[
        Path,
        typer.Argument(help="CellProfiler LoadData CSV of the images.", metavar="LOADDATA.csv"),
    ],
    output: Annotated[
        Path, typer.Option(help="Folder for <plate>/<row>.zip and objects.parquet; replaced.")
    ],
    method: Annotated[
        Method | None,
        typer.Option(help="Thresholds, or Cellpose-SAM [default: of --params, or cellprofiler]."),
    ] = None,
    nucleus_diameter: Annotated[
        float | None,
        typer.Option(
            help="Of a typical nucleus (px), for cellprofiler [default: of --params, or 17]."
        ),
    ] = None,
    params: Annotated[
        Path | None, typer.Option(help="File with a block segmentation, e.g. params.yaml.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes [default: one per core].")
    ] = None,
    work: Annotated[
        Path | None, typer.Option(help="Work folder: a run that was stopped goes on from there.")
    ] = None,
) -> None:
    """Find nuclei and cells of every field of view."""
    from phenoprot.execution.settings import ExecutionSettings
    from phenoprot.layout import WORK
    from phenoprot.screens.load_data import read_load_data
    from phenoprot.segmentation.run import BORDER, CELLS, DEAD, segment_fields
    from phenoprot.segmentation.settings import SegmentationSettings
    from phenoprot.settings import parse_settings, read_yaml

    given = read_yaml(params).get("segmentation", {}) if params else {}
    if method is not None:
        given["method"] = method.value
    if nucleus_diameter is not None:
        given["cellprofiler"] = {
            **given.get("cellprofiler", {}),
            "nucleus_diameter": nucleus_diameter,
        }
    settings = parse_settings(SegmentationSettings, given, str(params or "segment"))
    objects = segment_fields(
        read_load_data(load_data),
        settings,
        output,
        work or WORK / "masks",
        "segment",
        ExecutionSettings(workers=workers),
    )
    counts = objects[[CELLS, BORDER, DEAD]].sum()
    typer.echo(
        f"{len(objects)} fields, {counts[CELLS]} cells, {counts[BORDER]} of them cut by the border;"
        f" {counts[DEAD]} dead cells left out"
    )
    typer.echo(str(output))
