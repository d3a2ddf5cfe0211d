"""Nuclei, cells and cytoplasm of the fields of view."""
