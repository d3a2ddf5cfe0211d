"""Do intervals of the difference of two screens cover, where these share some of the compounds?

Two screens that do not differ: ``python -m benchmarks.coverage.screens``, some minutes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from benchmarks.coverage.simulate import DataSet, Design, World, cross_validate, draw

from phenoprot.evaluation.across import across_row
from phenoprot.screens.contract import COMPOUND, CONCENTRATION
from phenoprot.tasks.columns import FOLD, LABELS_OF, REPEAT

DATA_SETS = 300
SHARED = (100, 80, 50)
"""Of the 100 compounds of each screen."""


def predicted(
    scores: dict[str, list[float]], compounds: list[str], folds: list[int], repeat: int = 0
) -> pd.DataFrame:
    """A table of predictions."""
    keys = {COMPOUND: compounds, CONCENTRATION: 1.0, FOLD: folds}
    keys |= {LABELS_OF: compounds, REPEAT: repeat}
    return pd.DataFrame(keys | scores)


def simulated(
    seed: int, world: World, compounds: int, alone: int
) -> tuple[list[pd.DataFrame], pd.DataFrame]:
    """Ridge in each fold, in two screens that lack `alone` compounds of the other each."""
    data = draw(world, np.random.default_rng(seed))
    names = np.array([f"c{i:03d}" for i in range(compounds)])
    targets = [f"t{i:02d}" for i in range(world.design.targets)]
    tables = []
    for features, kept in (
        (data.features[0], np.arange(compounds - alone)),
        (data.features[1], np.arange(alone, compounds)),
    ):
        rows = [[np.flatnonzero(np.isin(kept, fold)) for fold in folds] for folds in data.repeats]
        own = DataSet(data.labels[kept], data.features, np.arange(len(kept)), rows)
        scores = cross_validate(features[kept], own)
        for repeat, folds in enumerate(rows):
            fold = np.empty(len(kept), dtype=int)
            for number, members in enumerate(folds):
                fold[members] = number
            values = dict(zip(targets, scores[repeat].T, strict=True))
            part = predicted(values, names[kept].tolist(), fold.tolist(), repeat)
            tables.append(part)
    r = len(data.repeats)
    labels = pd.DataFrame(data.labels, columns=targets)
    labels.insert(0, COMPOUND, names)
    return [pd.concat(tables[:r]), pd.concat(tables[r:])], labels


def main() -> None:
    """Print the share of intervals that have 0 in them, and how wide they are."""
    for shared in SHARED:
        design = Design("two screens", 200 - shared, 1, 10, 12, 0.0)
        world = World.of(design)
        covered, widths, values = 0, [], []
        for seed in range(DATA_SETS):
            tables, labels = simulated(10_000 + seed, world, design.compounds, 100 - shared)
            found = across_row(*tables, labels, labels).difference
            assert found is not None
            assert found.low is not None
            assert found.high is not None
            covered += found.low <= 0 <= found.high
            widths.append((found.high - found.low) / 2)
            values.append(found.value)
        print(
            f"{shared} of 100 compounds shared: {100 * covered / DATA_SETS:.1f} % cover, half "
            f"width {np.mean(widths):.3f}, 1.96 sd {1.96 * np.std(values):.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
