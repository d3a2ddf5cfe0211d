"""Names of columns that are no features or proteins: rows, places, and what tables reserve."""

from __future__ import annotations

import re

_PLACE = re.compile(
    r"""^$                                         # the index of a data frame, written as CSV
      | ^unnamed:\ ?\d+                            # the same, read and written again
      | ^(?:index|level_\d+|__index_level_\d+__)$
      | ^(?:plate|well|site|field|row|col|column|image|object)(?:_?(?:id|index|number|no))?$
      | (?:image|object|table|group)_?(?:number|index)(?:_|$)
      | (?:^|_)location_ | (?:^|_)parent_ | (?:^|_)number_object | ^executiontime_
      | (?:^|_)areashape_(?:center|boundingbox(?:minimum|maximum))_[xyz]$
      | ^(?:image_)?metadata                       # misspelt: these describe the well""",
    re.IGNORECASE | re.VERBOSE,
)


def names_place(column: str) -> bool:
    """Whether a feature column numbers rows, images or objects, or says where they lie.

    These are ``ImageNumber``, ``ObjectNumber``, ``Unnamed: 0``, ``Cells_Location_Center_X``,
    ``Cells_Parent_Nuclei``, ``Cells_AreaShape_Center_X`` and the like.
    """
    return _PLACE.search(column.strip()) is not None


def is_reserved(name: str) -> bool:
    """Whether a protein of this name would be no column of its own: the tables use it otherwise."""
    return name.startswith(("Metadata_", "__index_level_")) or not name.strip()
