"""Average precision of nuclei on images from elsewhere, on the phantom, and counts of real fields.

All by default settings, the diameter of nuclei measured. ``make bench-segmentation``.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.segmentation.mnfinder import Field, download, read_fields  # noqa: E402

import phenoprot  # noqa: E402, F401
from phenoprot.core.paths import WORK  # noqa: E402
from phenoprot.imaging.reader import field_name, read_field  # noqa: E402
from phenoprot.imaging.segmentation.agreement import Matches, match  # noqa: E402
from phenoprot.imaging.segmentation.classical import find_nuclei, segment_field  # noqa: E402
from phenoprot.imaging.segmentation.diameter import FIELDS, measure, settle_diameter  # noqa: E402
from phenoprot.imaging.segmentation.score import true_masks  # noqa: E402
from phenoprot.imaging.segmentation.settings import CellProfilerSettings  # noqa: E402
from phenoprot.screens.loader import load_screen  # noqa: E402

EYE = [49, 207, 82, 50, 84, 106, 35, 37]
"""Nuclei counted by eye on the fields of CPJUMP1, in the order of its images table."""
DEFAULTS = CellProfilerSettings()


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phantom", type=int, default=48, help="fields of the phantom")
    parser.add_argument("--folder", type=Path, default=ROOT / WORK / "benchmarks" / "mnfinder")
    options = parser.parse_args()
    elsewhere(read_fields(download(options.folder)))
    real()
    phantom(options.phantom)


def elsewhere(fields: list[Field]) -> None:
    """One line per set."""
    print("| set | fields | nuclei | true diameter | measured | chosen on | reported |")
    print("|---|---|---|---|---|---|---|")
    for group in dict.fromkeys(field.group for field in fields):
        members = [field for field in fields if field.group == group]
        found = measure([field.dna for field in members[:: -(-len(members) // FIELDS)]], DEFAULTS)
        assert found is not None
        halves = [Matches(), Matches()]
        for field in members:
            nuclei = find_nuclei(field.dna, DEFAULTS.at(found[0]))
            halves[field.half] += match(field.nuclei, nuclei)
        areas = pd.concat([pd.Series(field.nuclei.ravel()).value_counts() for field in members])
        true = (4 / 3.14159265 * areas[areas.index != 0].median()) ** 0.5
        scores = " | ".join(
            f"{m.average_precision:.3f} (+{m.false_positives} -{m.false_negatives})" for m in halves
        )
        number = (areas.index != 0).sum()
        print(f"| {group} | {len(members)} | {number} | {true:.1f} | {found[0]} | {scores} |")


def real() -> None:
    """Counts of the fields of CPJUMP1."""
    fields = load_screen(ROOT / "data" / "screens" / "cpjump1").images()
    settings, _ = settle_diameter(fields, DEFAULTS)
    print(f"\nCPJUMP1, {settings.diameter} px\n\n| field | by eye | found | cell / nucleus |")
    print("|---|---|---|---|")
    for row, eye in zip(fields.to_dict("records"), EYE, strict=True):
        masks = segment_field(read_field(row), settings).masks
        sizes = [pd.Series(labels.ravel()).value_counts() for labels in (masks.cells, masks.nuclei)]
        ratio = (sizes[0] / sizes[1])[lambda ratio: ratio.index != 0].median()
        print(f"| {field_name(row)} | {eye} | {masks.count} | {ratio:.1f} |")


def phantom(number: int) -> None:
    """Average precision on evenly spaced fields of the phantom, and the time of one."""
    screen = load_screen(ROOT / "data" / "screens" / "phantom")
    fields = screen.images()
    settings, _ = settle_diameter(fields, DEFAULTS)
    chosen = fields.iloc[:: max(1, len(fields) // number)].head(number)
    truth = true_masks(screen.folder / "truth" / "masks", chosen)
    nuclei, cells, spent = Matches(), Matches(), 0.0
    for row in chosen.to_dict("records"):
        light = read_field(row)
        start = time.process_time()
        masks = segment_field(light, settings).masks
        spent += time.process_time() - start
        nuclei += match(truth[field_name(row)].nuclei, masks.nuclei)
        cells += match(truth[field_name(row)].cells, masks.cells)
    print(
        f"\nphantom, {len(chosen)} fields, {settings.diameter} px: nuclei "
        f"{nuclei.average_precision:.3f}, cells {cells.average_precision:.3f}; "
        f"{spent / len(chosen):.2f} s of CPU a field"
    )


if __name__ == "__main__":
    main()
