"""Stage: single-cell crops of every field of view."""

from phenoprot.pipeline.stage import run_stage


def crops(screen: str) -> None:
    """Cut out all cells; a screen without images has a folder that says so."""
    from phenoprot.core.files import write_text
    from phenoprot.core.paths import WORK, Paths
    from phenoprot.execution.publish import published
    from phenoprot.imaging.crops.run import MADE_BY, crop_fields
    from phenoprot.pipeline.params import load_params
    from phenoprot.screens.loader import load_screen

    params = load_params()
    source = load_screen(params.screen(screen).folder)
    paths = Paths(screen)
    if source.info.tables.images is None:
        with published(paths.crops, MADE_BY) as new:
            write_text(new / "NOTE.txt", f"The screen {screen} has no images: no crops.\n")
        return
    crop_fields(
        source.images(),
        paths.masks,
        paths.crops,
        WORK / "crops",
        f"{screen} crops",
        params.crops,
        params.execution,
    )


if __name__ == "__main__":
    run_stage(crops)
