"""Stage: the outer folds, written once and shared by all tasks and methods."""


def splits(job):
    """Assign every compound to a fold, in every repeat."""
    from phenoprot.core.files import write_text
    from phenoprot.screens.loader import load_screen
    from phenoprot.tasks.splits import make_folds, split_groups

    settings = job.params.tasks.splits
    screen = load_screen(job.folder)
    targets = screen.targets() if screen.info.tables.targets else None
    folds = make_folds(split_groups(screen.wells(), targets, settings.kind), settings)
    write_text(job.paths.folds, folds.to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(splits)
