"""``phenoprot plan``: what a run will cost, before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from phenoprot.pipeline.tables import Format

if TYPE_CHECKING:
    from phenoprot.costs.plan import Cost, Total, Workers
    from phenoprot.report.table import Table

GIB = 2**30


def plan(
    screen: Annotated[
        str | None,
        typer.Argument(
            help="Key of params.yaml, screen folder, or `full`. Default: all keys, full."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Workers, on one machine or several. Default: as here."),
    ] = None,
    gpus: Annotated[int, typer.Option(min=0, help="GPUs.")] = 0,
    form: Annotated[
        Format, typer.Option("--format", help="text fits the terminal; csv and json are exact.")
    ] = Format.TEXT,
) -> None:
    """Print the expected time, memory and disk of every stage, here and on N workers or GPUs."""
    from phenoprot.costs.plan import FULL, Workers, costs, screen_named
    from phenoprot.costs.rates import read_rates
    from phenoprot.execution.settings import cores
    from phenoprot.pipeline.params import load_params

    params, rates = load_params(), read_rates()
    here = Workers(params.execution.workers or cores())
    there = Workers(workers or here.cores, gpus)
    places = [here] if there == here else [here, there]
    names = [screen] if screen else [*params.screens, FULL]
    found = {}
    for name in names:
        one = screen_named(name, params)
        found[one.name] = [costs(one, rates, place) for place in places]
    if form in (Format.CSV, Format.JSON):
        _print_records(found, places, form)
        return
    from phenoprot.report.show import print_table

    for name, planned in found.items():
        print_table(table(name, planned, places, rates.machine), form is Format.MD)


def _print_records(found: dict[str, list[list[Cost]]], places: list[Workers], form: Format) -> None:
    from dataclasses import asdict

    from phenoprot.report.records import to_csv, to_json

    records = [
        {"screen": name, "workers": place.cores, "gpus": place.gpus, **asdict(one)}
        for name, planned in found.items()
        for place, of_place in zip(places, planned, strict=True)
        for one in of_place
    ]
    typer.echo(to_json(records) if form is Format.JSON else to_csv(records).rstrip("\n"))


def table(name: str, planned: list[list[Cost]], places: list[Workers], machine: str) -> Table:
    """The costs of a screen's stages at each place, as a table; the last line is all of them."""
    from phenoprot.costs.plan import total
    from phenoprot.costs.rates import BEYOND
    from phenoprot.report.table import Table

    columns = ["stage", "shards"]
    for place in places:
        where = _where(place)
        columns += [f"time, {where}", f"memory, {where}"]
    rows = []
    for line in zip(*planned, strict=True):
        cells = [line[0].stage, f"{line[0].shards:,}"]
        for one in line:
            cells += [_time(one), gib(one.memory_bytes)]
        rows.append([*cells, gib(line[0].process_bytes), gib(line[0].disk_bytes)])
    totals = [total(one) for one in planned]
    cells = [totals[0].stage, f"{totals[0].shards:,}"]
    for one in totals:
        cells += [_least(one, "seconds", _time(one)), _least(one, "memory_bytes")]
    rows.append([*cells, _least(totals[0], "process_bytes"), _least(totals[0], "disk_bytes")])
    notes = [
        f"Expected from rates measured on {machine}; other cores are slower or faster.",
        "Memory: of all processes of a stage at a time, and of the largest. -: not measured, or "
        "not for so much work.",
    ]
    if unknown := max((one.unknown or {}).get("seconds", 0) for one in totals):
        notes.append(f"At least: the time of {unknown} of {len(planned[0])} stages is not known.")
    if any(one.beyond for one in totals):
        notes.append(
            f"?: more than {BEYOND:g} times the work that was measured; an order of magnitude."
        )
    if any(place.gpus for place in places):
        notes.append("Only stages that were measured on a GPU take their time from GPUs.")
    title = f"{name}: expected cost"
    return Table(title, [*columns, "largest process", "disk"], rows, notes)


def _time(one: Cost) -> str:
    mark = "?" if one.beyond and one.seconds is not None else ""
    return f"{duration(one.seconds)}{mark}"


def _least(whole: Total, name: str, told: str | None = None) -> str:
    """A figure of all stages; there may be more if it is not known of each."""
    value = getattr(whole, name)
    told = gib(value) if told is None else told
    return f"at least {told}" if value is not None and (whole.unknown or {}).get(name) else told


def _where(place: Workers) -> str:
    workers = f"{place.cores} worker{'s' if place.cores > 1 else ''}"
    if not place.gpus:
        return workers
    return f"{workers}, {place.gpus} GPU{'s' if place.gpus > 1 else ''}"


def duration(seconds: float | None) -> str:
    """``42 s``, ``12 min``, ``3.4 h``; a dash where nothing is known."""
    if seconds is None:
        return "-"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"


def gib(value: float | None) -> str:
    """Bytes in GiB; a dash where nothing is known."""
    return "-" if value is None else f"{value / GIB:.2f} GiB"
