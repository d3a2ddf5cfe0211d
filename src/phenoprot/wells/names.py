"""Names of the feature tables that are made from a screen's layout and readout; of columns.

They stand apart from the code that makes the tables.
"""

POSITION = "plate_position"
"""Row, column and distance to the edge of every well, their products, and rings."""
PROTEOME = "proteome"
"""The protein levels themselves."""
STRUCTURE = "structure"
"""Fingerprints of the compounds' structures."""
DOSE = "concentration"
"""The concentration alone."""
MADE = (POSITION, PROTEOME, STRUCTURE, DOSE)
"""All of them: no profile table of a screen may have one of these names."""

REPLICATES = "n_replicates"
"""Wells of a treatment that have features."""
MAP = "map"
"""Mean average precision of a treatment's wells against the negative controls."""
P, P_RANKINGS = "p", "p_rankings"
"""p of a treatment over sets of wells, and over random rankings."""
PERMUTED = "permuted"
"""What was permuted for p: wells or positions."""
Q = "q"
"""p, adjusted over all treatments."""
ACTIVE = "active"
"""Whether a treatment or compound changes the cells."""
FIRST_ACTIVE = "first_active_concentration"
"""Lowest active concentration of a compound."""
