"""Stage: nuclei and cells of every field of view."""


def segment(job):
    """Segment all fields; a screen without images has a folder that says so."""
    from functools import partial

    from phenoprot.core.files import write_text
    from phenoprot.core.paths import WORK
    from phenoprot.execution.publish import published
    from phenoprot.imaging.segmentation.run import MADE_BY, segment_fields
    from phenoprot.imaging.segmentation.score import score_masks
    from phenoprot.screens.contract import CONTROL, NEGATIVE_CONTROL, WELL_KEY
    from phenoprot.screens.loader import load_screen

    source, folder = load_screen(job.folder), job.paths.masks
    if source.info.tables.images is None:
        with published(folder, MADE_BY) as new:
            write_text(new / "NOTE.txt", f"The screen {job.screen} has no images: no masks.\n")
        return
    fields = source.images()
    truth = source.folder / "truth" / "masks"
    wells = source.wells()
    score = partial(score_masks, truth=truth, fields=fields, wells=wells)
    controls = wells.loc[wells[CONTROL] == NEGATIVE_CONTROL, WELL_KEY]
    segment_fields(
        fields,
        job.params.segmentation,
        folder,
        WORK / "masks",
        f"{job.screen} segment",
        job.execution,
        score if truth.is_dir() else None,
        fields.merge(controls, on=WELL_KEY),
    )


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(segment)
