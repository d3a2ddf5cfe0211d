"""Target annotations and the profiles that stand in for image features."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.core.random import stream
from phenoprot.phantom.catalogue import CATALOGUE, NULL_TARGETS, PROGRAMME
from phenoprot.phantom.programmes import Compounds, relative_cell_number
from phenoprot.phantom.settings import PhantomSettings
from phenoprot.screens.contract import COMPOUND, PLATE, SOURCE, TARGET, WELL_KEY

MINIMUM_COMPOUNDS = 5
"""A target of fewer compounds could not be in every one of 5 folds (count)."""


def null_target_names(count: int) -> list[str]:
    """Names of target genes that drive nothing."""
    more = [f"ORNULL{number}" for number in range(1, count - len(NULL_TARGETS) + 1)]
    return [*NULL_TARGETS, *more][:count]


def draw_targets(settings: PhantomSettings, compounds: Compounds) -> pd.DataFrame:
    """Annotate compounds with genes.

    A compound gets one gene of its main programme, without error: the members of a programme are
    dealt to as many of its genes as leave each 5 compounds or more. Null targets go to random
    compounds, as many to each as a programme has.

    Returns
    -------
    targets
        Metadata_Compound, Metadata_Target, Metadata_Source and Metadata_Programme (empty for a
        null target), sorted.
    """
    rng = stream(settings.seed, "targets")
    rows: list[tuple[str, str, str]] = []
    sizes = []
    for index, programme in enumerate(compounds.programmes):
        members = rng.permutation(np.flatnonzero(compounds.main == index))
        genes = CATALOGUE[programme].targets
        genes = genes[: max(1, len(members) // MINIMUM_COMPOUNDS)]
        sizes.append(len(members))
        rows += [
            (compounds.names[member], genes[place % len(genes)], programme)
            for place, member in enumerate(members)
        ]
    size = max(MINIMUM_COMPOUNDS, round(float(np.mean(sizes))))
    for gene in null_target_names(settings.n_null_targets):
        members = rng.choice(len(compounds.names), size, replace=False)
        rows += [(compounds.names[member], gene, "") for member in members]
    table = pd.DataFrame(rows, columns=[COMPOUND, TARGET, PROGRAMME])
    table[SOURCE] = "phantom"
    return table.sort_values([COMPOUND, TARGET], ignore_index=True)


def oracle_profile(activities: pd.DataFrame, settings: PhantomSettings) -> pd.DataFrame:
    """Return the planted activities with a little noise, as a profile (float32).

    Without noise, control wells would all be exactly 0 and no profile could be scaled by them.
    """
    features = activities.drop(columns=WELL_KEY)
    noise = stream(settings.seed, "oracle").standard_normal(features.shape)
    values = (features + settings.oracle_noise_sd * noise).add_prefix("Oracle_")
    return pd.concat([activities[WELL_KEY], values.astype("float32")], axis=1)


def expected_cell_number(
    activities: pd.DataFrame, settings: PhantomSettings, rng: np.random.Generator
) -> np.ndarray:
    """Cell number relative to a mean untreated well, shape (W,): seeding by plate and well, losses.

    Drawn from the stream ``cell count`` by all that need it: a well that was seeded thinly is thin
    in its count and in its images.
    """
    codes, plates = pd.factorize(activities[PLATE])
    log_seeding = (settings.cell_plate_sd * rng.standard_normal(len(plates)))[codes]
    log_seeding += settings.cell_well_sd * rng.standard_normal(len(activities))
    return np.exp(log_seeding) * relative_cell_number(activities)


def cell_count_profile(activities: pd.DataFrame, settings: PhantomSettings) -> pd.DataFrame:
    """Count the cells of each well: seeding by plate and well, losses, Poisson counting noise."""
    rng = stream(settings.seed, "cell count")
    expected = settings.cells_per_well * expected_cell_number(activities, settings, rng)
    counts = pd.Series(rng.poisson(expected), name="Cells_Count", dtype="float32")
    return pd.concat([activities[WELL_KEY], counts], axis=1)
