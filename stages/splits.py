"""Stage: the outer folds, written once and shared by all tasks and methods."""


def splits(job):
    """Assign every compound to a fold."""
    from phenoprot.core.files import write_text
    from phenoprot.screens.loader import load_screen
    from phenoprot.tasks.splits import compound_groups, make_folds

    settings = job.params.tasks.splits
    groups = compound_groups(load_screen(job.folder).wells())
    folds = make_folds(groups, settings.folds, settings.seed)
    write_text(job.paths.folds, folds.to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(splits)
