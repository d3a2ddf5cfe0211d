"""Stage: score every row of every task, target by target."""


def evaluate(job):
    """Write the result of each row and its table of targets; compare rows, and paired screens."""
    from phenoprot.core.paths import Paths
    from phenoprot.evaluation.across import write_across
    from phenoprot.evaluation.run import evaluate_screen
    from phenoprot.tasks.fusion import fusion_pairs
    from phenoprot.tasks.registry import tasks_of

    rows, like = job.params.screen.rows, job.params.screen.folds_like
    names, settings = list(rows), job.params.evaluation
    tasks = tasks_of(job.has, rows.values())
    pairs = fusion_pairs(rows)
    evaluate_screen(job.paths, job.folder, names, settings, job.execution, job.has, tasks, pairs)
    write_across(job.paths, Paths(like) if like else None, names, tasks, job.execution)


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(evaluate)
