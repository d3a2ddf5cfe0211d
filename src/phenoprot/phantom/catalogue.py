"""The latent programmes: what a compound can do to the cells of the phantom."""

from __future__ import annotations

from dataclasses import dataclass

PROGRAMME = "Metadata_Programme"
"""Column of the programme in the tables of the truth."""


@dataclass(frozen=True)
class Programme:
    """One way in which cells answer.

    Parameters
    ----------
    description
        What the programme stands for.
    targets
        Gene symbols that its compounds are annotated with.
    cell_loss
        Share of the cells that are lost at full activity, 0..1.
    in_proteins, in_images
        Where the programme shows. One that does not show in images leaves the cell number alone.
    """

    description: str
    targets: tuple[str, ...]
    cell_loss: float = 0.0
    in_proteins: bool = True
    in_images: bool = True


CATALOGUE: dict[str, Programme] = {
    "cell_cycle_arrest": Programme(
        "Arrest in G2/M: fewer, larger cells with large nuclei",
        ("CDK1", "PLK1", "AURKA"),
        cell_loss=0.45,
    ),
    "er_stress": Programme(
        "Unfolded protein response: bright, condensed ER",
        ("ATP2A2", "HSP90B1", "VCP"),
        cell_loss=0.2,
    ),
    "mitochondrial_stress": Programme(
        "Respiratory chain blocked: fragmented, dim mitochondria",
        ("NDUFS1", "UQCRC1", "ATP5F1A"),
        cell_loss=0.15,
    ),
    "cytoskeleton_spreading": Programme(
        "Actomyosin relaxed: spread, elongated cells with protrusions",
        ("ROCK1", "ROCK2", "MYH9"),
    ),
    "nucleolar_stress": Programme(
        "RNA polymerase I blocked: few, round, dim nucleoli",
        ("POLR1A", "POLR1B", "RRN3"),
        cell_loss=0.25,
    ),
    "proliferation_loss": Programme(
        "Growth signalling blocked: few and small cells",
        ("MTOR", "PIK3CA", "MAP2K1"),
        cell_loss=0.7,
    ),
    "antioxidant_response": Programme(
        "NRF2 targets induced: shows in proteins only",
        ("KEAP1", "TXNRD1", "GSR"),
        in_images=False,
    ),
    "vacuolation": Programme(
        "Swollen endolysosomes: shows in images only",
        ("PIKFYVE", "FIG4", "VAC14"),
        in_proteins=False,
    ),
}
"""Programmes by name, in the order of the activity tables' columns."""
NULL_TARGETS = ("OR1A1", "OR2C1", "OR4D6", "OR5AN1", "OR6A2", "OR7C1", "OR8D1", "OR10G4")
"""Olfactory receptors: names for target genes that drive nothing."""
