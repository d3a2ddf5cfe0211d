"""Dose-response curves: readers, designs, the batched fit, calls."""
