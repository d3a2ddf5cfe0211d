"""Stage: which groups of image features carry the predictions of a row."""


def contributions(job):
    """Fit the rows that ask for it once more, and look at their groups of features."""
    from phenoprot.evaluation.contribution_run import write_contributions

    params = job.params
    write_contributions(
        job.paths,
        job.folder,
        params.screen.rows,
        params.tasks,
        params.contributions,
        job.execution,
    )


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(contributions)
