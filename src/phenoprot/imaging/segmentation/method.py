"""What a segmentation method is: it finds the cells of fields of view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from phenoprot.imaging.segmentation.masks import Segmented

Floats = npt.NDArray[np.float32]


class Segmenter(Protocol):
    """A way to find nuclei and cells; small and picklable, what is heavy is made when it is used.

    Equal segmenters give equal masks.
    """

    def __call__(self, fields: Iterable[Floats]) -> Iterator[Segmented]:
        """Segment fields of view, in their order.

        Parameters
        ----------
        fields
            (C, Y, X) float32 in [0, 1] each, stains in the order of the contract.
        """
        ...

    def fingerprint(self) -> str:
        """Hash of all that decides the masks besides the images: settings, weights, code."""
        ...
