"""Labels that others found: states, or z and the thresholds that make states of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError
from phenoprot.readout.single_dose import DOWN, NOT, UNCLASSIFIED, UP
from phenoprot.screens.contract import COMPOUND, MASKED, PROTEIN, STATE, VALUE, LabelTable


def given_labels(table: pd.DataFrame, described: LabelTable, layout: pd.DataFrame) -> pd.DataFrame:
    """Label every given pair of a compound of the screen and a protein.

    Parameters
    ----------
    table
        Result of :meth:`phenoprot.screens.loader.Screen.labels`.
    described
        Its kind, and the thresholds of z.
    layout
        Treatments of the screen; labels of other compounds are left out.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Compound``, ``Metadata_Protein``, ``Label`` (up / down / not / empty =
        unclassified), sorted; of kind ``z`` also ``Effect`` (standard deviations).

    Raises
    ------
    UserError
        No compound of the labels is in the screen.
    """
    own = table[table[COMPOUND].isin(layout[COMPOUND])]
    if own.empty:
        raise UserError(
            f"none of the {table[COMPOUND].nunique()} compounds with labels is in the screen",
            where=described.path,
            remedy="Spell compounds as in the table of treatments or wells.",
        )
    own = own.sort_values([COMPOUND, PROTEIN], ignore_index=True)
    labels = own[[COMPOUND, PROTEIN]]
    if described.kind == "state":
        return labels.assign(Label=own[STATE].replace(MASKED, UNCLASSIFIED).astype(object))
    z = own[VALUE].to_numpy(dtype=np.float64)
    states = np.select(
        [z > described.called, z < -(described.called or 0), np.abs(z) < described.quiet],
        [UP, DOWN, NOT],
        default=UNCLASSIFIED,
    )
    return labels.assign(Label=states.astype(object), Effect=z)
