"""From protein readouts to labels (up, down, not, unclassified) and levels to predict."""
