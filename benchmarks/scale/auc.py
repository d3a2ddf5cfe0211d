"""ROC AUCs with permutations and a bootstrap: the suite against scikit-learn, per core.

``python -m benchmarks.scale.auc measure`` scores random predictions of 2,000 compounds at 5
concentrations (10,000 rows in one fold): the AUC of every target, 1,000 permutations of the
compounds, and 2,000 draws of the compounds with replacement. The suite's side is what the
evaluation runs, a block of targets at a time; the peer's is one call of ``roc_auc_score`` for each
AUC, at its best: plain arrays of the labelled rows, labels drawn beforehand and not timed, drawn
compounds as sample weights or as repeated rows, whichever takes less. One process, one thread, CPU
time. The peer runs on a few targets and draws, the suite on all draws of a few blocks of targets;
both are extrapolated to 6,782 targets and all draws. Every AUC that the peer gave is compared.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from phenoprot.core import runtime  # noqa: E402

runtime.pin()  # before numpy is loaded

import numpy as np  # noqa: E402
import typer  # noqa: E402
from sklearn import __version__ as version  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402

from phenoprot.evaluation.chance import (  # noqa: E402
    drawn_compounds,
    joint_permutations,
    permuted_auc,
    resampled_auc,
)
from phenoprot.evaluation.repeated import repeated_auc  # noqa: E402

app = typer.Typer(help=__doc__, no_args_is_help=True)
RESULTS = Path(__file__).with_name("auc.json")
COMPOUNDS, DOSES, TARGETS = 2000, 5, 6782
PERMUTATIONS, DRAWS = 1000, 2000
SEED = 0


@app.callback()
def main() -> None:
    """ROC AUCs of a large screen, against scikit-learn."""


@app.command()
def measure(
    targets: Annotated[int, typer.Option(min=2, help="Targets of the suite's side.")] = 32,
    peer_targets: Annotated[int, typer.Option(min=1, help="Targets of the peer's side.")] = 4,
    peer_draws: Annotated[int, typer.Option(min=1, help="Draws of the peer's side.")] = 50,
    keep: Annotated[bool, typer.Option(help="Keep the figures in auc.json.")] = True,
) -> None:
    """Time both sides, compare their AUCs, print and keep the figures."""
    labels, scores, compounds = simulated(targets)
    everything = [[np.arange(len(compounds))]]
    case = (labels, scores, compounds, everything)
    of_rows = labels[compounds]
    repeated_auc(of_rows[:, :2], scores[:, :2], compounds, everything)  # compiled here
    for compiled in (permuted_auc, resampled_auc):
        compiled(labels[:, :2], scores[:, :2], compounds, everything, 2, SEED)
    own: dict[str, float] = {}
    auc = timed(own, "auc", lambda: repeated_auc(of_rows, scores, compounds, everything).auc)
    permuted = timed(own, "permutations", lambda: permuted_auc(*case, PERMUTATIONS, SEED))
    resampled = timed(own, "bootstrap", lambda: resampled_auc(*case, DRAWS, SEED))
    order = joint_permutations(COMPOUNDS, PERMUTATIONS, SEED)
    times = drawn_compounds(COMPOUNDS, DRAWS, SEED)
    peer = {"auc": 0.0, "permutations": 0.0, "bootstrap_weights": 0.0, "bootstrap_rows": 0.0}
    largest = 0.0
    for target in range(peer_targets):
        label, score = labels[:, target], scores[:, target]
        seconds, found = by_peer([(label[compounds], score, None)])
        peer["auc"] += seconds
        largest = max(largest, differs(found, auc[[target]]))
        draws = [(label[one][compounds], score, None) for one in order[:peer_draws]]
        seconds, found = by_peer(draws)
        peer["permutations"] += seconds
        largest = max(largest, differs(found, permuted[:peer_draws, target]))
        draws = [(label[compounds], score, one[compounds]) for one in times[:peer_draws]]
        seconds, found = by_peer(draws)
        peer["bootstrap_weights"] += seconds
        largest = max(largest, differs(found, resampled[:peer_draws, target]))
        repeated = [np.repeat(np.arange(len(score)), one[compounds]) for one in times[:peer_draws]]
        seconds, found = by_peer([(label[compounds][r], score[r], None) for r in repeated])
        peer["bootstrap_rows"] += seconds
        largest = max(largest, differs(found, resampled[:peer_draws, target]))
    ours = {name: seconds / targets for name, seconds in own.items()}
    theirs = {
        "auc": peer["auc"] / peer_targets,
        "permutations": peer["permutations"] / peer_targets / peer_draws * PERMUTATIONS,
        "bootstrap": min(peer["bootstrap_weights"], peer["bootstrap_rows"])
        / peer_targets / peer_draws * DRAWS,
    }  # fmt: skip
    record: dict[str, Any] = {
        "rows": len(compounds), "targets": TARGETS, "measured_targets": targets,
        "peer": f"scikit-learn {version}", "peer_targets": peer_targets, "peer_draws": peer_draws,
        "largest_difference": largest,
        "seconds_per_target": {name: round(value, 6) for name, value in ours.items()},
        "peer_seconds_per_target": {name: round(value, 6) for name, value in theirs.items()},
        "hours_of_one_core": round(sum(ours.values()) * TARGETS / 3600, 3),
        "peer_hours_of_one_core": round(sum(theirs.values()) * TARGETS / 3600, 1),
        "times": {name: round(theirs[name] / ours[name], 1) for name in ours}
        | {"all": round(sum(theirs.values()) / sum(ours.values()), 1)},
    }  # fmt: skip
    print(json.dumps(record, indent=2))
    if keep:
        RESULTS.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")


def simulated(targets: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels (compounds, targets), scores (rows, targets) and the compound of each row.

    5 % of the labels are positive, 30 % unknown; scores are float32 numbers, as predictions are,
    and know a little of the labels.
    """
    rng = np.random.default_rng(SEED)
    compounds = np.repeat(np.arange(COMPOUNDS), DOSES)
    labels = rng.choice([1.0, 0.0, np.nan], size=(COMPOUNDS, targets), p=[0.05, 0.65, 0.3])
    noise = rng.normal(size=(len(compounds), targets))
    scores = (noise + 0.5 * np.nan_to_num(labels)[compounds]).astype(np.float32)
    return labels, scores.astype(np.float64), compounds


def timed(seconds: dict[str, float], name: str, run: Callable[[], np.ndarray]) -> np.ndarray:
    """Result of a run; its CPU time under a name."""
    start = time.process_time()
    result = run()
    seconds[name] = time.process_time() - start
    return result


def by_peer(
    cases: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray | None]],
) -> tuple[float, np.ndarray]:
    """CPU seconds and AUCs of scikit-learn: labels, scores and weights of each case."""
    ready = []
    for label, score, weight in cases:
        known = ~np.isnan(label) if weight is None else ~np.isnan(label) & (weight > 0)
        ready.append(
            (label[known].astype(int), score[known], None if weight is None else weight[known])
        )
    start = time.process_time()
    found = [roc_auc_score(label, score, sample_weight=weight) for label, score, weight in ready]
    return time.process_time() - start, np.array(found)


def differs(one: np.ndarray, other: np.ndarray) -> float:
    """Largest difference."""
    return float(np.abs(one - other).max())


if __name__ == "__main__":
    app()
