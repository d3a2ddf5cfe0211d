"""Checks that stop the pipeline before bad inputs become good-looking numbers."""
