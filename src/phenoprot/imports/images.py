"""Images: a LoadData CSV, or a folder whose file names say plate, well, field and channel."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import resolved
from phenoprot.imports.columns import row_letters
from phenoprot.imports.harmony import channel_names, stain_of
from phenoprot.screens.contract import (
    FIELD_KEY,
    PLATE,
    SITE,
    STAINS,
    WELL,
    illumination_column,
    url_column,
)
from phenoprot.screens.load_data import read_load_data
from phenoprot.screens.places import is_remote
from phenoprot.screens.tables import canonical_well, faulty_wells

HARMONY = (
    r"r(?P<row>\d{2})c(?P<column>\d{2})f(?P<site>\d+)p(?P<plane>\d+)-ch(?P<channel>\d+)"
    r"sk(?P<time>\d+)fk\d+fl\d+\.tiff?"
)
"""Harmony (Opera Phenix, Operetta): ``r01c01f01p01-ch1sk1fk1fl1.tiff``."""
IMAGEXPRESS = (
    r"(?:(?P<plate>.+)_)?(?P<well>[A-P]\d{2})_s(?P<site>\d+)(?:_z(?P<plane>\d+))?"
    r"_w(?P<channel>\d)(?P<id>[0-9A-Fa-f-]{36})?\.tiff?"
)
"""ImageXpress (MetaXpress): ``Plate1_A01_s1_w1.tif``, also with an id at the end."""
PATTERNS = {"harmony": HARMONY, "imagexpress": IMAGEXPRESS}
IMAGES = (".tif", ".tiff")
_MEASUREMENT = re.compile(r"__\d{4}-\d{2}-\d{2}T.*$")
"""What Harmony puts behind the name of a plate."""


@dataclass(frozen=True)
class Images:
    """Fields of view."""

    fields: pd.DataFrame
    """As of :func:`phenoprot.screens.load_data.read_load_data`: absolute paths, or URLs."""
    lines: list[str] = field(default_factory=list)
    """What was understood."""


def read_images(
    source: Path,
    pattern: str | None = None,
    channels: Mapping[str, str] | None = None,
    plate: str | None = None,
) -> Images:
    """Find the fields of view of a screen.

    Parameters
    ----------
    source
        LoadData CSV, or a folder, in which images lie at any depth.
    pattern
        How files of the folder are named: a key of :data:`PATTERNS`, or a regular expression that
        matches the whole name, with the groups ``well`` or ``row`` and ``column``, ``channel``,
        and optionally ``plate``, ``site`` and ``plane``. Told from the names if not given.
    channels
        Stain of each channel, for a folder: ``{"1": "DNA", ...}``. Told from Harmony's index, if
        that lies beside the images, and from channels that have the names of stains.
    plate
        Plate of all images, if neither names nor folders tell it.

    Raises
    ------
    UserError
        The LoadData CSV is not in order; no file fits a pattern; a stain has no channel; fields
        lack a stain, have it twice, or in several planes.
    """
    if not source.is_dir():
        fields = read_load_data(source)
        return Images(fields, [_counted(fields)])
    expression, name = _pattern(source, pattern)
    files = _files(source, expression, plate)
    lines = [f"file names as of {name}: {len(files)} images"]
    named = channel_names(files["folder"].unique()) if name == "harmony" and not channels else {}
    told = {key: stain for key, its in named.items() if (stain := stain_of(its)) is not None}
    if told:
        said = ", ".join(f"{key} {named[key]} = {told[key]}" for key in sorted(told))
        lines.append(f"channels as of Harmony's index: {said}")
    stains = _stains(files, channels or told, source, named)
    files = files[files["channel"].isin(stains)]
    files = files.assign(stain=files["channel"].map(stains))
    _require_whole(files, source)
    fields = files.pivot(index=FIELD_KEY, columns="stain", values="path")[list(STAINS)]
    fields.columns = pd.Index([url_column(stain) for stain in STAINS])
    fields = fields.reset_index()
    return Images(fields, [*lines, _counted(fields)])


def _counted(fields: pd.DataFrame) -> str:
    wells = len(fields[[PLATE, WELL]].drop_duplicates())
    lit = ", with illumination functions" if illumination_column(STAINS[0]) in fields else ""
    return (
        f"{len(fields)} fields of view in {wells} wells on {fields[PLATE].nunique()} plate(s), "
        f"stains {', '.join(STAINS)}{lit}"
    )


def _pattern(source: Path, pattern: str | None) -> tuple[re.Pattern[str], str]:
    if pattern is not None:
        try:
            expression = re.compile(PATTERNS.get(pattern, pattern))
        except re.error as error:
            raise UserError(
                f"is no regular expression: {error}",
                where="--pattern",
                remedy=f"Name {' or '.join(PATTERNS)}, or write one.",
            ) from None
        groups = set(expression.groupindex)
        missing = {"channel"} - groups
        if "well" not in groups:
            missing |= {"row", "column"} - groups
        if missing:
            raise UserError(
                f"has no group {listed(sorted(missing))}",
                where="--pattern",
                remedy="Name the parts: (?P<well>[A-P][0-9]{2})_(?P<channel>[0-9]).",
            )
        return expression, pattern
    names = [name for _, name in _walk(source)]
    counts = {
        key: sum(re.fullmatch(expression, name) is not None for name in names)
        for key, expression in PATTERNS.items()
    }
    best = max(counts, key=lambda key: counts[key])
    if not counts[best]:
        raise UserError(
            f"none of {len(names)} TIFF file(s) has a known name"
            + (f": {listed(names, 3)}" if names else ""),
            where=str(source),
            remedy="Give --pattern, a regular expression with the groups plate, well, site and "
            "channel, or a LoadData CSV.",
        )
    return re.compile(PATTERNS[best]), best


def _walk(source: Path) -> list[tuple[Path, str]]:
    """TIFF files below a folder, thumbnails aside, in order."""
    found = [
        (Path(place), name)
        for place, _, names in os.walk(source)
        for name in names
        if name.lower().endswith(IMAGES) and "thumb" not in name.lower()
    ]
    return sorted(found)


def _files(source: Path, expression: re.Pattern[str], plate: str | None) -> pd.DataFrame:
    """One row per image: keys, channel, plane, path."""
    rows, strange = [], []
    for folder, name in _walk(source):
        match = expression.fullmatch(name)
        if match is None:
            strange.append(name)
            continue
        parts = match.groupdict()
        well = parts.get("well") or f"{row_letters(parts['row'])}{parts['column']}"
        rows.append(
            {
                PLATE: parts.get("plate") or plate or _plate_of(folder, source),
                WELL: canonical_well(well),
                SITE: str(int(site)) if (site := parts.get("site") or "1").isdigit() else site,
                "channel": parts["channel"],
                "plane": f"{parts.get('plane') or 1}, {parts.get('time') or 1}",
                "path": str(resolved(folder / name)),
                "folder": folder,
            }
        )
    files = pd.DataFrame(rows, columns=[*FIELD_KEY, "channel", "plane", "path", "folder"])
    if files.empty or len(strange) > len(files):
        raise UserError(
            f"{len(strange)} of {len(strange) + len(files)} TIFF files have other names: "
            f"{listed(strange, 3)}",
            where=str(source),
            remedy="Give --pattern, a regular expression for the whole name of a file.",
        )
    if faults := faulty_wells(files[WELL]):
        raise UserError(
            f"{len(faults)} of the wells are none: {listed(faults)}",
            where=str(source),
            remedy="Check --pattern.",
        )
    planes = files.groupby([*FIELD_KEY, "channel"])["plane"].nunique()
    if (planes > 1).any():
        raise UserError(
            f"{(planes > 1).sum()} image(s) have up to {planes.max()} planes or times",
            where=str(source),
            remedy="Project them, or keep those of one plane in a folder of its own.",
        )
    return files


def _plate_of(folder: Path, source: Path) -> str:
    """The plate of a folder: Harmony names it ``<plate>__<time>-Measurement 1/Images``."""
    for part in (folder, *folder.parents):
        if part.name and part.name.lower() not in {"images", "timepoint_1"}:
            return _MEASUREMENT.sub("", part.name)
        if part == source:
            break
    return _MEASUREMENT.sub("", source.resolve().name)


def _stains(
    files: pd.DataFrame, channels: Mapping[str, str], source: Path, names: Mapping[str, str]
) -> dict[str, str]:
    """Stain of each channel; `names` are what the index calls them."""
    there = sorted(files["channel"].unique())
    given = {re.sub("^(?:ch|w)(?=[0-9])", "", key): stain for key, stain in channels.items()}
    given |= {stain: stain for stain in STAINS if stain in there and stain not in given}
    strange = sorted(set(given.values()) - set(STAINS))
    absent = sorted(set(given) - set(there))
    missing = [stain for stain in STAINS if stain not in given.values()]
    twice = len(set(given.values())) < len(given)
    if strange or absent or missing or twice:
        faults = [
            f"no channel for {listed(missing)}" if missing else "",
            f"{listed([quoted(s) for s in strange])} is no stain" if strange else "",
            f"no image has channel {listed([quoted(s) for s in absent])}" if absent else "",
            "a stain has two channels" if twice else "",
        ]
        raise UserError(
            "; ".join(fault for fault in faults if fault)
            + "; the images have the channels "
            + listed([f"{key} ({names[key]})" if key in names else key for key in there], 8),
            where=str(source),
            remedy=f"Say which is which: --channels {','.join(f'N={s}' for s in STAINS)}.",
        )
    return given


def _require_whole(files: pd.DataFrame, source: Path) -> None:
    key = [*FIELD_KEY, "stain"]
    twice = files[files.duplicated(key)]
    counts = files.groupby(FIELD_KEY)["stain"].nunique()
    short = counts[counts < len(STAINS)]
    for found, what, remedy in (
        (twice[FIELD_KEY].to_numpy(), "have two files of one stain",
         "If there are several plates, give a pattern with a group plate."),
        (short.index, f"lack one of the {len(STAINS)} stains", "Complete the export."),
    ):  # fmt: skip
        if len(found):
            names = list(dict.fromkeys("/".join(key) for key in found))
            raise UserError(
                f"{len(names)} field(s) of view {what}: {listed(names)}",
                where=str(source),
                remedy=remedy,
            )


def load_data_table(fields: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The fields as a LoadData table for a screen folder.

    Parameters
    ----------
    fields
        As of `Images`.
    folder
        The screen folder. Files that lie in the working folder, or below, are named relative to
        the screen folder, so that a repository can be moved; others by absolute path.
    """
    root = Path.cwd().resolve()
    folder = resolved(folder)
    places = {}
    for column in fields.columns.drop(FIELD_KEY):
        for place in fields[column].unique():
            inside = not is_remote(place) and Path(place).is_relative_to(root)
            near = inside and folder.is_relative_to(root)
            places[place] = os.path.relpath(place, folder) if near else place
    columns = fields.columns.drop(FIELD_KEY)
    return pd.concat([fields[FIELD_KEY], fields[columns].replace(places)], axis=1)
