"""What one revision says of its results: metrics, provenance, and what DVC ran them from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from phenoprot.core.errors import UserError, listed
from phenoprot.core.yamltext import parse_yaml
from phenoprot.report.files import HEADLINE
from phenoprot.revisions.git import Revision

METRICS, LOCK, PARAMS, PINS = "metrics", "dvc.lock", "params.yaml", "requirements.lock"
PROVENANCE = "provenance.json"
REMEDY = "Compare revisions that hold results (a commit after `dvc repro`)."
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)

Leaf = float | int | str | bool | None
Flat = dict[str, Leaf]


@dataclass(frozen=True)
class Stage:
    """A stage as dvc.lock has it."""

    inputs: dict[str, str]
    """Hashes by path."""
    outputs: dict[str, str]
    params: Flat
    """Parameters by their dotted keys."""


@dataclass(frozen=True)
class Screen:
    """Results of a screen at one revision."""

    name: str
    provenance: dict[str, Any]
    files: dict[str, Flat]
    """Values of each file of metrics, provenance and headline aside, by its path in the screen's
    folder."""
    stages: dict[str, Stage]
    """By the name without the screen's: ``labels``."""
    rows: Flat
    """The block ``rows`` of the screen in params.yaml."""


@dataclass(frozen=True)
class State:
    """Results of a revision."""

    revision: Revision
    screens: dict[str, Screen]
    pins: dict[str, str]
    """Versions of requirements.lock by distribution; empty without the file."""

    @classmethod
    def read(cls, revision: Revision) -> State:
        """Read all results of a revision.

        Raises
        ------
        UserError
            It has no metrics, no dvc.lock or no params.yaml, a screen has no provenance, or a file
            is damaged; the file is named.
        """
        paths = [path for path in revision.below(METRICS) if path.endswith(".json")]
        names = sorted({path.split("/")[1] for path in paths if path.count("/") > 1})
        needed = [f"{METRICS}/{name}/{PROVENANCE}" for name in names or ["SCREEN"]]
        needed += [LOCK, PARAMS]
        if lacking := [path for path in needed if path not in revision.blobs]:
            raise UserError(
                f"revision {revision.short} lacks {len(lacking)} file(s) that are needed to "
                f"compare it: {listed(lacking)}",
                remedy=REMEDY,
            )
        has_pins = [PINS] if PINS in revision.blobs else []
        texts = revision.read([*paths, *needed, *has_pins])
        stages = _stages(texts[LOCK], revision)
        params = parse_yaml(texts[PARAMS].decode(), f"{PARAMS} of {revision.name}")
        screens = {}
        for name in names:
            start = f"{METRICS}/{name}/"
            own = {path.removeprefix(start): path for path in paths if path.startswith(start)}
            own.pop(HEADLINE, None)  # values of the other files once more, for DVC
            provenance = _json(texts[own.pop(PROVENANCE)], f"{start}{PROVENANCE}", revision)
            screens[name] = Screen(
                name,
                provenance,
                {short: flat(_json(texts[path], path, revision)) for short, path in own.items()},
                _of_screen(stages, name, names),
                flat(_block(params, "screens", name, "rows")),
            )
        text = texts[PINS].decode("utf-8", "replace") if has_pins else ""
        return cls(revision, screens, dict(_PIN.findall(text)))

    @cached_property
    def python_files(self) -> dict[str, str]:
        """Hashes of the Python files of the package and the stages."""
        return {
            path: content
            for path, content in self.revision.blobs.items()
            if path.endswith(".py") and path.startswith(("src/", "stages/"))
        }


def flat(content: Any, above: str = "") -> Flat:
    """Values by dotted keys; those of a list by their place, unless all are plain values."""
    if isinstance(content, Mapping):
        found: Flat = {}
        for key, value in content.items():
            found |= flat(value, f"{above}.{key}" if above else str(key))
        return found
    if isinstance(content, list):
        if not any(isinstance(value, Mapping | list) for value in content):
            return {above: json.dumps(content, ensure_ascii=False)}
        return flat(dict(enumerate(content)), above)
    return {above: content}


def _stages(content: bytes, revision: Revision) -> dict[str, Stage]:
    # DVC wrote it: libyaml alone reads its half megabyte in time.
    try:
        lock = yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return {
            str(name): Stage(
                {entry["path"]: str(entry.get("md5", "")) for entry in stage.get("deps", [])},
                {entry["path"]: str(entry.get("md5", "")) for entry in stage.get("outs", [])},
                flat(stage.get("params", {}).get(PARAMS, {})),
            )
            for name, stage in lock["stages"].items()
        }
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"is not what DVC writes: {error}", where=f"{LOCK} of {revision.name}", remedy=REMEDY
        ) from None


def _of_screen(stages: dict[str, Stage], name: str, names: list[str]) -> dict[str, Stage]:
    """The stages of a screen, ``stage-screen``, or ``stage@screen`` as DVC names those of a list.

    Of two screens that a stage could be of, the longer name has it.
    """
    ends = (f"-{name}", f"@{name}")
    longer = tuple(f"{mark}{other}" for other in names if other.endswith(ends) for mark in "-@")
    return {
        stage[: -len(ends[0])]: content
        for stage, content in stages.items()
        if stage.endswith(ends) and not (longer and stage.endswith(longer))
    }


def _json(content: bytes, path: str, revision: Revision) -> Any:
    try:
        found = json.loads(content)
    except ValueError as error:
        raise UserError(
            f"is no JSON: {error}", where=f"{path} of {revision.name}", remedy=REMEDY
        ) from None
    if path.endswith(f"/{PROVENANCE}") and not isinstance(found, dict):
        raise UserError("is no JSON object", where=f"{path} of {revision.name}", remedy=REMEDY)
    return found


def _block(params: Mapping[str, Any], *keys: str) -> Any:
    content: Any = params
    for key in keys:
        content = content.get(key, {}) if isinstance(content, Mapping) else {}
    return content
