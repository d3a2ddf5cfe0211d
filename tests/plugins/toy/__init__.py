"""A package of others: one feature method, one model and one task."""
