"""Stage: single-cell crops of every field of view."""


def crops(job):
    """Cut out all cells; a screen without images has a folder that says so."""
    from phenoprot.core.files import write_text
    from phenoprot.core.paths import WORK
    from phenoprot.execution.publish import published
    from phenoprot.imaging.crops.run import MADE_BY, crop_fields
    from phenoprot.screens.loader import load_screen

    source, paths = load_screen(job.folder), job.paths
    if source.info.tables.images is None:
        with published(paths.crops, MADE_BY) as new:
            write_text(new / "NOTE.txt", f"The screen {job.screen} has no images: no crops.\n")
        return
    crop_fields(
        source.images(),
        paths.masks,
        paths.crops,
        WORK / "crops",
        f"{job.screen} crops",
        job.params.crops,
        job.execution,
    )


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(crops)
