"""Damage, kills and shortages: what `make torture` does."""
