"""Stage: nuclei and cells of every field of view."""

from phenoprot.pipeline.stage import run_stage


def segment(screen: str) -> None:
    """Segment all fields; a screen without images has a folder that says so."""
    from functools import partial

    from phenoprot.core.files import write_text
    from phenoprot.core.paths import WORK, Paths
    from phenoprot.execution.publish import published
    from phenoprot.imaging.segmentation.run import MADE_BY, segment_fields
    from phenoprot.imaging.segmentation.score import score_masks
    from phenoprot.pipeline.params import load_params
    from phenoprot.screens.loader import load_screen

    params = load_params()
    source = load_screen(params.screen(screen).folder)
    folder = Paths(screen).masks
    if source.info.tables.images is None:
        with published(folder, MADE_BY) as new:
            write_text(new / "NOTE.txt", f"The screen {screen} has no images: no masks.\n")
        return
    fields = source.images()
    truth = source.folder / "truth" / "masks"
    score = partial(score_masks, truth=truth, fields=fields, wells=source.wells())
    segment_fields(
        fields,
        params.segmentation,
        folder,
        WORK / "masks",
        f"{screen} segment",
        params.execution,
        score if truth.is_dir() else None,
    )


if __name__ == "__main__":
    run_stage(segment)
