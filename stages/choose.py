"""Stage: proteins chosen for the regression by how well the classification does them."""


def choose(job):
    """Choose inside the training part of each fold, and by all compounds as the poster does."""
    from phenoprot.tasks.choose import choose_proteins

    choose_proteins(job.paths, job.params.screen.rows, job.params.tasks, job.execution)


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(choose)
