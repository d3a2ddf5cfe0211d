"""Protein tables of search engines and assays, read into the long table of a screen."""

from phenoprot.imports.proteins.read import (
    ProteinOptions,
    proteins_of,
    read_matrix,
    read_proteins,
    wells_of,
)
from phenoprot.imports.proteins.report import ProteinReport, Proteins

__all__ = [
    "ProteinOptions",
    "ProteinReport",
    "Proteins",
    "proteins_of",
    "read_matrix",
    "read_proteins",
    "wells_of",
]
