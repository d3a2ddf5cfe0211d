"""Files of metrics/<screen> that DVC is told of."""

HEADLINE = "headline.json"
"""Its metrics."""
DOSES, TARGETS, COUNTS = "doses.csv", "targets.csv", "counts.csv"
"""Its plots."""
