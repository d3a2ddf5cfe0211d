"""Two git revisions side by side: what changed in the metrics, and why it may."""
