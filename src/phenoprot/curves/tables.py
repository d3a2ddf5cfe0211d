"""Proteomics tables: long, and the wide protein tables of search engines."""

from phenoprot.curves.long import LONG, check_long
from phenoprot.curves.wide import LAYOUTS, SAMPLES, read_wide

__all__ = ["LAYOUTS", "LONG", "SAMPLES", "check_long", "read_wide"]
