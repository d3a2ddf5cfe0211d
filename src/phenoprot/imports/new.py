"""``phenoprot screens new``: write a screen folder, whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import kind_of, read_text, write_parquet, write_text
from phenoprot.core.folders import temporary_folder
from phenoprot.core.settings import parse_settings
from phenoprot.core.yamltext import LARGEST, parse_yaml
from phenoprot.imports.draft import Draft
from phenoprot.imports.images import load_data_table
from phenoprot.screens.contract import CELL_COUNT, SMILES, STAINS, ScreenInfo, feature_columns
from phenoprot.screens.loader import PROFILES

MODELS = ("mlp", "linear")
"""Models of the rows of a new screen; the first gives a row its plain name."""


@dataclass(frozen=True)
class About:
    """What a screen is called."""

    title: str | None = None
    """One line; None: made from cells and readout."""
    organism: str = "Homo sapiens"
    """Species of the cells."""


def require_new(folder: Path) -> None:
    """Stop unless a screen may be written to `folder`.

    Raises
    ------
    UserError
        Its name cannot be that of a screen; or it is there, and is no empty folder.
    """
    name = folder.resolve().name
    if not name or not all(c.isascii() and (c.islower() or c.isdigit() or c == "_") for c in name):
        raise UserError(
            f"{quoted(name)} cannot be the name of a screen",
            where=str(folder),
            remedy="Name a folder of small letters, digits and _: data/screens/my_screen.",
        )
    kind = kind_of(folder)
    if kind == "a folder":
        held = sorted(path.name for path in folder.iterdir())
        if held:
            raise UserError(
                f"holds {len(held)} file(s): {listed(held)}",
                where=str(folder),
                remedy="Name a new or an empty folder.",
            )
    elif kind != "missing":
        raise UserError(
            f"is {kind}, a folder is to be written", where=str(folder), remedy="Name another."
        )


def write_screen(draft: Draft, folder: Path, about: About = About()) -> None:
    """Write the tables and ``screen.yaml`` of a screen.

    Nothing is left behind if that fails.

    Raises
    ------
    UserError
        As of `require_new`.
    """
    require_new(folder)
    folder = folder.resolve()
    content = _content(draft, folder.name, about)
    parse_settings(ScreenInfo, content, str(folder / "screen.yaml"))
    with temporary_folder(folder) as place:
        write_text(place / "screen.yaml", _yaml(content))
        _write_csv(place / "wells.csv", draft.layout.wells)
        for name, (profiles, _) in draft.profiles.items():
            table = profiles.table.drop(columns=CELL_COUNT, errors="ignore")
            features = feature_columns(table)
            table = table.astype(dict.fromkeys(features, np.float32))
            write_parquet(place / PROFILES / f"{name}.parquet", table)
        if draft.images is not None:
            _write_csv(place / "images.csv", load_data_table(draft.images.fields, folder))
        if draft.proteins is not None:
            write_parquet(place / "proteomics.parquet", draft.proteins.table)
        if draft.targets is not None:
            _write_csv(place / "targets.csv", draft.targets.table)
        require_new(folder)
        if folder.exists():
            folder.rmdir()
        place.rename(folder)


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def _yaml(content: dict[str, Any]) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def _content(draft: Draft, name: str, about: About) -> dict[str, Any]:
    """The content of ``screen.yaml``."""
    content: dict[str, Any] = {
        "name": name,
        "title": about.title or _title(draft),
        "organism": about.organism,
        "cell_line": draft.cell_line,
    }
    tables: dict[str, Any] = {"wells": "wells.csv"}
    if draft.images is not None:
        content["stains"] = list(STAINS)
        tables["images"] = "images.csv"
    content["concentration_unit"] = draft.layout.unit or "uM"
    content["negative_control"] = draft.layout.negative_control
    if draft.profiles:
        tables["profiles"] = {
            table: {
                "path": f"{PROFILES}/{table}.parquet",
                "content": f"{len(feature_columns(profiles.table))} features, imported",
                "normalised": normalised,
            }
            for table, (profiles, normalised) in draft.profiles.items()
        }
    if draft.proteins is not None:
        tables["proteomics"] = {
            "path": "proteomics.parquet",
            "content": draft.proteins.content,
            "cell_line": draft.protein_cell_line,
            "kind": draft.proteins.kind,
            "design": draft.design,
        }
    if draft.targets is not None:
        tables["targets"] = "targets.csv"
    if caveats := _caveats(draft):
        content["caveats"] = caveats
    return content | {"tables": tables}


def _title(draft: Draft) -> str:
    images = f"Cell Painting ({draft.cell_line})"
    if draft.proteins is None:
        return images
    return f"{images} against {draft.proteins.content} ({draft.protein_cell_line})"


def _caveats(draft: Draft) -> list[str]:
    caveats = []
    if draft.proteins is not None and draft.protein_cell_line != draft.cell_line:
        caveats.append(
            f"Matched by compound, not by sample: images show {draft.cell_line}, proteins were "
            f"measured in {draft.protein_cell_line}."
        )
    if draft.doses.max() == 1:
        caveats.append("One concentration of each compound: no dose response.")
    return caveats


def params_block(draft: Draft, folder: Path) -> str:
    """The block of the screen for ``params.yaml``: its rows, with two models each.

    Every feature table has a row, then what the compounds and their places alone tell: position on
    the plate and, with SMILES, structure; and labels without meaning (``shuffled``). The size of
    crops is measured on the screen's own cells.
    """
    rows: dict[str, Any] = {}
    sources = list(draft.profiles) or (["cellprofiler", "cell_count"] if draft.images else [])
    fixed = ["plate_position", *(["structure"] if SMILES in draft.layout.wells else [])]
    for features in [*sources, *fixed, *sources[:1]]:
        shuffled = features in rows
        for model in MODELS:
            name = "shuffled" if shuffled else features
            row: dict[str, Any] = {"features": [features], "model": model}
            row |= {"shuffled": True} if shuffled else {}
            rows[name if model == MODELS[0] else f"{name}_{model}"] = row
    if draft.proteins is not None and draft.targets is not None:
        for model in MODELS:
            name = "proteome" if model == MODELS[0] else f"proteome_{model}"
            rows[name] = {"features": ["proteome"], "tasks": ["targets"], "model": model}
    root, place = Path.cwd().resolve(), folder.resolve()
    shown = place.relative_to(root) if place.is_relative_to(root) else place
    block: dict[str, Any] = {"folder": shown.as_posix()}
    if draft.images is not None and not draft.profiles:
        block["extracted"] = list(sources)
    if draft.images is not None:
        block["settings"] = {"crops": {"size": "auto"}}
    text = _yaml({place.name: block | {"rows": rows}})
    return "".join(f"  {line}\n" for line in text.splitlines())


def with_block(path: Path, name: str, block: str) -> str:
    """A parameter file with a screen's block after ``screens:``; the rest stays as it is.

    Raises
    ------
    UserError
        The file has no line ``screens:``, has the screen already, or would not hold the block.
    """
    text = read_text(path, LARGEST)
    before = parse_yaml(text, str(path))
    screens = before.get("screens")
    if isinstance(screens, dict) and name in screens:
        raise UserError(
            f"has a screen {quoted(name)} already",
            where=str(path),
            remedy="Remove its block, or give the new screen another name.",
        )
    lines = text.splitlines(keepends=True)
    place = next((n for n, line in enumerate(lines, 1) if line.rstrip() == "screens:"), None)
    if place is None or not isinstance(screens, dict):
        raise UserError(
            "has no line screens: with blocks below it",
            where=str(path),
            remedy="Name the params.yaml of the benchmark.",
        )
    written = "".join([*lines[:place], block, *lines[place:]])
    wanted = before | {"screens": screens | parse_yaml(block, "the block")}
    if parse_yaml(written, str(path)) != wanted:
        raise UserError(
            "its layout does not let a screen be added",
            where=str(path),
            remedy="Indent the blocks below screens: by two spaces.",
        )
    return written


def to_do(draft: Draft, folder: Path, params: Path | None) -> Sequence[str]:
    """What is left to do, a line each."""
    left = [
        f"read {folder}/screen.yaml: title, organism, caveats; add sources if the data are public"
    ]
    if params is None:
        left.append("put the block below under `screens:` of params.yaml (--params does it)")
    left.append(f"phenoprot screens validate {folder}")
    left.append("phenoprot pipeline write")
    left.append(f"dvc repro page-{folder.resolve().name}{_skipped(draft)}")
    return left


def _skipped(draft: Draft) -> str:
    """What the pipeline leaves out of such a screen."""
    absent = [
        name
        for name, table in (("readout", draft.proteins), ("targets", draft.targets))
        if table is None
    ]
    if not absent:
        return ""
    return f" (the screen has no {' and no '.join(absent)}: stages that need them are left out)"
