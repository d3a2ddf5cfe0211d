"""Stage: check every image of a screen, and sum up its channels."""


def images(job):
    """Check all images before any work."""
    from phenoprot.core.files import write_json
    from phenoprot.imaging.check import check_images
    from phenoprot.imaging.statistics import channel_statistics, write_channel_statistics
    from phenoprot.screens.loader import load_screen

    source, folder = load_screen(job.folder), job.paths.images
    report = check_images(
        source.images(), job.params.images, job.execution, title=f"{job.screen} images"
    )
    write_json(folder / "checks.json", report.summary())
    report.require_sound(str(source.folder / source.info.tables.images))
    channels = channel_statistics(report.files, source.wells())
    write_channel_statistics(folder / "channels.json", channels)


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(images)
