"""False calls and power of the single-dose labels, for every surface of position effects.

    python -m benchmarks.labels.false_calls data/screens/cpjump1

Prints a table: the surfaces that :func:`phenoprot.wells.position.choose_terms` compares, each with
the test of the labels (`components`) and with the test that takes all wells for independent
(`student`, the rule before). Each negative-control position is left out of the controls in turn and
taken for a compound.

- ``false``: called pairs that are expected if no compound did anything, in percent of all that are
  called, at the thresholds of p that Benjamini and Hochberg's procedure sets on the compounds.
- ``power``: pseudo-compounds that are called with 2 control standard deviations added, all of them
  tested together with the compounds; ``power 0.005``: at p <= 0.005, with ``false 0.005``, the
  calls of a pseudo-compound at that p without an effect; ``power 1``: one planted at a time, at the
  thresholds of ``false``, over the proteins that have calls.

Nothing here looks at a task or a fold.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from phenoprot.core import runtime

runtime.pin()  # before numpy is loaded

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import typer  # noqa: E402
from scipy import stats  # noqa: E402

from phenoprot.core.statistics import benjamini_hochberg  # noqa: E402
from phenoprot.readout.false_calls import pseudo_compounds, pseudo_layout  # noqa: E402
from phenoprot.readout.single_dose import (  # noqa: E402
    compare_treatments,
    readout_matrix,
    standardised,
)
from phenoprot.screens.contract import (  # noqa: E402
    CONCENTRATION,
    CONTROL,
    NEGATIVE_CONTROL,
    TREATMENT_KEY,
    WELL_KEY,
    feature_columns,
)
from phenoprot.screens.loader import load_screen  # noqa: E402
from phenoprot.wells.position import (  # noqa: E402
    TERMS,
    choose_terms,
    remove_position_effects,
)

ALPHA, MIN_EFFECT, PLANTED, FIXED = 0.05, 1.0, 2.0, 0.005
Test = Callable[[pd.DataFrame, pd.DataFrame], tuple[np.ndarray, np.ndarray]]
"""Readout and layout to effect and p, (treatments, proteins)."""


def student(readout: pd.DataFrame, wells: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Student's test of a treatment's wells against all control wells."""
    proteins = feature_columns(readout)
    merged = readout.merge(wells[[*WELL_KEY, *TREATMENT_KEY, CONTROL]], on=WELL_KEY)
    is_control = merged[CONTROL] == NEGATIVE_CONTROL
    controls = merged.loc[is_control, proteins].to_numpy(dtype=np.float64)
    treated = merged[~is_control & merged[CONCENTRATION].gt(0)]
    groups = treated.astype(dict.fromkeys(proteins, "float64")).groupby(TREATMENT_KEY)[proteins]
    n_treated, n_control = groups.count().to_numpy(), (~np.isnan(controls)).sum(axis=0)
    effect = groups.mean().to_numpy() - np.nanmean(controls, axis=0)
    squares = np.nan_to_num(groups.var().to_numpy()) * np.maximum(n_treated - 1, 0)
    squares = squares + np.nanvar(controls, axis=0, ddof=1) * (n_control - 1)
    df = n_treated + n_control - 2
    error = np.sqrt(squares / df * (1 / n_treated + 1 / n_control))
    return effect, 2 * stats.t.sf(np.abs(effect) / error, df)


def components(readout: pd.DataFrame, wells: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The test of the labels."""
    tested = compare_treatments(readout, wells)[1]
    return tested.effect, tested.p


def planted(
    matrix: pd.DataFrame, wells: pd.DataFrame, test: Test
) -> dict[float, tuple[np.ndarray, np.ndarray]]:
    """Effect and p of every pseudo-compound, (pseudo-compounds, proteins), by what was added."""
    found: dict[float, list[tuple[np.ndarray, np.ndarray]]] = {0.0: [], PLANTED: []}
    for pseudo, _ in pseudo_compounds(matrix, wells):
        layout = pseudo_layout(wells, pseudo)
        readout = standardised(matrix.merge(layout[WELL_KEY], on=WELL_KEY), layout)
        keys = pd.MultiIndex.from_frame(readout[WELL_KEY])
        mine = keys.isin(pd.MultiIndex.from_frame(pseudo))
        for added, rows in found.items():
            moved = readout.copy()
            moved.loc[mine, feature_columns(readout)] += added
            effect, p = test(moved, layout)
            rows.append((effect[0], p[0]))
    return {
        added: (np.array([e for e, _ in rows]), np.array([p for _, p in rows]))
        for added, rows in found.items()
    }


def measure(matrix: pd.DataFrame, wells: pd.DataFrame, test: Test) -> dict[str, float]:
    """One line of the table."""
    effect, p = test(standardised(matrix, wells), wells)
    significant = benjamini_hochberg(p) < ALPHA
    up, down = significant & (effect >= MIN_EFFECT), significant & (effect <= -MIN_EFFECT)
    limit, has_calls = np.where(significant, p, 0).max(axis=0), (up | down).any(axis=0)
    pseudo = planted(matrix, wells, test)
    null_effect, null_p = pseudo[0.0]
    large = np.abs(null_effect) >= MIN_EFFECT
    calls = (large & (null_p <= limit)).sum(axis=1)
    scale = 100 * len(p) / (up | down).sum()
    effect_2, p_2 = pseudo[PLANTED]
    together = benjamini_hochberg(np.concatenate([p, p_2]))[len(p) :]
    found = effect_2 >= MIN_EFFECT
    return {
        "up": up.sum(),
        "down": down.sum(),
        "up >= 10": (up.sum(axis=0) >= 10).sum(),
        "down >= 10": (down.sum(axis=0) >= 10).sum(),
        "p < 0.05": 100 * (null_p < ALPHA).mean(),
        "false": scale * calls.mean(),
        "se": scale * calls.std(ddof=1) / np.sqrt(len(calls)),
        "power": (found & (together < ALPHA)).mean(),
        "power 0.005": (found & (p_2 <= FIXED)).mean(),
        "false 0.005": (large & (null_p <= FIXED)).sum(axis=1).mean(),
        "power 1": (found & (p_2 <= limit))[:, has_calls].mean(),
    }


def main(
    screen: Annotated[Path, typer.Argument(help="Folder of a single-dose screen.")],
) -> None:
    """Print the table."""
    loaded = load_screen(screen)
    wells, matrix = loaded.wells(), readout_matrix(loaded.proteomics())
    chosen = choose_terms(matrix, wells)
    rows = []
    for terms in TERMS:
        corrected = remove_position_effects(matrix, wells, terms)
        for test in (student, components):
            mark = "*" if terms == chosen else ""
            row = {"terms": f"{len(terms)}{mark}", "test": test.__name__}
            rows.append(row | measure(corrected, wells, test))
    typer.echo(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    typer.run(main)
