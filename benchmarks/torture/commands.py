"""Damaged inputs given to commands in processes of their own."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

from benchmarks.torture.victims import PHENOPROT, Run, Victim, nothing, temporary_files
from tests.wild.cases import TABLE, Case
from tests.wild.inputs import KITS
from tests.wild.mutations import copy_kit

from phenoprot.core.errors import LONGEST_MESSAGE

COMMANDS = {
    "load_data": ("segment", "images.csv", "--output", "out", "--workers", "1"),
    "screen": ("screens", "validate", "tiny"),
    "params": ("screens", "validate", "nowhere"),
    "preset": ("preset", "apply", "poster"),
    "profiles": ("profiles", "features.csv", "--wells", "layout.csv", "--output", "out"),
    "curves": ("curves", "fit", "params.toml", "--output", "out"),
    "import_csv": ("features", "import", "cp", "--output", "out"),
    "import_sqlite": ("features", "import", "cp.sqlite", "--output", "out"),
    "tables": ("tables", "cpjump1"),
}
"""The command line that takes the input of a reader; what it writes is ``out``."""
LIMIT = 120.0
"""Seconds for a command with the start of its process."""


def faults(run: Run, code: int) -> list[str]:
    """What is wrong with how a command refused its input."""
    said = run.log.read_text(encoding="utf-8", errors="replace")
    lines = [
        line for line in said.splitlines() if line and not line.startswith(("warning: ", "  "))
    ]
    found = []
    if "Traceback" in said:
        found.append("traceback")
    if code != 1:
        found.append(f"exit code {code}")
    refusals = [line for line in lines if line.startswith("phenoprot: ")]
    if len(refusals) != 1:
        found.append(f"{len(refusals)} lines of refusal")
    elif len(refusals[0]) > LONGEST_MESSAGE + len("phenoprot: "):
        found.append(f"{len(refusals[0])} characters")
    if (run.folder / "out").exists():
        found.append("an output")
    found += temporary_files(run.folder)
    return [f"{', '.join(found)}: {said[-300:]}"] if found else []


def chosen(each: int, seed: int) -> dict[str, list[Case]]:
    """Cases for every command: inputs that it must refuse."""
    rng = random.Random(seed)
    found = {}
    for reader in COMMANDS:
        cases = [
            case
            for case in TABLE
            if case.reader.name == reader and case.mutation.right == "refused"
        ]
        found[reader] = rng.sample(cases, min(each, len(cases)))
    return found


def run_commands(folder: Path, each: int, seed: int) -> dict[str, Counter[str]]:
    """Give every command `each` damaged inputs: counts by command."""
    counts: dict[str, Counter[str]] = {}
    for reader, cases in chosen(each, seed).items():
        command = COMMANDS[reader]
        name = f"`phenoprot {' '.join(command[:2])}`"
        counts.setdefault(name, Counter())
        kit = folder / f"kit-{reader}"
        kit.mkdir()
        KITS[cases[0].reader.kit](kit)
        for case in cases:
            place = copy_kit(kit, folder / "case")
            case.damage(place, seed)
            run = Run(Victim(name, nothing, (*PHENOPROT, *command), ()), place)
            wrong = faults(run, run.to_end(LIMIT))
            counts[name]["inputs"] += 1
            counts[name]["faults" if wrong else "refused"] += 1
            if wrong:
                print(f"fault: {name}, {case.id}, seed {seed}: {wrong}", flush=True)
            shutil.rmtree(place)
        print(f"commands, {name}: {counts[name]['inputs']}", flush=True)
    return counts
