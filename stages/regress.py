"""Stage: protein level of every treatment, every row of the table."""

from phenoprot.stage import run_stage


def regress(screen: str) -> None:
    """Predict levels in nested cross-validation."""
    import pandas as pd

    from phenoprot.layout import Layout
    from phenoprot.params import load_params
    from phenoprot.tasks.data import regression_labels
    from phenoprot.tasks.run import run_task

    params, layout = load_params(), Layout(screen)
    levels = pd.read_parquet(layout.labels / "levels.parquet")
    run_task(
        "regression",
        {"": regression_labels(levels, params.tasks.regression)},
        params.screen(screen).rows,
        layout,
        params.tasks,
    )


if __name__ == "__main__":
    run_stage(regress)
