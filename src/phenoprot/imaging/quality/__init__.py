"""How good the images and masks of each field of view are, and which fields stand out."""
