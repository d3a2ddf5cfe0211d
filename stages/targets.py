"""Stage: annotated compound targets from images, proteome and both."""

from phenoprot.pipeline.stage import run_stage


def targets(screen: str) -> None:
    """Predict targets in nested cross-validation."""
    from phenoprot.core.paths import Paths
    from phenoprot.pipeline.params import load_params
    from phenoprot.screens.contract import COMPOUND
    from phenoprot.screens.loader import load_screen
    from phenoprot.tasks.data import target_labels
    from phenoprot.tasks.run import run_task
    from phenoprot.tasks.splits import read_folds

    params, paths = load_params(), Paths(screen)
    block = params.screen(screen)
    annotated = load_screen(block.folder).targets()
    compounds = read_folds(paths.folds)[COMPOUND]
    run_task(
        "targets",
        {"": target_labels(annotated, compounds, params.tasks.targets)},
        block.rows,
        paths,
        params.tasks,
    )


if __name__ == "__main__":
    run_stage(targets)
