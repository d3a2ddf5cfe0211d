"""Stage: one task, every row of its tables."""


def predict(job, task):
    """Make the labels and cross-validate every row."""
    from phenoprot.tasks.registry import find_task
    from phenoprot.tasks.run import run_task
    from phenoprot.tasks.task import LabelSources

    run_task(
        find_task(task),
        LabelSources(job.paths, job.folder),
        job.params.screen.rows,
        job.params.tasks,
        job.execution,
    )


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(predict)
