"""The single-cell masked autoencoder: trained from scratch, then a feature extractor."""
