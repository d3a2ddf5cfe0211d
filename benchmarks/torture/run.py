"""``make torture``: damaged inputs, kills and shortages; the results go to docs/reliability.md.

Everything random is drawn from ``--seed``. Progress and faults are printed; exit code 1 if there
was a fault.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

# Works as a module and as a file.
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from phenoprot.core import runtime  # noqa: E402 - the path comes first

runtime.pin()

import typer  # noqa: E402
from benchmarks.torture import report  # noqa: E402
from benchmarks.torture.campaign import run_campaign  # noqa: E402
from benchmarks.torture.commands import run_commands  # noqa: E402
from benchmarks.torture.kills import kill_often  # noqa: E402
from benchmarks.torture.shortages import all_trials, of_victims  # noqa: E402
from benchmarks.torture.victims import VICTIMS  # noqa: E402

PAGE = ROOT / "docs" / "reliability.md"


def tortured(
    kind: str, number: int, size: int, seed: int
) -> tuple[str, str, dict[str, Counter[str]] | Counter[str]]:
    """One job, in a process of its own.

    Parameters
    ----------
    kind
        ``campaign``, ``commands``, ``kills`` or ``shortages``.
    number
        Part of the campaign, or which victim.
    size
        Parts of the campaign; number of inputs, kills or draws of each command.
    seed
        Of everything random.
    """
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        if kind == "campaign":
            rng = random.Random(seed)
            return kind, "", run_campaign([rng.randrange(10**6)], number, size)
        if kind == "commands":
            return "campaign", "", run_commands(Path(folder), size, seed)
        if kind == "kills":
            return kind, VICTIMS[number].name, kill_often(VICTIMS[number], Path(folder), size, seed)
        victim = of_victims()[number]
        return kind, victim.name, all_trials(victim, Path(folder), size, seed)


def main(
    kills: Annotated[int, typer.Option(help="Kills, over all commands.")] = 60,
    inputs: Annotated[int, typer.Option(help="Damaged inputs for each command.")] = 6,
    draws: Annotated[int, typer.Option(help="Trials of each shortage and command.")] = 1,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    only: Annotated[str, typer.Option(help="campaign, commands, kills or shortages.")] = "",
    write: Annotated[bool, typer.Option(help="Write the results to the page.")] = True,
) -> None:
    """Torture the commands and report."""
    each = -(-kills // len(VICTIMS))
    parts = 4
    jobs = [("kills", number, each) for number in range(len(VICTIMS))]
    jobs += [("shortages", number, draws) for number in range(len(of_victims()))]
    jobs += [("commands", 0, inputs)]
    jobs += [("campaign", number, parts) for number in range(parts)]
    jobs = [job for job in jobs if only in ("", job[0])]
    found = report.Results()
    context = get_context("spawn")
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1), context, max_tasks_per_child=1) as pool:
        for future in [pool.submit(tortured, *job, seed) for job in jobs]:
            try:
                found.add(*future.result())
            except Exception:
                traceback.print_exc()
                found.broken += 1
    print(found.text())
    if write and not only:
        report.write(PAGE, found)
    sys.exit(found.faults > 0)


if __name__ == "__main__":
    typer.run(main)
