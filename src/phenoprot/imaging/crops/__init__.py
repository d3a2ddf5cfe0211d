"""Single-cell crops: masked, centred, ready for random access."""
