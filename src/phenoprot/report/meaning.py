"""Sentences that give a score its meaning: ceiling, cell number, structure, masked pairs."""

from __future__ import annotations

from phenoprot.report.parts import TablePart
from phenoprot.report.results import ScreenResults
from phenoprot.wells.names import STRUCTURE

CELLS = {"few": "few", "middle": "a middling number of", "many": "many"}


def against_ceiling(results: ScreenResults, part: TablePart, first: str) -> list[str]:
    """What a repeat of the assay would score, and how far the first row is on the way."""
    ceiling = results.parts[part.name][first].ceiling
    if ceiling is None or ceiling.share is None:
        return []
    return [
        f"{part.short}: a repeat of the protein assay would score {ceiling.value:.3f} over "
        f"{ceiling.n} of them; {first} is {100 * ceiling.share:.0f} % of the way there from chance."
    ]


def within_thirds(results: ScreenResults, part: TablePart, first: str) -> list[str]:
    """The first row among treatments of about as many cells."""
    strata = results.parts[part.name][first].strata
    means = {s.name: s.means["auc"].value for s in strata if "auc" in s.means}
    if "within" not in means:
        return []
    each = ", ".join(
        f"{means[name]:.3f} with {words} cells" for name, words in CELLS.items() if name in means
    )
    return [
        f"{part.short}: within thirds of the cell number {first} scores {means['within']:.3f} "
        f"({each})."
    ]


def against_structure(results: ScreenResults, part: TablePart, first: str) -> list[str]:
    """What the compounds' structures alone score."""
    rows = results.parts[part.name]
    alone = {
        name: rows[name].means["auc"].value
        for name, method in results.provenance.methods.items()
        if method.features == [STRUCTURE] and name in rows and "auc" in rows[name].means
    }
    if not alone:
        return []
    best = max(alone, key=lambda name: alone[name])
    text = f"{part.short}: the structure of the compound alone (`{best}`) scores {alone[best]:.3f}"
    of_first = results.provenance.methods[first]
    both = [STRUCTURE, *of_first.features]
    joined = [
        name
        for name, method in results.provenance.methods.items()
        if method.features == both and method.model == of_first.model and name in rows
    ]
    if joined and "auc" in rows[joined[0]].means:
        text += f", with {first} {rows[joined[0]].means['auc'].value:.3f}"
    return [f"{text}."]


def sensitivity(results: ScreenResults, part: TablePart, first: str) -> list[str]:
    """The first row with masked pairs as negatives, beside its score with them masked."""
    direction, _, also = part.name.partition("/")[2].partition("_")
    masked = results.parts.get(f"classification/{direction}", {}).get(first)
    mean = results.parts[part.name][first].means.get("auc")
    if masked is None or mean is None or "auc" not in masked.means:
        return []
    kind = "pairs of the opposite direction" if also == "opposite" else "unclassified pairs"
    return [
        f"{direction.upper()}: with {kind} as negatives {first} scores {mean.value:.3f} "
        f"(masked: {masked.means['auc'].value:.3f})."
    ]
