"""Protein tables of search engines and assays, read into the long table of a screen."""

from phenoprot.imports.proteins.read import (
    ProteinOptions,
    ProteinReport,
    Proteins,
    read_proteins,
)

__all__ = ["ProteinOptions", "ProteinReport", "Proteins", "read_proteins"]
