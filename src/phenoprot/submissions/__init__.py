"""Predictions that others have made, as files; and what the benchmark has, in formats of others."""
