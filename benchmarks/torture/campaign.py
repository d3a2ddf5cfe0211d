"""All cases of tests/wild, several times with other random places, in this process."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.wild.cases import TABLE, Case
from tests.wild.inputs import KITS
from tests.wild.mutations import copy_kit
from tests.wild.observe import left_over, observe, same
from tests.wild.stages import inside

COUNTED = ("inputs", "refused", "warned of", "read right", "faults")
"""Columns of the table."""


class Campaign:
    """Good inputs and their values, made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kits: dict[str, Path] = {}
        self.values: dict[str, Any] = {}

    def kit(self, name: str) -> Path:
        """A good input."""
        if name not in self.kits:
            self.kits[name] = self.folder / name
            self.kits[name].mkdir()
            KITS[name](self.kits[name])
        return self.kits[name]

    def good(self, case: Case) -> Any:
        """What the case's reader gives on it."""
        name = case.reader.name
        if name not in self.values:
            with tempfile.TemporaryDirectory(dir=self.folder) as place:
                folder = copy_kit(self.kit(case.reader.kit), Path(place) / "copy")
                with inside(folder):
                    self.values[name] = case.reader.read()
                    if case.reader.gate is not None:
                        case.reader.gate()
        return self.values[name]

    def one(self, case: Case, seed: int) -> tuple[str, list[str]]:
        """Run a case; how it ended, and what is wrong with that."""
        expected = self.good(case)
        place = self.folder / "case"
        folder = copy_kit(self.kit(case.reader.kit), place)
        try:
            case.damage(folder, seed)
            with inside(folder):
                outcome, gate = observe(case.reader.read), None
                if case.reader.gate and outcome.error is None and not same(expected, outcome.value):
                    gate = observe(case.reader.gate)
            faults = [*case.judge(outcome, expected, gate), *left_over(folder)]
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return "traceback", [f"{type(error).__name__}: {str(error)[:300]}"]
        finally:
            shutil.rmtree(place)
        if outcome.error or (gate and gate.error):
            return "refused", faults
        return "warned of" if outcome.warned else "read right", faults


def run_campaign(seeds: Sequence[int], part: int, parts: int) -> dict[str, Counter[str]]:
    """Every `parts`-th reader's cases, once per seed: counts by reader."""
    names = sorted({case.reader.name for case in TABLE})
    counts: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as place:
        campaign = Campaign(Path(place))
        for name in names[part::parts]:
            begin = time.monotonic()
            counts[name] = Counter()
            for case in (case for case in TABLE if case.reader.name == name):
                for seed in seeds:
                    end, faults = campaign.one(case, seed)
                    counts[name]["inputs"] += 1
                    if faults:
                        counts[name]["faults"] += 1
                        print(f"fault: {case.id}, seed {seed}: {faults}", flush=True)
                    else:
                        counts[name][end] += 1
            took = time.monotonic() - begin
            print(f"campaign, {name}: {counts[name]['inputs']} ({took:.0f} s)", flush=True)
    return counts
