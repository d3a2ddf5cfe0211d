"""Stage: nuclei and cells of every field of view."""


def segment(job):
    """Segment all fields."""
    from functools import partial

    from phenoprot.core.paths import WORK
    from phenoprot.imaging.segmentation.run import segment_fields
    from phenoprot.imaging.segmentation.score import score_masks
    from phenoprot.screens.contract import CONTROL, NEGATIVE_CONTROL, WELL_KEY
    from phenoprot.screens.loader import load_screen

    source, folder = load_screen(job.folder), job.paths.masks
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
