"""Stage: the outer folds, written once and shared by all tasks and methods."""

from phenoprot.pipeline.stage import run_stage


def splits(screen: str) -> None:
    """Assign every compound to a fold."""
    from phenoprot.core.files import write_text
    from phenoprot.core.paths import Paths
    from phenoprot.pipeline.params import load_params
    from phenoprot.screens.loader import load_screen
    from phenoprot.tasks.splits import compound_groups, make_folds

    params = load_params()
    wells = load_screen(params.screen(screen).folder).wells()
    settings = params.tasks.splits
    folds = make_folds(compound_groups(wells), settings.folds, settings.seed)
    write_text(Paths(screen).folds, folds.to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    run_stage(splits)
