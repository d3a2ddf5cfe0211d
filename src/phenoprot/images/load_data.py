"""The fields of view of a screen; the format is part of the screen contract."""

from phenoprot.screens.load_data import illumination_column, read_load_data, url_column

__all__ = ["illumination_column", "read_load_data", "url_column"]
