"""The base of every settings model: typed, frozen, and strict about unknown keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from phenoprot.errors import UserError


class Settings(BaseModel):
    """A block of params.yaml or of a screen.yaml. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


S = TypeVar("S", bound=Settings)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping.

    Raises
    ------
    UserError
        The file is missing, is not YAML, or holds something else than a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError("no such file", where=str(path), remedy="Check the path.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"not valid YAML: {reason}", where=str(path)) from None
    if not isinstance(content, dict):
        raise UserError(
            f"holds a {type(content).__name__}, expected a mapping of keys to values",
            where=str(path),
        )
    return content


def parse_settings(model: type[S], content: Any, where: str) -> S:
    """Build `model` from plain data; every fault is named with its key.

    Raises
    ------
    UserError
        One message that lists all unknown keys, missing keys and wrong values.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = []
        for fault in error.errors():
            key = ".".join(str(part) for part in fault["loc"])
            if fault["type"] == "extra_forbidden":
                faults.append(f"unknown key '{key}'")
            elif fault["type"] == "missing":
                faults.append(f"key '{key}' is missing")
            else:
                faults.append(f"'{key}': {fault['msg']} (got {fault['input']!r})")
        raise UserError("; ".join(faults), where=where, remedy="Mend these keys.") from None
