"""Stage: UP-vs-NOT and DOWN-vs-NOT, every row of the table."""

from phenoprot.stage import run_stage


def classify(screen: str) -> None:
    """Predict both directions in nested cross-validation."""
    from phenoprot.artefacts import read_table
    from phenoprot.layout import Layout
    from phenoprot.params import load_params
    from phenoprot.tasks.data import LABEL_COLUMNS, classification_labels
    from phenoprot.tasks.run import run_task

    params, layout = load_params(), Layout(screen)
    labels = read_table(layout.labels / "labels.parquet", LABEL_COLUMNS)
    settings = params.tasks.classification
    run_task(
        "classification",
        {name: classification_labels(labels, name, settings) for name in ("up", "down")},
        params.screen(screen).rows,
        layout,
        params.tasks,
    )


if __name__ == "__main__":
    run_stage(classify)
