"""Stage: are there enough compounds, positives and negatives for the folds?"""

from phenoprot.stage import run_stage


def check_labels(screen: str) -> None:
    """Write the result of every check; stop the pipeline if one fails."""
    from phenoprot.artefacts import read_table
    from phenoprot.layout import Layout
    from phenoprot.params import load_params
    from phenoprot.tasks.data import LABEL_COLUMNS
    from phenoprot.tasks.splits import read_folds
    from phenoprot.validation.labels import check_labels
    from phenoprot.validation.report import require_valid, write_report

    params, layout = load_params(), Layout(screen)
    report = check_labels(
        read_table(layout.labels / "labels.parquet", LABEL_COLUMNS),
        read_folds(layout.folds),
        params.validation,
        min_positives=params.tasks.classification.min_positives,
        min_negatives=params.tasks.classification.min_negatives,
        n_folds=params.tasks.splits.folds,
        subject=screen,
    )
    write_report(report, layout.validation / "labels.json")
    require_valid(report)


if __name__ == "__main__":
    run_stage(check_labels)
