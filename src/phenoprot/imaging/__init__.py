"""From image files to cells: reading, checks, segmentation, crops."""
