"""Features of cells and of fields of view."""
