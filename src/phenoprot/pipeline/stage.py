"""What a stage is, and how its script runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phenoprot.core.paths import Paths
from phenoprot.screens.contents import Content, Contents
from phenoprot.screens.contract import Table
from phenoprot.screens.loader import load_screen

Places = Callable[[Paths], tuple[Path, ...]]
"""Paths of a screen's artefacts."""


def nothing(_: Any) -> tuple[Path, ...]:
    """No paths."""
    return ()


@dataclass(frozen=True)
class Stage:
    """A step of the pipeline: what it reads, what it makes, and which parameters it knows.

    ``dvc.yaml`` is generated from these, see :mod:`phenoprot.pipeline.dvc_file`; the code that a
    stage depends on is the import closure of its function.
    """

    name: str
    """In ``dvc.yaml`` it is called ``<name>-<screen>``."""
    params: tuple[str, ...]
    """Blocks of params.yaml by their dotted keys; ``screen.`` stands for the screen's own block.
    The function cannot read others. `execution` changes no result and is none of them."""
    reads: tuple[Table, ...] = ()
    """Parts of the screen folder, ``screen.yaml`` aside, that the function reads."""
    requires: tuple[Content, ...] = ()
    """What a screen must have: one that has not has no such stage."""
    needs: Places = nothing
    """What other stages made of the screen; what none of its stages makes is not needed."""
    needs_of_like: Places = nothing
    """What stages made of the screen whose folds this one has (`folds_like`); what none of its
    stages makes is not needed."""
    needs_elsewhere: Callable[[Any], tuple[Path, ...]] = nothing
    """Files that rows name, from the screen's block of params.yaml."""
    makes: Places = nothing
    """What this one makes: files and folders in DVC's cache."""
    in_git: Places = nothing
    """What it makes for git, besides `metrics` and `plots`."""
    metrics: Places = nothing
    """What DVC takes for metrics, in git."""
    plots: dict[str, dict[str, str]] = field(default_factory=dict)
    """Files in git that ``dvc plots`` draws, by their path below the metrics, and how."""
    trains: Places = nothing
    """Logs of training, in folders that it makes, if the screen takes features of the model: CSV
    with step, loss and its parts. ``dvc plots`` draws them, and the folders are ``artifacts``."""
    script: str = ""
    """File in ``stages/``; by default it has the name of the stage."""
    arguments: tuple[str, ...] = ()
    """Arguments of the script after the screen."""
    screen_yaml: bool = True
    """Whether it reads ``screen.yaml``."""
    provenance: bool = False
    """Whether it writes hashes of all parameters and files that the screen's stages depend on."""

    @property
    def path(self) -> Path:
        """The script."""
        return Path("stages") / f"{self.script or self.name}.py"

    def key(self, screen: str) -> str:
        """Name in ``dvc.yaml``."""
        return f"{self.name}-{screen}"


@dataclass(frozen=True)
class Job:
    """What a stage's function gets: one screen, and the parameters that the stage declares."""

    screen: str
    """Name of the screen."""
    folder: Path
    """The screen folder."""
    params: Any
    """The declared blocks of params.yaml under their keys; ``params.screen`` is the screen's block.
    Reading another raises :class:`phenoprot.pipeline.declared.UndeclaredParameterError`."""
    execution: Any
    """Where and how many at a time: the `execution` block."""
    sources: Any = None
    """Hashes of parameters and files, :class:`phenoprot.report.publish.Sources`; None unless the
    stage writes the provenance."""

    @property
    def paths(self) -> Paths:
        """Paths of the screen's artefacts."""
        return Paths(self.screen)

    @property
    def has(self) -> Contents:
        """What the screen has, by its ``screen.yaml``; a stage that asks must declare that file."""
        return Contents.of(load_screen(self.folder).info)
