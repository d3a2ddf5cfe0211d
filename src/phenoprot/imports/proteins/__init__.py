"""Protein tables of search engines and assays, read into the long table of a screen."""

from phenoprot.imports.proteins.read import (
    ProteinOptions,
    ProteinReport,
    Proteins,
    proteins_of,
    read_matrix,
    read_proteins,
    wells_of,
)

__all__ = [
    "ProteinOptions",
    "ProteinReport",
    "Proteins",
    "proteins_of",
    "read_matrix",
    "read_proteins",
    "wells_of",
]
