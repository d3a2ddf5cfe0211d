"""The screen contract, and what reads a screen folder."""
