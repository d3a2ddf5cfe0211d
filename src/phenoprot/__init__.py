"""PhenoProt: how much of the proteome can be read from Cell Painting images?"""

__version__ = "0.1.0"
