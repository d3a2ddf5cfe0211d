"""What a feature method is.

A method is a small picklable object that knows its name, columns and fingerprint; what is heavy
(a network, compiled code) is made by `FeatureMethod.prepare`, once in each worker process. It
measures one of four things:

=========== ============================================== ====================================
`reads`     ``measure`` takes                              and gives
=========== ============================================== ====================================
``cells``   a field, (C, Y, X) float32, and its `Masks`    labels (N,) and values (N, F)
``crops``   crops of a store, (B, C, S, S) uint16          values (B, F), one row per crop
``fields``  fields of one size, (B, C, Y, X) float32       values (B, F), one row per field
``objects`` the screen's table of objects, one row per     a table, one row per well: plate, well
            field of view                                  and features
=========== ============================================== ====================================

Channels stand in the order of :data:`phenoprot.screens.contract.STAINS`. NaN says that a feature
is not defined for a cell. The values of a cell or field must not depend on what else is in a batch.

:func:`phenoprot.testing.features.check_feature_method` checks that a method keeps this contract;
:mod:`phenoprot.features.registry` finds methods by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from phenoprot.features.settings import FeatureSettings

Reads = Literal["cells", "crops", "fields", "objects"]
Values = npt.NDArray[np.floating]
Measure = Callable[..., Any]
"""Measures as `FeatureMethod.reads` says; see the table above."""

UNTRAINED = "-untrained"
"""Ends the name of a method whose network has random weights: a method of its own."""
OPEN = "<model>"
"""Stands in the names of a family for the name of any model."""


class FeatureMethod(Protocol):
    """A way to turn images into numbers; equal methods give equal values."""

    def __hash__(self) -> int: ...

    @property
    def name(self) -> str:
        """Name of the method, as in params.yaml and in file names."""
        ...

    @property
    def reads(self) -> Reads:
        """What it measures."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features, in the order of the values."""
        ...

    def fingerprint(self) -> str:
        """Hash of all that decides the values besides the images.

        That is settings, weights, the device if it runs on one, and code:
        ``phenoprot.core.closure.code_fingerprint(__name__)``.
        """
        ...

    def warm(self) -> None:
        """Do once, before worker processes start, what they share on disk (compiled code)."""
        ...

    def prepare(self) -> Measure:
        """Make ready to measure; called once in each worker process.

        Raises
        ------
        UserError
            E.g. weights are missing.
        """
        ...


class Sample(NamedTuple):
    """Which cells of a field of view are measured."""

    cells: int
    """How many of a field, or all if it has no more."""
    seed: int
    """Of the draw."""


@runtime_checkable
class Sampling(Protocol):
    """What a method that reads crops has besides if it does not measure all of them."""

    @property
    def sample(self) -> Sample | None:
        """The cells that it measures; None: all."""
        ...


@dataclass(frozen=True)
class Artefacts:
    """What earlier stages made of a screen, for methods that build on it."""

    channels: Path | None = None
    """``channels.json``: mean and sd of each stain over the negative controls."""
    mae: Path | None = None
    """Folder of the trained masked autoencoder."""


@dataclass(frozen=True)
class Description:
    """What a reader of a table must know of a method. Markdown, without a line break."""

    title: str
    """What it is, as a sentence names it, e.g. ``CLOOME`` or ``the masked autoencoder``."""
    licence: str
    """Terms of the weights, or of the definitions that it follows; SPDX identifier if it has one.
    """
    note: str = ""
    """A sentence on where its weights come from or what its numbers are good for; empty: none."""
    caveat: str = ""
    """What stands below a table that compares it with the poster's figures; empty: nothing."""
    trained: str = ""
    """Name of the method with the same network and trained weights; empty: this is not one with
    random weights."""
    weights: str = ""
    """How to have these weights: what to run, what to set in params.yaml. Empty: nothing, they are
    trained on the screen."""


def describe_untrained(title: str, trained: str, weights: str = "") -> Description:
    """Describe a network with random weights.

    Parameters
    ----------
    title, trained, weights
        See :class:`Description`.
    """
    return Description(
        title=title,
        licence="BSD-3-Clause (weights drawn here)",
        note="Random weights: what the architecture sees untrained.",
        trained=trained,
        weights=weights,
    )


@dataclass(frozen=True)
class Family:
    """Methods of one module, e.g. a network with trained and with random weights.

    It is registered under one name, which its methods have too: followed by ``:<model>``, by
    ``-untrained``, by both, or by nothing.
    """

    names: tuple[str, ...]
    """Names that it answers to; ``<model>`` in a name stands for any text."""
    make: Callable[[str, FeatureSettings, Artefacts], FeatureMethod]
    """Makes the method of a name, from the settings of params.yaml and the screen's artefacts."""
    describe: Callable[[str], Description]
    """Describes the method of a name; quick: imports no network."""

    def answers(self, name: str) -> bool:
        """Whether one of its methods has this name."""
        return any(_fits(name, pattern) for pattern in self.names)


def _fits(name: str, pattern: str) -> bool:
    begin, is_open, end = pattern.partition(OPEN)
    if not is_open:
        return name == pattern
    return len(name) > len(begin + end) and name.startswith(begin) and name.endswith(end)


def family_of(name: str) -> str:
    """The name that the family of a method is registered under: ``timm`` of ``timm:resnet18``."""
    return name.removesuffix(UNTRAINED).partition(":")[0]
