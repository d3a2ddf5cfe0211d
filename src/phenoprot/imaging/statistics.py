"""Mean and standard deviation of each stain over all pixels of the negative controls.

The deep methods standardise their inputs by them. Every image is seen once; its moments are merged
by the formula of Chan, Golub & LeVeque (1983, doi:10.1080/00031305.1983.10483115), in the order of
the fields' keys: the result does not depend on who read which image when.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.artefacts import read_object
from phenoprot.core.errors import UserError
from phenoprot.core.files import write_json
from phenoprot.core.settings import Settings, parse_settings
from phenoprot.screens.contract import CONTROL, FIELD_KEY, NEGATIVE_CONTROL, STAINS, WELL_KEY

STAIN = "Metadata_Stain"
"""Column of a table of image files."""


@dataclass(frozen=True)
class Moments:
    """Count, mean and sum of squared deviations of a set of values."""

    count: int = 0
    mean: float = 0.0
    deviations: float = 0.0
    """Sum of (x - mean)^2."""

    @classmethod
    def of(cls, values: npt.NDArray[np.floating]) -> Moments:
        """Moments of an array, in float64."""
        numbers = values.astype(np.float64)
        mean = float(numbers.mean())
        return cls(numbers.size, mean, float(np.square(numbers - mean).sum()))

    def merge(self, other: Moments) -> Moments:
        """Moments of both sets together (Chan, Golub & LeVeque 1983, eq. 2.1)."""
        count = self.count + other.count
        if not count:
            return self
        step = other.mean - self.mean
        return Moments(
            count,
            self.mean + step * other.count / count,
            self.deviations + other.deviations + step**2 * self.count * other.count / count,
        )

    @property
    def sd(self) -> float:
        """Standard deviation, divided by the count as in :func:`numpy.std`."""
        return float(np.sqrt(self.deviations / self.count))


def merge_all(parts: Iterable[Moments]) -> Moments:
    """Moments of all parts together."""
    total = Moments()
    for part in parts:
        total = total.merge(part)
    return total


class ChannelStatistics(Settings):
    """Pixels of one stain in the negative controls, as the reader gives them."""

    mean: float
    """In [0, 1]."""
    sd: float
    """Of the pixels; same unit."""
    pixels: int
    """Pixels behind them."""
    fields: int
    """Fields of view behind them."""


def channel_statistics(files: pd.DataFrame, wells: pd.DataFrame) -> dict[str, ChannelStatistics]:
    """Statistics of each stain over the negative controls.

    Parameters
    ----------
    files
        One row per image: the field's key, ``Metadata_Stain``, ``pixels``, ``mean``,
        ``deviations`` (:attr:`phenoprot.imaging.check.ImageReport.files`).
    wells
        Plate layout, with ``Metadata_Control``.

    Raises
    ------
    UserError
        No negative control has an image.
    """
    controls = wells.loc[wells[CONTROL] == NEGATIVE_CONTROL, WELL_KEY]
    images = files.merge(controls, on=WELL_KEY).sort_values([*FIELD_KEY, STAIN])
    if images.empty:
        raise UserError(
            "no negative-control well has an image",
            where="images table",
            remedy="Add fields of negative controls: channels are standardised by them.",
        )
    statistics = {}
    for stain, rows in images.groupby(STAIN):
        columns = (rows[name].tolist() for name in ("pixels", "mean", "deviations"))
        moments = merge_all(map(Moments, *columns))
        statistics[str(stain)] = ChannelStatistics(
            mean=moments.mean, sd=moments.sd, pixels=moments.count, fields=len(rows)
        )
    return statistics


def write_channel_statistics(path: Path, statistics: Mapping[str, ChannelStatistics]) -> None:
    """Write a ``channels.json``: by stain; empty for a screen without images."""
    write_json(path, {stain: channel.model_dump() for stain, channel in statistics.items()})


def read_channel_statistics(
    path: Path, stains: Sequence[str] = STAINS
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Read a ``channels.json``.

    Parameters
    ----------
    path
        File of the images stage.
    stains
        Channels, in the order wanted.

    Returns
    -------
    mean, sd
        (C,) float32 each.

    Raises
    ------
    UserError
        No such file, or a stain is not in it: the screen has no images.
    """
    content = read_object(path, remedy="Run the images stage: dvc repro images.")
    missing = [stain for stain in stains if stain not in content]
    if missing:
        raise UserError(
            f"no statistics of {', '.join(missing)}",
            where=str(path),
            remedy="The screen has no images of it; add an images table to screen.yaml.",
        )
    channels = [parse_settings(ChannelStatistics, content[stain], str(path)) for stain in stains]
    return (
        np.array([channel.mean for channel in channels], dtype=np.float32),
        np.array([channel.sd for channel in channels], dtype=np.float32),
    )
