"""Stage: the simulated screen, from the seed in params.yaml."""


def simulate(job):
    """Write the screen's folder and the planted truth beside it."""
    from phenoprot.phantom.write import simulate_phantom

    simulate_phantom(job.params.phantom, job.folder, job.execution)


if __name__ == "__main__":
    from phenoprot.pipeline.run import run_stage

    run_stage(simulate)
