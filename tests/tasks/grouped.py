"""Made-up groups of compounds, and what is asked of their folds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from phenoprot.tasks.columns import GROUP
from phenoprot.tasks.fit_settings import SplitSettings

COMPOUND = "Metadata_Compound"


def splitting(folds: int = 5, repeats: int = 1, seed: int = 0) -> SplitSettings:
    return SplitSettings(folds=folds, repeats=repeats, kind="compound", seed=seed)


def grouping(sizes: list[int]) -> pd.DataFrame:
    groups = np.repeat([f"g{i:03d}" for i in range(len(sizes))], sizes)
    return pd.DataFrame({COMPOUND: [f"c{i:04d}" for i in range(len(groups))], GROUP: groups})


def alone(names: list[str]) -> pd.DataFrame:
    """Compounds, each a group of its own."""
    return pd.DataFrame({COMPOUND: names, GROUP: names})


groupings = st.builds(
    grouping, st.lists(st.sampled_from([1, 1, 1, 1, 2, 3, 8]), min_size=5, max_size=60)
)
"""Compounds in groups, most of them alone."""
