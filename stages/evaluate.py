"""Stage: score every row of every task, target by target."""


def evaluate(job):
    """Write the result of each row and its table of targets, and compare rows."""
    from phenoprot.evaluation.run import evaluate_screen

    rows = list(job.params.screen.rows)
    settings = job.params.evaluation
    evaluate_screen(job.paths, job.folder, rows, settings, job.execution, job.has)


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(evaluate)
