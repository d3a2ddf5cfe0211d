"""Stage: the outer folds, written once and shared by all tasks and methods."""


def splits(job):
    """Assign every compound to a fold, in every repeat of every kind of folds."""
    import sys

    from phenoprot.core.files import write_text
    from phenoprot.core.paths import Paths
    from phenoprot.screens.loader import load_screen
    from phenoprot.tasks.folds import read_folds
    from phenoprot.tasks.splits import draw_folds

    screen, other = load_screen(job.folder), job.params.screen.folds_like
    targets = screen.targets() if screen.info.tables.targets else None
    like = read_folds(Paths(other).folds) if other else None
    folds, left_out = draw_folds(screen.layout(), targets, job.params.tasks.splits, like)
    for kind, reason in left_out.items():
        sys.stderr.write(f"{job.screen}: no folds of kind {kind} are drawn: {reason}\n")
    write_text(job.paths.folds, folds.to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(splits)
