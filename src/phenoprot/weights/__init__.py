"""Trained weights of published networks: where they are, what they must hash to, how they load."""
