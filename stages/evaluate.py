"""Stage: score every row of every task, target by target."""


def evaluate(job):
    """Write the result of each row and its table of targets, and compare rows."""
    from phenoprot.evaluation.run import evaluate_screen

    rows = list(job.params.screen.rows)
    evaluate_screen(job.paths, job.folder, rows, job.params.evaluation, job.execution)


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(evaluate)
