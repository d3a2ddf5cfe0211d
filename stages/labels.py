"""Stage: labels (up / down / not / unclassified) and levels from the protein readout, or given."""


def labels(job):
    """Label every compound and protein, and average levels per treatment."""
    from phenoprot.core.files import write_json, write_parquet
    from phenoprot.core.paths import WORK
    from phenoprot.curves.streamed import is_streamed
    from phenoprot.readout.screen import label_screen
    from phenoprot.readout.streamed import label_screen_in_blocks
    from phenoprot.screens.loader import load_screen

    paths = job.paths
    screen, params = load_screen(job.folder), job.params
    info = screen.info
    fits = params.curves.for_screen(info.negative_control, info.concentration_unit)
    if is_streamed(screen, fits):
        work, title = WORK / "ceiling", f"{job.screen} ceiling"
        counts = label_screen_in_blocks(
            screen, paths.curves, params.labels, fits, paths.labels, work, title, job.execution
        )
        write_json(paths.labels / "counts.json", counts)
        return
    labelled = label_screen(screen, paths.curves, params.labels, params.curves)
    write_parquet(paths.labels / "labels.parquet", labelled.labels)
    if labelled.levels is not None and labelled.ceiling is not None:
        write_parquet(paths.labels / "levels.parquet", labelled.levels)
        write_parquet(paths.labels / "ceiling.parquet", labelled.ceiling)
    write_json(paths.labels / "counts.json", labelled.counts)


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(labels)
