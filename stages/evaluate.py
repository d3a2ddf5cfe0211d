"""Stage: score every row of every task, target by target."""

from phenoprot.pipeline.stage import run_stage


def evaluate(screen: str) -> None:
    """Write a per-target table and the metrics of each row, and compare rows."""
    from phenoprot.core.paths import Paths
    from phenoprot.evaluation.run import evaluate_screen
    from phenoprot.pipeline.params import load_params

    params = load_params()
    block = params.screen(screen)
    evaluate_screen(Paths(screen), block.folder, list(block.rows), params.evaluation)


if __name__ == "__main__":
    run_stage(evaluate)
