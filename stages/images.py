"""Stage: check every image of a screen, and sum up its channels."""

from phenoprot.pipeline.stage import run_stage


def images(screen: str) -> None:
    """Check all images before any work; a screen without images has a result that says so."""
    from phenoprot.core.files import write_json
    from phenoprot.core.paths import Paths
    from phenoprot.imaging.check import check_images
    from phenoprot.imaging.statistics import channel_statistics, write_channel_statistics
    from phenoprot.pipeline.params import load_params
    from phenoprot.screens.loader import load_screen

    params = load_params()
    source = load_screen(params.screen(screen).folder)
    folder = Paths(screen).images
    if source.info.tables.images is None:
        write_json(folder / "checks.json", {"images": 0})
        write_channel_statistics(folder / "channels.json", {})
        return
    report = check_images(
        source.images(), params.images, params.execution, title=f"{screen} images"
    )
    write_json(folder / "checks.json", report.summary())
    report.require_sound(str(source.folder / source.info.tables.images))
    channels = channel_statistics(report.files, source.wells())
    write_channel_statistics(folder / "channels.json", channels)


if __name__ == "__main__":
    run_stage(images)
