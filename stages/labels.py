"""Stage: labels (up / down / not / unclassified) and levels from the protein readout."""


def labels(job):
    """Label every compound and protein, and average levels per treatment."""
    from phenoprot.core.files import write_json, write_parquet
    from phenoprot.readout.screen import label_screen
    from phenoprot.readout.single_dose import label_counts
    from phenoprot.screens.loader import load_screen

    paths = job.paths
    table, levels = label_screen(load_screen(job.folder), paths.curves, job.params.labels)
    write_parquet(paths.labels / "labels.parquet", table)
    write_parquet(paths.labels / "levels.parquet", levels)
    write_json(paths.labels / "counts.json", label_counts(table))


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(labels)
