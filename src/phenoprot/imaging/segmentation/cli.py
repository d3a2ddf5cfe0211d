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
    masks = "masks"


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
        typer.Option(help="Thresholds, Cellpose-SAM, or files of masks (settings in --params)."),
    ] = None,
    nucleus_diameter: Annotated[
        float | None,
        typer.Option(
            help="Of a typical nucleus (px), for cellprofiler. Default: of --params, or measured."
        ),
    ] = None,
    outlines: Annotated[
        Path | None,
        typer.Option(help="Folder for a PNG of each field with its outlines; replaced."),
    ] = None,
    params: Annotated[
        Path | None,
        typer.Option(help="File with blocks segmentation and images, e.g. params.yaml."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes. Default: one per core.")
    ] = None,
    work: Annotated[
        Path | None, typer.Option(help="Work folder: an interrupted run resumes there.")
    ] = None,
) -> None:
    """Find nuclei and cells of every field of view."""
    from phenoprot.core.folders import require_replaceable
    from phenoprot.core.paths import WORK
    from phenoprot.core.settings import parse_settings, read_block
    from phenoprot.execution.settings import ExecutionSettings
    from phenoprot.imaging.gate import require_sound
    from phenoprot.imaging.segmentation.folder import BORDER, CELLS, DEAD
    from phenoprot.imaging.segmentation.pictures import MADE_BY as PICTURES
    from phenoprot.imaging.segmentation.pictures import write_outlines
    from phenoprot.imaging.segmentation.run import MADE_BY, require_place, segment_fields
    from phenoprot.imaging.segmentation.settings import SegmentationSettings
    from phenoprot.screens.load_data import read_load_data

    require_replaceable(output, MADE_BY)
    if outlines is not None:
        require_replaceable(outlines, PICTURES)
    given = read_block(params, "segmentation") if params else {}
    if method is not None:
        given["method"] = method.value
    method_settings = given.get("cellprofiler") or {}
    if nucleus_diameter is not None and isinstance(method_settings, dict):
        given["cellprofiler"] = {**method_settings, "nucleus_diameter": nucleus_diameter}
    settings = parse_settings(SegmentationSettings, given, str(params or "segment"))
    execution = ExecutionSettings(workers=workers)
    fields, shards = read_load_data(load_data), work or WORK / "masks"
    require_place(output, shards, fields)  # before the long check of all images
    require_sound(fields, load_data, params, work, execution)
    objects = segment_fields(fields, settings, output, shards, "segment", execution)
    counts = objects[[CELLS, BORDER, DEAD]].sum()
    typer.echo(
        f"{len(objects)} fields, {counts[CELLS]} cells, {counts[BORDER]} of them cut by the border;"
        f" {counts[DEAD]} dead cells left out"
    )
    typer.echo(str(output))
    if outlines is not None:
        write_outlines(outlines, output, fields)
        typer.echo(str(outlines))
