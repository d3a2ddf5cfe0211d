"""Stage: the metrics that go into git, their provenance, and the plain account of them."""

from phenoprot.pipeline.stage import run_stage


def report(screen: str) -> None:
    """Publish metrics and write docs/results-<screen>.md."""
    from phenoprot.core.paths import Paths
    from phenoprot.pipeline.params import load_params
    from phenoprot.report.publish import publish

    params = load_params()
    publish(Paths(screen), params)


if __name__ == "__main__":
    run_stage(report)
