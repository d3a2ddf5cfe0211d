"""Stage: the metrics that go into git, their provenance, and the account of them."""


def report(job):
    """Publish metrics and write docs/results-<screen>.md."""
    from phenoprot.report.publish import Inputs, publish

    params = job.params
    inputs = Inputs(job.folder, params.screen.rows, params.evaluation, params.labels, params.curves)
    publish(job.paths, inputs, job.sources)


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(report)
