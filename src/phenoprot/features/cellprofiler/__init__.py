"""CellProfiler's measurements of single cells."""
