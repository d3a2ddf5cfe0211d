"""Stage: protein level of every treatment, every row of the table."""

from phenoprot.pipeline.stage import run_stage


def regress(screen: str) -> None:
    """Predict levels in nested cross-validation."""
    from phenoprot.core.artefacts import read_table
    from phenoprot.core.paths import Paths
    from phenoprot.pipeline.params import load_params
    from phenoprot.screens.contract import TREATMENT_KEY
    from phenoprot.tasks.data import regression_labels
    from phenoprot.tasks.run import run_task

    params, paths = load_params(), Paths(screen)
    levels = read_table(paths.labels / "levels.parquet", TREATMENT_KEY)
    run_task(
        "regression",
        {"": regression_labels(levels, params.tasks.regression)},
        params.screen(screen).rows,
        paths,
        params.tasks,
    )


if __name__ == "__main__":
    run_stage(regress)
