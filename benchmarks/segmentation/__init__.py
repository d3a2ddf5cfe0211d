"""How well nuclei are found on images from elsewhere."""
