"""Scores within test folds, what chance would give, and how certain they are."""
