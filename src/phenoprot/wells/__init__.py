"""From well features to one normalised profile per treatment."""
