"""Stage: are there enough compounds, positives and negatives for the folds?"""


def check_labels(job):
    """Write the result of every check; stop the pipeline if one fails."""
    from phenoprot.core.artefacts import read_table
    from phenoprot.tasks.columns import LABEL_COLUMNS
    from phenoprot.tasks.folds import folds_of_kind, folds_of_repeat, read_folds
    from phenoprot.validation.labels import check_labels
    from phenoprot.validation.report import require_valid, write_report

    tasks = job.params.tasks
    labels = read_table(job.paths.labels / "labels.parquet", columns=LABEL_COLUMNS)
    folds = folds_of_kind(read_folds(job.paths.folds), tasks.splits.kind, "tasks.splits.kind")
    reports = [
        check_labels(
            labels,
            folds_of_repeat(folds, repeat),
            job.params.validation,
            min_positives=tasks.classification.min_positives,
            min_negatives=tasks.classification.min_negatives,
            n_folds=tasks.splits.folds,
            subject=f"{job.screen}, repeat {repeat + 1}",
        )
        for repeat in range(tasks.splits.repeats)
    ]
    report = next((report for report in reports if not report.ok), reports[0])
    write_report(report, job.paths.label_checks)
    require_valid(report)


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(check_labels)
