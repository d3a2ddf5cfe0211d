"""docs/parameters.md: every key of params.yaml, from the docstrings and bounds of the settings."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from phenoprot.core.files import write_text
from phenoprot.core.settings import read_yaml
from phenoprot.pipeline.params import Params

HEADER = """# Parameters

<!-- Generated from params.yaml and the settings of the package by `make docs`; edit those. -->

Every key of `params.yaml`, its value there, what it may be, and what it means. An unknown key or a
value out of bounds stops the pipeline with a line that names the key; so does a key that stands
twice, a number in quotes, `true` for a number, `.nan`, and `.inf` anywhere but in `ratio_range` and
`pec50_filter`. `1e-4` and `1.0e-4` are one number. Names of screens, rows and features are parts of
paths: no `/`, at most 100 characters. Try a value with
`dvc exp run -S 'tasks.classification.min_positives=20'`, and compare with `dvc metrics diff`.
"""

_BOUNDS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def parameter_table(path: Path = Path("params.yaml")) -> str:
    """The page: one table for each block of params.yaml.

    A key that the file leaves out shows its default. ``<screen>`` and ``<row>`` stand for names
    that the user chooses; their values differ from screen to screen and stand in the file.
    """
    values = read_yaml(path)
    parts = [HEADER]
    for name, field in Params.model_fields.items():
        lines = ["| key | value | may be | meaning |", "|---|---|---|---|"]
        for key, leaf, value in _leaves(name, field, values.get(name)):
            cells = (f"`{key}`", _code(value), _kind(leaf), leaf.description or "")
            lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
        parts.append(f"## {name}\n\n{field.description}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


_OPEN = object()
"""Value of a key that stands for several."""


def _leaves(key: str, field: FieldInfo, value: Any) -> Iterator[tuple[str, FieldInfo, Any]]:
    """Keys under `key` that hold plain values, with their field and value."""
    model, is_mapping = _model(field.annotation)
    if model is None or value is None:
        yield key, field, value
        return
    if is_mapping:
        key, value = f"{key}.<{key.rpartition('.')[2].removesuffix('s')}>", _OPEN
    for name, inner in model.model_fields.items():
        if value is _OPEN:
            default = _OPEN if inner.is_required() else inner.get_default(call_default_factory=True)
            below = (
                default if default is not None and _model(inner.annotation)[0] is None else _OPEN
            )
        else:
            given = value.model_dump() if isinstance(value, BaseModel) else value
            below = given.get(name, inner.get_default(call_default_factory=True))
        yield from _leaves(f"{key}.{name}", inner, below)


def _model(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The settings model of an annotation, and whether it is a mapping from names to it.

    A block that may be null has the model of the block.
    """
    if get_origin(annotation) in (Union, types.UnionType):
        models = [_model(arg) for arg in get_args(annotation) if arg is not types.NoneType]
        return models[0] if len(models) == 1 else (None, False)
    if get_origin(annotation) is dict:
        return _model(get_args(annotation)[1])[0], True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    return None, False


def _code(value: Any) -> str:
    if value is _OPEN:
        return "-"
    plain = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(plain, default_flow_style=True, width=10**6).strip()
    return f"`{text.removesuffix('...').strip()}`"


def _kind(field: FieldInfo) -> str:
    """Type and bounds: ``number > 0``, ``relu or tanh``, ``list of numbers >= 0``."""
    return f"{_type(field.annotation)} {_bounds(field.metadata)}".strip()


def _bounds(metadata: Sequence[Any]) -> str:
    """Bounds of a field or of the items of a list."""
    # Annotated types that are not yet a field hold pydantic's Field.
    inner = [part for item in metadata for part in getattr(item, "metadata", [item])]
    bounds = [
        f"{sign} {_plain(getattr(bound, name))}"
        for bound in inner
        for name, sign in _BOUNDS.items()
        if getattr(bound, name, None) is not None
    ]
    return ", ".join(bounds)


def _plain(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


_NAMES: dict[type, str] = {
    int: "integer",
    float: "number",
    str: "string",
    bool: "boolean",
    Path: "path",
    dict: "mapping",
}


def _type(annotation: Any, many: bool = False) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return f"{_type(args[0], many)} {_bounds(annotation.__metadata__)}".strip()
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in args)
    if origin in (Union, types.UnionType):
        return " or ".join("`null`" if arg is type(None) else _type(arg, many) for arg in args)
    if origin in (list, tuple):
        length = f"{len(args)}" if origin is tuple and Ellipsis not in args else "list of"
        return f"{length} {_type(args[0], many=True)}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "block of " + ", ".join(f"`{name}`" for name in annotation.model_fields)
    return _NAMES[origin or annotation] + ("s" if many else "")


def _cell(text: str) -> str:
    return " ".join(text.replace("``", "`").split()).replace("|", "\\|")


def main(path: Path = Path("docs/parameters.md")) -> None:
    """Write the page."""
    write_text(path, parameter_table())


if __name__ == "__main__":
    main()
