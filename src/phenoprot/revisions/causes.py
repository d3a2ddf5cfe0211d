"""Why the results of a screen may differ: code, parameters, data and versions.

dvc.lock says what each stage was run from and what came out. A stage whose inputs changed and whose
outputs did not has changed nothing, so its changes are told apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import chain

from phenoprot.revisions.cache import cached_keys
from phenoprot.revisions.state import Flat, Leaf, Screen, Stage, State

CODE, ROWS, SETTINGS = "data/code/", "data/rows/", "data/settings/"
"""What the first stage writes for the others: their code, rows and settings."""
FIRST = "data/pipeline.json"
"""What it wrote in early versions."""
SOURCES = ("src/", "stages/")
REPORT = "report"
"""The stage that writes metrics and pages."""


@dataclass(frozen=True)
class StageChange:
    """What differs in one stage."""

    stage: str
    only_in: str = ""
    """``old`` or ``new`` if the other revision has no such stage."""
    code: list[str] = field(default_factory=list)
    """Files that differ."""
    parameters: list[str] = field(default_factory=list)
    """``key: old -> new``."""
    data: list[str] = field(default_factory=list)
    """Files and folders that no stage makes."""
    upstream: list[str] = field(default_factory=list)
    """Outputs of other stages."""
    outputs: list[str] = field(default_factory=list)
    """Its outputs that differ."""

    @property
    def own(self) -> bool:
        """Whether something else than outputs of other stages changed."""
        return bool(self.only_in or self.code or self.parameters or self.data)


@dataclass(frozen=True)
class Causes:
    """What may be behind the differences of one screen."""

    stages: list[StageChange]
    """Those with a change, in the order in which they run."""
    versions: list[str]
    """``distribution: old -> new``; they are not tied to stages."""
    code_is_guessed: bool
    """The code of a stage is not known at both revisions: every Python file counts."""

    @property
    def effective(self) -> list[StageChange]:
        """Stages with a change of their own, and other outputs."""
        return [change for change in self.stages if change.own and change.outputs]

    @property
    def idle(self) -> list[StageChange]:
        """Stages with a change of their own that make what they made."""
        return [change for change in self.stages if change.own and not change.outputs]

    def of(self, kind: str, *, effective: bool) -> list[str]:
        """All changes of one kind, each once: ``code``, ``parameters`` or ``data``."""
        stages = self.effective if effective else self.idle
        return list(dict.fromkeys(chain.from_iterable(getattr(each, kind) for each in stages)))


def causes_of(old: State, new: State, name: str) -> Causes:
    """Compare what the results of a screen came from.

    Parameters
    ----------
    old, new
        States that both have the screen.
    name
        The screen.
    """
    before, after = old.screens[name], new.screens[name]
    made = {
        path
        for screen in (before, after)
        for stage in screen.stages.values()
        for path in stage.outputs
    }
    stages, guessed = [], False
    for stage in dict.fromkeys([*_in_order(after.stages), *before.stages]):
        change, unsure = _stage_change(stage, (old, before), (new, after), made)
        if change is not None:
            stages.append(change)
            guessed |= unsure and bool(change.code)
    versions = changes(
        {"phenoprot": before.provenance.get("package_version"), **old.pins},
        {"phenoprot": after.provenance.get("package_version"), **new.pins},
    )
    if not old.pins or not new.pins:
        versions = [line for line in versions if line.startswith("phenoprot:")]
    return Causes(stages, versions, guessed)


def _in_order(stages: dict[str, Stage]) -> list[str]:
    """Names of stages, each after those whose outputs it reads."""
    makers = {path: name for name, stage in stages.items() for path in stage.outputs}
    graph = {
        name: [makers[path] for path in stage.inputs if path in makers]
        for name, stage in stages.items()
    }
    return list(TopologicalSorter(graph).static_order())


def changes(old: Mapping[str, Leaf], new: Mapping[str, Leaf]) -> list[str]:
    """``key: old -> new`` for each key that differs, sorted by key."""
    return [
        f"{key}: {_shown(old, key)} -> {_shown(new, key)}"
        for key in sorted(old.keys() | new.keys())
        if key not in old or key not in new or not _same(old[key], new[key])
    ]


def _same(old: Leaf, new: Leaf) -> bool:
    return old == new and isinstance(old, bool) == isinstance(new, bool)


def _shown(values: Mapping[str, Leaf], key: str) -> str:
    if key not in values:
        return "(none)"
    value = values[key]
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )


def _stage_change(
    name: str, old: tuple[State, Screen], new: tuple[State, Screen], made: set[str]
) -> tuple[StageChange | None, bool]:
    """What differs in a stage, None for nothing; and whether its code is guessed."""
    before, after = old[1].stages.get(name), new[1].stages.get(name)
    if before is None or after is None:
        here = before or after
        outputs = sorted(here.outputs) if here else []
        return StageChange(name, "old" if before else "new", outputs=outputs), False
    inputs = [
        path
        for path in differing(before.inputs, after.inputs)
        if not path.startswith((*SOURCES, CODE, ROWS, SETTINGS)) and path != FIRST
    ]
    code, unsure = _code(before, after, old[0], new[0])
    change = StageChange(
        name,
        code=code,
        parameters=changes(_params(before, old[1]), _params(after, new[1])),
        data=[path for path in inputs if path not in made],
        upstream=[path for path in inputs if path in made],
        outputs=differing(before.outputs, after.outputs),
    )
    return (change if change.own or change.upstream or change.outputs else None), unsure


def differing(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """Keys whose values differ, or that one of both lacks; sorted."""
    return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def _params(stage: Stage, screen: Screen) -> Flat:
    """Parameters of a stage; rows, which it may have by a file, from params.yaml."""
    own = f"screens.{screen.name}.rows."
    params = {key: value for key, value in stage.params.items() if not key.startswith(own)}
    has_rows = len(params) < len(stage.params) or f"{ROWS}{screen.name}.json" in stage.inputs
    return params | {f"{own}{key}": value for key, value in screen.rows.items() if has_rows}


def _code(before: Stage, after: Stage, old: State, new: State) -> tuple[list[str], bool]:
    """Files of a stage's code that differ, and whether every Python file counts as such."""
    differ = set(differing(old.python_files, new.python_files))
    known = [_code_paths(before, old), _code_paths(after, new)]
    sets = [paths for paths in known if paths is not None]
    if len(sets) == 2:
        return sorted(differ & (sets[0] | sets[1])), False
    # Unknown at one revision at least: unequal hashes say that it changed, git says where.
    if {p: h for p, h in before.inputs.items() if _is_code(p)} == {
        p: h for p, h in after.inputs.items() if _is_code(p)
    }:
        return [], False
    return sorted(differ), True


def _is_code(path: str) -> bool:
    return path.startswith((*SOURCES, CODE))


def _code_paths(stage: Stage, state: State) -> set[str] | None:
    """Files of the code of a stage: listed in dvc.lock, or in a file that the cache may hold."""
    found: set[str] = set()
    for path, md5 in stage.inputs.items():
        if path.startswith(SOURCES):
            found |= set(state.revision.below(path))
        elif path.startswith(CODE):
            listed = cached_keys(md5)
            if listed is None:
                return None
            found |= set(listed)
    return found
