"""Names of the columns of ``curves.parquet`` and ``ratios.parquet``.

They stand apart from the code that fits, so that readers of these files do not depend on it.
"""

from phenoprot.screens.contract import COMPOUND, CONCENTRATION, PROTEIN

CURVE_KEY = [COMPOUND, PROTEIN]
VALID_DOSES = "Valid_Doses"
"""Treated values of the curve that are not missing (count)."""
FILTER = "Filter"
"""Why the curve is unclassified before its shape is looked at; "" is none of these reasons."""
QUALITY = "Signal_Quality"
"""log2 of the mean control intensity."""
LABEL = "Label"
"""up, down, not, or "" for unclassified curves."""
EFFECT, P, PEC50 = "Effect", "P", "pEC50"
"""log2 fold change, p value, and -log10 of the half-maximal concentration (M)."""
RATIO = "Ratio"
"""Treated / mean control, no unit."""
RATIO_COLUMNS = [COMPOUND, PROTEIN, CONCENTRATION, RATIO]
