"""Stage: labels (up / down / not / unclassified) and levels from the protein readout, or given."""


def labels(job):
    """Label every compound and protein, and average levels per treatment."""
    from phenoprot.core.files import write_json, write_parquet
    from phenoprot.readout.screen import label_screen
    from phenoprot.screens.loader import load_screen

    paths = job.paths
    screen, params = load_screen(job.folder), job.params
    labelled = label_screen(screen, paths.curves, params.labels, params.curves)
    write_parquet(paths.labels / "labels.parquet", labelled.labels)
    if labelled.levels is not None and labelled.ceiling is not None:
        write_parquet(paths.labels / "levels.parquet", labelled.levels)
        write_parquet(paths.labels / "ceiling.parquet", labelled.ceiling)
    write_json(paths.labels / "counts.json", labelled.counts)


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(labels)
