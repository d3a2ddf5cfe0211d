"""Names of the feature tables that are made from a screen's layout and readout.

They stand apart from the code that makes the tables.
"""

POSITION = "plate_position"
"""Row, column and distance to the edge of every well."""
PROTEOME = "proteome"
"""The protein levels themselves."""
