"""The five stains of a field, before the microscope: light, relative to that of bright cells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from phenoprot.phantom.outlines import (
    ANGLES,
    Floats,
    Outlines,
    Territory,
    smooth_noise,
)
from phenoprot.phantom.settings import ImageSettings
from phenoprot.phantom.traits import Traits

Points = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""Rows and columns (px) and light of points, each of shape (K,)."""

MITO_LENGTH_PER_CELL = 1700.0
"""Summed length of the mitochondria of a mean cell (um)."""


class StainPainter:
    """Paint the stains of one field.

    Parameters
    ----------
    outlines, territory, traits
        The N cells of the field and the ground they cover.
    settings
        Pixel size and variation.
    rng
        Random stream of the field's textures.
    """

    def __init__(
        self,
        outlines: Outlines,
        territory: Territory,
        traits: Traits,
        settings: ImageSettings,
        rng: np.random.Generator,
    ) -> None:
        self.outlines, self.ground, self.traits = outlines, territory, traits
        self.pixel, self.rng = settings.pixel_size, rng
        self.shape = territory.owner.shape
        self.in_cell = territory.owner >= 0
        self.in_nucleus = self.in_cell & (territory.nuclear < 1)
        self._cell = np.maximum(territory.owner, 0)
        self.side = rng.uniform(0, 2 * np.pi, len(outlines.axes)).astype(np.float32)
        # Thin at the edge, thick towards the nucleus.
        self.taper = np.where(
            self.in_cell, 1 - np.exp(-(territory.edge + 0.3) * self.pixel / 1.9), 0.0
        )
        self.taper = self.taper.astype(np.float32)

    def paint(self) -> Floats:
        """Light of all five stains, (5, Y, X) float32, in the order of the contract."""
        if not len(self.outlines.centres):
            return np.zeros((5, *self.shape), dtype=np.float32)
        grain = self._noise(1.0), self._noise(2.2), self._noise(6.0)
        nucleoli = self._nucleoli()
        holes, walls = self._vacuoles()
        dna = self._dna(grain[0], nucleoli)
        er = self._er(grain) * holes
        rna = self._rna(grain, nucleoli) * holes
        agp = self._agp(grain) * (0.35 + 0.65 * holes) + 0.35 * self._of("agp") * walls
        mito = self._mito(holes)
        return np.stack([dna, er, rna, agp, mito]).astype(np.float32)

    def _of(self, trait: str) -> Floats:
        """Trait of each pixel's owner, (Y, X); 0 outside of cells."""
        values = self.traits[trait].astype(np.float32)
        return np.where(self.in_cell, values[self._cell], np.float32(0))

    def _noise(self, scale: float) -> Floats:
        """Smooth noise with mean 0 and standard deviation 1; `scale` in um."""
        return smooth_noise(self.shape[0], scale / self.pixel, self.rng)

    def _fall(self, reach: Floats | np.float32) -> Floats:
        """1 at the nucleus, falling with the distance from it; `reach` in um."""
        distance = self.ground.outside_nucleus * np.float32(self.pixel)
        return np.exp(-distance / np.maximum(reach, np.float32(1e-3)))

    def _lopsided(self) -> Floats:
        """More of the cytoplasm's content on one side of the nucleus: 0.6 to 1.4."""
        return 1 + np.float32(0.4) * np.cos(self.ground.angle - self.side[self._cell])

    def _dna(self, grain: Floats, nucleoli: Floats) -> Floats:
        dome = np.sqrt(np.clip(1.15 - self.ground.nuclear**2, 0, 1))
        texture = np.clip(1 + self._of("chromatin") * grain, 0.2, 3)
        nuclear = self._of("dna") * (0.6 + 0.4 * dome) * texture * (1 - 0.35 * nucleoli)
        return np.where(self.in_nucleus, nuclear, 0.01 * self.taper)

    def _er(self, grain: tuple[Floats, Floats, Floats]) -> Floats:
        """Sheets around the nucleus, tubules further out; dim above the nucleus."""
        sheets = self._fall(self._of("er_reach"))
        # Where smooth noise crosses 0 lies a net of lines.
        net = np.exp(-((grain[1] / 0.45) ** 2)) - 0.4
        texture = np.clip(
            1 + self._of("er_grain") * (1.6 * net + grain[0] + 0.6 * grain[2]), 0.1, 4
        )
        cytoplasm = (0.17 + 0.83 * sheets * self._lopsided()) * self.taper * texture
        nucleus = 0.42 + 0.35 * self.ground.nuclear**6
        return self._of("er") * np.where(self.in_nucleus, nucleus, cytoplasm)

    def _rna(self, grain: tuple[Floats, Floats, Floats], nucleoli: Floats) -> Floats:
        cytoplasm = (0.2 + 0.55 * self._fall(np.float32(9)) * self._lopsided()) * self.taper
        cytoplasm *= np.clip(1 + 0.10 * grain[0] + 0.08 * grain[2], 0.1, 3)
        nucleus = 0.46 + 0.04 * grain[1] + self._of("nucleolus_contrast") * nucleoli
        return self._of("rna") * np.where(self.in_nucleus, nucleus, cytoplasm)

    def _agp(self, grain: tuple[Floats, Floats, Floats]) -> Floats:
        """Actin at the edge and in fibres, plasma membrane all over, Golgi beside the nucleus."""
        membrane = 0.27 + 0.16 * self._fall(np.float32(9)) + 0.17 * self.in_nucleus
        membrane = membrane * (0.35 + 0.65 * self.taper) * np.clip(1 + 0.07 * grain[0], 0.1, 3)
        edge = self._of("rim") * np.exp(-((self.ground.edge * self.pixel / 1.7) ** 2))
        edge *= np.clip(0.6 + 0.5 * grain[2], 0, 2)
        fibres = self._of("fibres") * self._fibres(grain[2]) * self.taper
        body = membrane + 0.5 * edge + fibres * (~self.in_nucleus)
        golgi = self._splat(self._golgi_points(), 0.85)
        return self._of("agp") * np.where(self.in_cell, body + golgi * self.taper, 0)

    def _fibres(self, bend: Floats) -> Floats:
        """Stripes along the cell, about 3.6 um apart, each as long as the noise that breaks it."""
        phase = self.rng.uniform(0, np.pi, len(self.outlines.axes)).astype(np.float32)[self._cell]
        wave = self.ground.across * np.float32(np.pi * self.pixel / 3.6) + 1.1 * bend + phase
        stripes = np.exp(-((np.sin(wave) / 0.42) ** 2))
        return stripes * np.clip(0.3 + 0.6 * self._noise(6.0), 0, 1.5)

    def _nucleoli(self) -> Floats:
        """Nucleoli, 1 in their middle: mean number and area are traits."""
        traits, count = self.traits, len(self.outlines.centres)
        numbers = 1 + self.rng.poisson(np.maximum(traits["nucleoli"] - 1, 0.02))
        cell = np.repeat(np.arange(count), numbers)
        angle = self.rng.uniform(0, 2 * np.pi, len(cell))
        depth = 0.68 * np.sqrt(self.rng.random(len(cell)))
        # The nucleoli of a nucleus share their material.
        area = 8.0 * (traits["nucleolus_area"] * np.sqrt(traits["nucleus_area"]))[cell]
        area *= np.exp(0.35 * self.rng.standard_normal(len(cell))) * (3 / numbers[cell]) ** 0.4
        reach = depth * self.outlines.nuclei[cell, _step(angle)]
        return self._disks(cell, angle, reach, np.sqrt(area / np.pi) / self.pixel, 0.35)

    def _vacuoles(self) -> tuple[Floats, Floats]:
        """What vacuoles leave of the cytoplasm's light (0..1), and their walls (0..1)."""
        traits, count = self.traits, len(self.outlines.centres)
        numbers = self.rng.poisson(traits["vacuoles"])
        cell = np.repeat(np.arange(count), numbers)
        angle = self.rng.uniform(0, 2 * np.pi, len(cell))
        radius = 0.5 * traits["vacuole_diameter"][cell] / self.pixel
        radius *= np.exp(0.35 * self.rng.standard_normal(len(cell)))
        # Most lie near the nucleus, none within it.
        share = 0.1 + 0.7 * self.rng.random(len(cell)) ** 1.3
        inner, outer = (
            outline[cell, _step(angle)] for outline in (self.outlines.nuclei, self.outlines.cells)
        )
        reach = inner + radius + share * np.maximum(outer - inner - 2 * radius, 0)
        inside = self._disks(cell, angle, reach, radius, 0.3)
        cytoplasm = self.in_cell & ~self.in_nucleus
        inside = np.where(cytoplasm, inside, 0).astype(np.float32)
        return 1 - 0.75 * inside, 4 * inside * (1 - inside)

    def _disks(
        self,
        cell: npt.NDArray[np.int64],
        angle: npt.NDArray[np.float64],
        reach: npt.NDArray[np.float64],
        radius: npt.NDArray[np.float64],
        softness: float,
    ) -> Floats:
        """Soft disks, each at a direction and distance from a nucleus, on its own cell only."""
        image = np.zeros(self.shape, dtype=np.float32)
        rows = self.outlines.centres[cell, 0] + reach * np.sin(angle)
        columns = self.outlines.centres[cell, 1] + reach * np.cos(angle)
        for k in range(len(cell)):
            window = _window(rows[k], columns[k], radius[k] + 2, self.shape)
            if window is None:
                continue
            y, x = np.ogrid[window]
            distance = np.hypot(y - rows[k], x - columns[k])
            disk = 1 / (1 + np.exp(np.clip((distance - radius[k]) / softness, -30, 30)))
            disk = disk * (self.ground.owner[window] == cell[k])
            image[window] = np.maximum(image[window], disk)
        return image

    def _golgi_points(self) -> Points:
        """Bright grains in an arc on one side of the nucleus, and a few all around it."""
        traits, rng = self.traits, self.rng
        count = len(traits["golgi"])
        numbers = 9 + rng.poisson(9, count)
        cell = np.repeat(np.arange(count), numbers)
        width = rng.uniform(0.25, 0.75, count)
        scattered = rng.random(len(cell)) < 0.2
        angle = self.side[cell] + width[cell] * rng.standard_normal(len(cell))
        angle = np.where(scattered, rng.uniform(0, 2 * np.pi, len(cell)), angle)
        outside = rng.gamma(2.0, 1.2, len(cell)) + 3 * scattered
        reach = self.outlines.nuclei[cell, _step(angle)] + outside / self.pixel - 1.0
        light = 3.6 * traits["golgi"][cell] * np.exp(0.6 * rng.standard_normal(len(cell)))
        light = np.where(scattered, 0.5 * light, light) / self.pixel**2
        centres = self.outlines.centres[cell]
        return centres[:, 0] + reach * np.sin(angle), centres[:, 1] + reach * np.cos(angle), light

    def _mito(self, holes: Floats) -> Floats:
        """A net of filaments around the nucleus over a faint cytoplasm."""
        net = splat(self._mito_points(), self.shape)
        # Filaments above and below the focus: a glow around those in it.
        light = ndimage.gaussian_filter(net, 0.35 / self.pixel)
        light += 0.9 * ndimage.gaussian_filter(net, 2.4 / self.pixel)
        diffuse = 0.13 * self.taper * (0.5 + self._fall(np.float32(14)))
        cytoplasm = diffuse + light * holes
        nucleus = 0.2 + 0.4 * light
        return self._of("mito") * np.where(self.in_nucleus, nucleus, cytoplasm)

    def _mito_points(self) -> Points:
        """Points along filaments, a pixel apart: walks that turn around the nucleus and outwards.

        All walk at the same time, one column of the arrays per step. A point that has left its own
        cytoplasm gives no light.
        """
        traits, rng, pixel = self.traits, self.rng, self.pixel
        length = traits["mito_length"] / pixel
        total = MITO_LENGTH_PER_CELL / pixel * traits["cell_area"] ** 0.7
        numbers = np.maximum(1, np.rint(total / length)).astype(int)
        cell = np.repeat(np.arange(len(length)), numbers)
        steps = np.maximum(1, np.rint(rng.gamma(4.0, length[cell] / 4.0))).astype(int)
        # Three quarters of them anywhere around the nucleus, the others on the full side.
        angle = rng.uniform(0, 2 * np.pi, len(cell))
        angle = np.where(
            rng.random(len(cell)) < 0.75, angle, self.side[cell] + rng.normal(0, 0.6, len(cell))
        )
        outside = rng.exponential(traits["mito_reach"][cell]) / pixel + 0.5
        reach = self.outlines.nuclei[cell, _step(angle)] + outside
        row = self.outlines.centres[cell, 0] + reach * np.sin(angle)
        column = self.outlines.centres[cell, 1] + reach * np.cos(angle)
        # Around the nucleus, one way or the other, tilted outwards.
        turn = np.where(rng.random(len(cell)) < 0.5, 1, -1)
        heading = angle + turn * rng.uniform(0.5, 1.7, len(cell))
        bright = np.exp(0.3 * rng.standard_normal(len(cell)))
        rows, columns, lights = [], [], []
        for step in range(int(steps.max())):
            walking = np.flatnonzero(steps > step)
            rows.append(row[walking].copy())
            columns.append(column[walking].copy())
            lights.append(self._on_own_cytoplasm(rows[-1], columns[-1], cell[walking]))
            lights[-1] = lights[-1] * bright[walking]
            heading[walking] += 0.22 * rng.standard_normal(len(walking)) + 0.03 * turn[walking]
            row[walking] += np.sin(heading[walking])
            column[walking] += np.cos(heading[walking])
        light = np.concatenate(lights).astype(np.float64)
        return np.concatenate(rows), np.concatenate(columns), 0.28 / pixel * light

    def _on_own_cytoplasm(
        self,
        rows: npt.NDArray[np.float64],
        columns: npt.NDArray[np.float64],
        cell: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.bool_]:
        y, x = np.rint(rows).astype(int), np.rint(columns).astype(int)
        visible = (y >= 0) & (x >= 0) & (y < self.shape[0]) & (x < self.shape[1])
        y, x = np.where(visible, y, 0), np.where(visible, x, 0)
        return visible & (self.ground.owner[y, x] == cell) & ~self.in_nucleus[y, x]

    def _splat(self, points: Points, sigma: float) -> Floats:
        """Draw points as spots of their light; `sigma` in um."""
        image = splat(points, self.shape)
        return ndimage.gaussian_filter(image, sigma / self.pixel)


def splat(points: Points, shape: tuple[int, ...]) -> Floats:
    """Share the light of points between the four pixels around each (bilinear); (Y, X)."""
    rows, columns, light = points
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = rows - top, columns - left
    image = np.zeros(shape[0] * shape[1])
    for y, x, share in (
        (top, left, (1 - down) * (1 - right)),
        (top, left + 1, (1 - down) * right),
        (top + 1, left, down * (1 - right)),
        (top + 1, left + 1, down * right),
    ):
        seen = (y >= 0) & (x >= 0) & (y < shape[0]) & (x < shape[1])
        place = y[seen] * shape[1] + x[seen]
        image += np.bincount(place, (light * share)[seen], minlength=len(image))
    return image.reshape(shape).astype(np.float32)


def _window(
    row: float, column: float, reach: float, shape: tuple[int, ...]
) -> tuple[slice, slice] | None:
    """Pixels within `reach` of a point; None if the field has none."""
    top, bottom = max(0, int(row - reach)), min(shape[0], int(row + reach) + 2)
    left, right = max(0, int(column - reach)), min(shape[1], int(column + reach) + 2)
    return (slice(top, bottom), slice(left, right)) if top < bottom and left < right else None


def _step(angle: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Index of the tabulated direction nearest to each angle."""
    return np.rint(np.mod(angle, 2 * np.pi) * (ANGLES / (2 * np.pi))).astype(int) % ANGLES
