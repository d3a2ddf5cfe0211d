"""Names of the feature tables that are made from a screen's layout and readout.

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
