"""Stage: UP-vs-NOT and DOWN-vs-NOT, every row of the table."""

from phenoprot.pipeline.stage import run_stage


def classify(screen: str) -> None:
    """Predict both directions in nested cross-validation."""
    from phenoprot.core.artefacts import read_table
    from phenoprot.core.paths import Paths
    from phenoprot.pipeline.params import load_params
    from phenoprot.tasks.data import LABEL_COLUMNS, classification_labels
    from phenoprot.tasks.run import run_task

    params, paths = load_params(), Paths(screen)
    labels = read_table(paths.labels / "labels.parquet", LABEL_COLUMNS)
    settings = params.tasks.classification
    run_task(
        "classification",
        {name: classification_labels(labels, name, settings) for name in ("up", "down")},
        params.screen(screen).rows,
        paths,
        params.tasks,
    )


if __name__ == "__main__":
    run_stage(classify)
