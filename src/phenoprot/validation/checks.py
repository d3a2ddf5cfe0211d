"""The first gate: whether a screen's inputs can be trusted, all faults named in one run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from phenoprot.core.errors import UserError
from phenoprot.screens.contract import WELL_KEY, ProteomicsTable, Tables
from phenoprot.screens.loader import Screen, load_screen
from phenoprot.screens.readout import is_large
from phenoprot.validation import summaries_coverage as coverage
from phenoprot.validation import summaries_design as design
from phenoprot.validation import summaries_layout as layout
from phenoprot.validation import summaries_measured as measured
from phenoprot.validation.checks_readout import large_readout_batches, readout_batches
from phenoprot.validation.checks_treatments import Batches, label_batches, treatment_batches
from phenoprot.validation.report import ValidationReport
from phenoprot.validation.rule import TABLE
from phenoprot.validation.rules_layout import LAYOUT_RULES
from phenoprot.validation.rules_measured import MEASURED_RULES
from phenoprot.validation.rules_plates import PLATE_RULES
from phenoprot.validation.rules_treatments import GIVEN_LABEL_RULES, TREATMENT_RULES
from phenoprot.validation.settings import ValidationSettings
from phenoprot.validation.suites import judge
from phenoprot.validation.summaries_measured import Normalise

SCREEN_RULES = (
    *LAYOUT_RULES, *PLATE_RULES, *MEASURED_RULES, *TREATMENT_RULES, *GIVEN_LABEL_RULES
)  # fmt: skip


def validate_screen(
    screen: Screen, settings: ValidationSettings, normalise: Normalise
) -> ValidationReport:
    """Check all tables of a screen, alone and against each other.

    Parameters
    ----------
    screen
        The screen. Tables that cannot be read are reported; the others are checked all the same.
    settings
        Thresholds.
    normalise
        The library's normalisation, ``(profile, wells) -> profile``: profiles that are not
        normalised yet are checked after it.

    Returns
    -------
    ValidationReport
        Equal for equal inputs.
    """
    info, tables = screen.info, screen.info.tables
    reader = _Reader(screen.folder)
    if tables.treatments is not None:
        parts: Batches = treatment_batches(screen, reader.read)
        # One file may hold several feature tables.
        parts["tables"] = [pd.DataFrame(reader.rows).drop_duplicates()]
        return _report(info.name, parts, settings)
    wells = reader.read(tables.layout, screen.wells)
    targets = reader.read(tables.targets, screen.targets) if tables.targets else None
    profiles = {
        table.path: (reader.read(table.path, partial(screen.profile, method)), table.normalised)
        for method, table in tables.profiles.items()
    }
    # A well that stands twice in the layout is named once; joins must not multiply its rows.
    known = None if wells is None else wells.dropna(subset=WELL_KEY).drop_duplicates(WELL_KEY)
    in_blocks: Batches = {}
    proteomics = None
    if tables.proteomics is not None:
        load = screen.proteomics
        if _is_large(screen, tables.proteomics):
            load = partial(_large, screen, tables.proteomics, known, settings, in_blocks)
        proteomics = reader.read(tables.proteomics.path, load)
    images = reader.read(tables.images, screen.images) if tables.images else None
    parts = {}
    if wells is not None:
        parts["wells"] = [layout.well_summary(wells, info)]
        parts["keys"] = [layout.key_summary(wells, tables.layout)]
        parts["compounds"] = [layout.compound_summary(wells, tables.layout)]
        parts["doses"] = [layout.dose_spacing_summary(wells, tables.layout)]
        parts["structures"] = [layout.structure_summary(wells, tables.layout)]
        parts["smiles"] = [layout.smiles_summary(wells, tables.layout)]
        parts["screen"] = [layout.screen_summary(wells, info)]
        parts["rows"] = [measured.row_summary(wells, "wells", tables.layout, None)]
    if targets is not None:
        parts["targets"] = [layout.target_summary(targets, str(tables.targets))]
        if wells is not None:
            parts["target_compounds"] = [
                layout.target_compound_summary(targets, wells, str(tables.targets))
            ]
    profiled = [
        (path, design.treatments(wells, profile))
        for path, (profile, _) in profiles.items()
        if wells is not None and profile is not None and tables.labels is not None
    ]
    _add(parts, label_batches(screen, reader.read, wells, profiled))
    wells = known
    if wells is not None:
        covered = {path: profile for path, (profile, _) in profiles.items() if profile is not None}
        if proteomics is not None and tables.proteomics is not None:
            covered[tables.proteomics.path] = proteomics
        if images is not None and tables.images is not None:
            covered[tables.images] = images
        # A table that cannot be read may be the one that has the plate.
        unread = any(row["n_faults"] or not row["n_rows"] for row in reader.rows)
        _add(parts, _coverage(wells, covered, tables, unread))
    if proteomics is not None and tables.proteomics is not None:
        if in_blocks:
            _add(parts, {name: batches[0] for name, batches in in_blocks.items()})
        else:
            _add(parts, readout_batches(tables.proteomics, proteomics, wells, settings))
    for path, (profile, normalised) in profiles.items():
        if profile is not None:
            _add(parts, _profile(profile, path, wells, settings, None if normalised else normalise))
            if proteomics is not None and tables.proteomics and wells is not None:
                _add(parts, _matching(profile, path, proteomics, tables.proteomics.path, wells))
    parts["tables"] = [pd.DataFrame(reader.rows)]
    return _report(info.name, parts, settings)


def _is_large(screen: Screen, table: ProteomicsTable) -> bool:
    """Whether the readout is read in blocks; reading it says what is wrong with its file."""
    try:
        return is_large(screen.folder / table.path)
    except UserError:
        return False


def _large(
    screen: Screen,
    table: ProteomicsTable,
    wells: pd.DataFrame | None,
    settings: ValidationSettings,
    batches: Batches,
) -> pd.DataFrame:
    """Wells of a large readout, whose summaries are put into `batches`."""
    keys, found = large_readout_batches(screen, table, wells, settings)
    batches |= found
    return keys


def _report(name: str, parts: Batches, settings: ValidationSettings) -> ValidationReport:
    filled = {name: [frame for frame in frames if len(frame)] for name, frames in parts.items()}
    batches = {name: _joined(frames) for name, frames in filled.items() if frames}
    return ValidationReport(name, tuple(judge(batches, SCREEN_RULES, settings.model_dump())))


def validate_folder(
    folder: Path, settings: ValidationSettings, normalise: Normalise
) -> ValidationReport:
    """Like `validate_screen`, for a folder whose ``screen.yaml`` may be at fault, too."""
    try:
        screen = load_screen(folder)
    except UserError as error:
        fault = {TABLE: "screen.yaml", "n_rows": 1, "n_faults": 1}
        rows = pd.DataFrame([fault | {"fault": error.what, "remedy": error.remedy}])
        results = judge({"tables": rows}, SCREEN_RULES, settings.model_dump())
        return ValidationReport(folder.name, tuple(results))
    return validate_screen(screen, settings, normalise)


_NO_FAULT: dict[str, object] = {"n_faults": 0, "fault": "", "remedy": ""}


class _Reader:
    """Read tables and note what cannot be read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[dict[str, object]] = []

    def read(self, path: str, load: Callable[[], pd.DataFrame]) -> pd.DataFrame | None:
        """The table, or None if it has a fault or no rows."""
        row: dict[str, object] = {TABLE: path, "n_rows": 1} | _NO_FAULT
        self.rows.append(row)
        try:
            table = load()
        except UserError as error:
            row |= {"n_faults": 1, "fault": error.what, "remedy": error.remedy}
            return None
        row["n_rows"] = len(table)
        return table if len(table) else None


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Frames one below the other; a column without any value does not decide on types."""
    columns = list(dict.fromkeys(column for frame in frames for column in frame))
    known = [frame.dropna(axis="columns", how="all") for frame in frames]
    return pd.concat(known, ignore_index=True).reindex(columns=columns)


def _add(parts: Batches, more: dict[str, pd.DataFrame]) -> None:
    for name, frame in more.items():
        parts.setdefault(name, []).append(frame)


def _coverage(
    wells: pd.DataFrame, covered: dict[str, pd.DataFrame], tables: Tables, unread: bool
) -> dict[str, pd.DataFrame]:
    """Summaries of the plates and treatments that the tables cover, by file."""
    keys = {path: table[WELL_KEY].dropna().drop_duplicates() for path, table in covered.items()}
    batches = {"table_plates": coverage.table_plate_summary(wells, keys, tables.images)}
    if not unread:
        batches["layout_plates"] = coverage.layout_plate_summary(wells, keys, tables.layout)
    thinned = [
        coverage.thinned_summary(wells, key, path)
        for path, key in keys.items()
        if path != tables.images
    ]
    if thinned:
        batches["thinned"] = pd.concat(thinned, ignore_index=True)
    return batches


def _profile(
    profile: pd.DataFrame,
    path: str,
    wells: pd.DataFrame | None,
    settings: ValidationSettings,
    normalise: Normalise | None,
) -> dict[str, pd.DataFrame]:
    """Summaries of one profile table; `normalise` is None if it is normalised already."""
    batches = {"rows": measured.row_summary(profile, "profiles", path, wells)}
    normalised = None
    keyed = profile.dropna(subset=WELL_KEY).drop_duplicates(WELL_KEY)
    if wells is not None:
        normalised = measured.normalised_features(keyed, wells, normalise)
        controls = measured.control_summary(normalised, wells)
        if normalise is not None:
            # The library's normalisation fixes the spread: there is nothing to judge.
            controls["spread"] = float("nan")
        batches["plates"] = measured.plate_summary(
            keyed, wells, controls, path, settings.max_control_shift
        )
    batches["features"] = measured.feature_summary(profile, normalised, path)
    batches["profiles"] = measured.profile_summary(batches["features"], path)
    return batches


def _matching(
    profile: pd.DataFrame,
    path: str,
    proteomics: pd.DataFrame,
    readout_path: str,
    wells: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """Summaries of one profile table against the readout."""
    profiled = design.treatments(wells, profile)
    readout = design.treatments(wells, proteomics)
    return {
        "matching": design.matching_summary(profiled, readout, path, readout_path),
        "overlap": design.overlap_summary(profiled, readout, path),
    }
