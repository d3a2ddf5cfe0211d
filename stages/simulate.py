"""Stage: the simulated screen, from the seed in params.yaml."""

from phenoprot.pipeline.stage import run_stage


def simulate(screen: str) -> None:
    """Write the screen's folder and the planted truth beside it."""
    from phenoprot.phantom import simulate_phantom
    from phenoprot.pipeline.params import load_params

    params = load_params()
    simulate_phantom(params.phantom, params.screen(screen).folder, params.execution)


if __name__ == "__main__":
    run_stage(simulate)
