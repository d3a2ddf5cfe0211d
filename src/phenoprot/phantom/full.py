"""A simulated screen of any size, of tables only: written part by part, in little memory.

The compounds, proteins, programmes and plates are those of the phantom; the readout is a wide
table, and the features are planted as the proteins are. Every plate has random streams of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pydantic import Field
from scipy.optimize import brentq
from scipy.special import expit

from phenoprot.core.files import atomic_path, write_json, write_parquet, write_text
from phenoprot.core.random import stream
from phenoprot.core.settings import Seed, Settings, parse_settings
from phenoprot.core.version import __version__
from phenoprot.phantom.annotate import draw_targets
from phenoprot.phantom.catalogue import PROGRAMME
from phenoprot.phantom.layout import NEGATIVE_CONTROL_COMPOUND, draw_wells
from phenoprot.phantom.programmes import DECIMALS, Compounds, draw_compounds, well_activities
from phenoprot.phantom.proteome import LOG2_10, Proteins, draw_proteins, planted_regulation
from phenoprot.phantom.settings import PhantomSettings
from phenoprot.phantom.write import SETTINGS_FILE, new_folder
from phenoprot.screens.contract import PLATE, WELL_KEY, ScreenInfo

PLATES_AT_ONCE = 5
"""Plates of a row group, which is what is held in memory."""
COMPOUNDS_AT_ONCE = 50
"""Compounds of a row group of the true regulation."""
METHOD = "simulated"
"""Name of the feature table."""
NULL_FEATURES = 1 / 3
"""Share of the features that answer to no programme."""
FEATURE_RANGE = (0.5, 3.0)
"""Absolute change of a feature at full activity of its programme (sd of a well), uniform."""
FEATURE_PLATE_SD = 0.5
"""Standard deviation of the batch effect of each plate on each feature (sd of a well)."""
FEATURE_DECIMALS = 4
Values = npt.NDArray[np.float64]


class FullSettings(Settings):
    """Sizes of the screen; all else is as in a phantom."""

    compounds: int = Field(default=2000, ge=10, le=5000)
    """Compounds, controls aside (count)."""
    proteins: int = Field(default=7000, ge=10, le=20_000)
    """Proteins (count)."""
    features: int = Field(default=4459, ge=1, le=100_000)
    """Features of images (count)."""
    concentrations: int = Field(default=5, ge=5, le=20)
    """Doses of every compound, from 0.001 to 10 uM at equal ratios (count)."""
    replicates: int = Field(default=1, ge=1, le=20)
    """Replicates of each compound and dose, each on a plate of its own (count)."""
    seed: Seed = 20240801
    """Seed of all random numbers. Equal settings give equal bytes."""

    @property
    def phantom(self) -> PhantomSettings:
        """Settings of the phantom that the screen is an enlarged part of."""
        doses = 10.0 ** np.linspace(-3, 1, self.concentrations)
        return PhantomSettings(
            seed=self.seed,
            n_compounds=self.compounds,
            n_proteins=self.proteins,
            n_replicates=self.replicates,
            concentrations=tuple(float(f"{dose:.6g}") for dose in doses),
            images=None,
        )


@dataclass(frozen=True)
class Features:
    """Planted features; F features, P programmes."""

    names: list[str]
    loading: Values
    """Change at full activity (sd of a well), (F, P)."""


def draw_features(settings: FullSettings, programmes: Sequence[str]) -> Features:
    """Plant the programme that each feature answers to, and how far."""
    rng = stream(settings.seed, "features/loadings")
    count, width = settings.features, len(programmes)
    loaded = rng.permutation(count)[: count - round(NULL_FEATURES * count)]
    size = rng.uniform(*FEATURE_RANGE, len(loaded)) * rng.choice([-1.0, 1.0], len(loaded))
    loading = np.zeros((count, width))
    loading[loaded, rng.integers(0, width, len(loaded))] = size
    digits = len(str(count))
    names = [f"Simulated_{number:0{digits}d}" for number in range(1, count + 1)]
    return Features(names, np.round(loading, DECIMALS))


def detection_limit(proteins: Proteins, settings: PhantomSettings) -> float:
    """log10 intensity that half of the wells lack; untreated wells lack the given share of all."""
    share, scale, levels = settings.missing_share, settings.missing_scale, proteins.intensity
    if share == 0:
        return -np.inf

    def excess(middle: float) -> float:
        return float(expit((middle - levels) / scale).mean()) - share

    return float(brentq(excess, levels.min() - 40 * scale, levels.max() + 40 * scale))


def plate_intensities(
    plate: str, activity: Values, proteins: Proteins, settings: PhantomSettings, limit: float
) -> Values:
    """Intensities of one plate, (wells, proteins), NaN where lost; terms as in the phantom."""
    rng = stream(settings.seed, "full/proteomics", plate)
    wells, count = len(activity), len(proteins.names)
    log2 = proteins.intensity * LOG2_10 + activity @ proteins.loading.T
    log2 += settings.plate_sd * rng.standard_normal()
    log2 += settings.plate_protein_sd * rng.standard_normal(count)
    log2 += settings.well_sd * rng.standard_normal((wells, 1))
    log2 += proteins.noise * rng.standard_normal((wells, count))
    values = np.maximum(np.rint(np.exp2(log2)), 1.0)
    lost = rng.random(values.shape) < expit((limit - np.log10(values)) / settings.missing_scale)
    values[lost] = np.nan
    return values


def plate_features(plate: str, activity: Values, features: Features, seed: int) -> Values:
    """Features of one plate, (wells, features), in standard deviations of a well."""
    rng = stream(seed, "full/features", plate)
    values = activity @ features.loading.T
    values += FEATURE_PLATE_SD * rng.standard_normal(len(features.names))
    values += rng.standard_normal(values.shape)
    return np.round(values, FEATURE_DECIMALS)


@contextmanager
def _writer(path: Path) -> Iterator[_Groups]:
    """Write row groups of one schema; the file appears whole."""
    with atomic_path(path) as temporary:
        groups = _Groups(temporary)
        try:
            yield groups
        finally:
            if groups.writer is not None:
                groups.writer.close()


class _Groups:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table, texts: list[str]) -> None:
        """Append one row group; `texts` are the columns with few values."""
        if self.writer is None:
            self.writer = pq.ParquetWriter(
                self.path, table.schema, compression="zstd", use_dictionary=texts,
                write_statistics=False,
            )  # fmt: skip
        self.writer.write_table(table, row_group_size=max(table.num_rows, 1))


def _group(
    keys: pd.DataFrame, names: list[str], parts: list[Values], kind: pa.DataType
) -> pa.Table:
    """Keys and one column per name, from the values of some plates."""
    values = np.empty((len(keys), len(names)), order="F")
    np.concatenate(parts, out=values)
    columns = [pa.array(keys[name], pa.string()) for name in WELL_KEY]
    columns += [pa.array(values[:, i], kind, from_pandas=True) for i in range(len(names))]
    return pa.table(columns, names=[*WELL_KEY, *names])


def simulate_full(settings: FullSettings, folder: Path) -> None:
    """Simulate a screen of tables and write it, with the truth in ``truth/``.

    Equal settings give equal bytes. The folder appears whole or not at all.

    Parameters
    ----------
    settings
        Sizes and seed.
    folder
        Screen folder; its name is the screen's name. An earlier one is replaced.

    Raises
    ------
    UserError
        The folder holds something else, or its name is no name of a screen.
    """
    phantom = settings.phantom
    info = _info(folder.name, settings)
    compounds, proteins = draw_compounds(phantom), draw_proteins(phantom)
    features = draw_features(settings, compounds.programmes)
    wells = draw_wells(phantom, compounds.names)
    activities = well_activities(wells, compounds)
    targets = draw_targets(phantom, compounds)
    loadings = pd.DataFrame(features.loading, columns=compounds.programmes).add_prefix("loading_")
    loadings.insert(0, "feature", features.names)
    with new_folder(folder) as new:
        _write_plates(new, activities, proteins, features, settings)
        _write_regulation(new / "truth/regulation.parquet", compounds, proteins, phantom)
        for name, table in {
            "compounds": compounds.table(),
            "proteins": proteins.table(),
            "features": loadings,
            "activities": activities,
            "targets": targets,
        }.items():
            write_parquet(new / f"truth/{name}.parquet", table)
        write_text(new / "wells.csv", wells.to_csv(index=False, lineterminator="\n"))
        annotated = targets.drop(columns=PROGRAMME)
        write_text(new / "targets.csv", annotated.to_csv(index=False, lineterminator="\n"))
        write_json(new / SETTINGS_FILE, settings.model_dump(mode="json"))
        text = yaml.safe_dump(info.model_dump(), sort_keys=False, width=100, allow_unicode=True)
        write_text(new / "screen.yaml", text)


def _write_plates(
    new: Path,
    activities: pd.DataFrame,
    proteins: Proteins,
    features: Features,
    settings: FullSettings,
) -> None:
    """Write readout and features, some plates at a time."""
    phantom = settings.phantom
    limit = detection_limit(proteins, phantom)
    rows = dict(list(activities.groupby(PLATE, sort=True)))
    plates = list(rows)
    profiles = new / f"profiles/{METHOD}.parquet"
    with _writer(new / "proteomics.parquet") as readout, _writer(profiles) as profile:
        for first in range(0, len(plates), PLATES_AT_ONCE):
            names = plates[first : first + PLATES_AT_ONCE]
            keys = pd.concat([rows[name][WELL_KEY] for name in names])
            driven = {name: rows[name][proteins.programmes].to_numpy() for name in names}
            parts = [plate_intensities(n, a, proteins, phantom, limit) for n, a in driven.items()]
            readout.write(_group(keys, proteins.names, parts, pa.float64()), WELL_KEY)
            parts = [plate_features(n, a, features, settings.seed) for n, a in driven.items()]
            profile.write(_group(keys, features.names, parts, pa.float32()), WELL_KEY)


def _write_regulation(
    path: Path, compounds: Compounds, proteins: Proteins, settings: PhantomSettings
) -> None:
    """Write the true regulation, some compounds at a time."""
    with _writer(path) as groups:
        for first in range(0, len(compounds.names), COMPOUNDS_AT_ONCE):
            part = slice(first, first + COMPOUNDS_AT_ONCE)
            some = replace(
                compounds,
                names=compounds.names[part],
                pec50=compounds.pec50[part],
                efficacy=compounds.efficacy[part],
                slope=compounds.slope[part],
                main=compounds.main[part],
            )
            table = planted_regulation(some, proteins, settings.concentrations)
            plain = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
            groups.write(plain, [name for name in table if table[name].dtype == object])


def _info(name: str, settings: FullSettings) -> ScreenInfo:
    """Content of ``screen.yaml``."""
    content = {
        "name": name,
        "title": f"A simulated screen of tables with planted truth (seed {settings.seed})",
        "organism": "none (simulated)",
        "cell_line": "U2OS-like (simulated)",
        "concentration_unit": "uM",
        "negative_control": NEGATIVE_CONTROL_COMPOUND,
        "sources": [
            {
                "content": "all tables, simulated from a seed; the truth is in the folder truth",
                "repository": "phenoprot (phenoprot.phantom.full)",
                "commit": __version__,
                "licence": "CC0-1.0",
            }
        ],
        "caveats": [
            "Simulated. Scores tell whether the benchmark finds what was planted, and say nothing "
            "about cells.",
        ],
        "tables": {
            "wells": "wells.csv",
            "profiles": {
                METHOD: {
                    "path": f"profiles/{METHOD}.parquet",
                    "content": f"{settings.features} simulated features, planted as the proteins",
                },
            },
            "proteomics": {
                "path": "proteomics.parquet",
                "content": f"{settings.proteins} simulated proteins, raw intensities, a wide table",
                "cell_line": "U2OS-like (simulated)",
                "kind": "intensity",
                "design": "dose_response",
            },
            "targets": "targets.csv",
        },
    }
    return parse_settings(ScreenInfo, content, f"{name} screen.yaml")
