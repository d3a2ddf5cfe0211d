"""Stage: are there enough compounds, positives and negatives for the folds?"""

from phenoprot.pipeline.stage import run_stage


def check_labels(screen: str) -> None:
    """Write the result of every check; stop the pipeline if one fails."""
    from phenoprot.core.artefacts import read_table
    from phenoprot.core.paths import Paths
    from phenoprot.pipeline.params import load_params
    from phenoprot.tasks.data import LABEL_COLUMNS
    from phenoprot.tasks.splits import read_folds
    from phenoprot.validation.labels import check_labels
    from phenoprot.validation.report import require_valid, write_report

    params, paths = load_params(), Paths(screen)
    report = check_labels(
        read_table(paths.labels / "labels.parquet", LABEL_COLUMNS),
        read_folds(paths.folds),
        params.validation,
        min_positives=params.tasks.classification.min_positives,
        min_negatives=params.tasks.classification.min_negatives,
        n_folds=params.tasks.splits.folds,
        subject=screen,
    )
    write_report(report, paths.validation / "labels.json")
    require_valid(report)


if __name__ == "__main__":
    run_stage(check_labels)
