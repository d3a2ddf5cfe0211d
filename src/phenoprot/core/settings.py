"""The base of every settings model: typed, frozen, and strict about keys and types."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
)
from pydantic_core import CoreSchema, ErrorDetails

from phenoprot.core.errors import UserError, listed, quoted, shortened
from phenoprot.core.names import LONGEST_NAME, name_fault
from phenoprot.core.yamltext import read_yaml

__all__ = [
    "Count", "Name", "RelativePath", "Seed", "Settings", "Share", "parse_settings", "read_block",
    "read_yaml",
]  # fmt: skip

MOST_FAULTS = 8
"""Faults that a message names; further ones are counted."""
MOST_MISSING = 20
"""Missing keys that it names."""
_NUMBERS = {"float_type", "int_type", "int_from_float", "finite_number"}


def _strict(schema: Any) -> Any:
    """Make numbers, truth values and text anywhere in a schema strict, and floats finite.

    Left to itself, pydantic takes ``true`` for 1 and ``"5"`` for 5, which no user means. Integers
    still pass for floats, lists for tuples, and text for paths.
    """
    if isinstance(schema, list | tuple):
        for item in schema:
            _strict(item)
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    if kind in {"int", "float", "bool", "str"}:
        schema["strict"] = True
    if kind == "float":
        # A field that allows infinity says so: Field(allow_inf_nan=True).
        schema.setdefault("allow_inf_nan", False)
    if kind == "literal" and all(type(choice) is int for choice in schema["expected"]):
        # True and 1.0 equal 1.
        choice = dict(schema)
        schema.clear()
        schema |= {"type": "chain", "steps": [{"type": "int", "strict": True}, choice]}
        return schema
    for key, value in schema.items():
        if key not in {"metadata", "serialization", "default"}:
            _strict(value)
    return schema


class Settings(BaseModel):
    """A block of params.yaml or of a screen.yaml. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """The schema of the fields, strict."""
        schema: CoreSchema = _strict(handler(source))
        return schema


def _is_name(text: str) -> str:
    if fault := name_fault(text):
        raise ValueError(f"cannot be a file name, it {fault}")
    return text


def _is_relative(text: str) -> str:
    path = PurePosixPath(text)
    fault = next((f for part in path.parts[path.is_absolute() :] if (f := name_fault(part))), None)
    if path.is_absolute():
        fault = "begins at the root"
    elif ".." in path.parts:
        fault = "leads out of the folder"
    elif not path.parts:
        fault = "is empty"
    if fault:
        raise ValueError(f"expected the path of a file inside the folder; this one {fault}")
    return text


Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""Seed of random numbers, as NumPy and PyTorch take it."""
Count = Annotated[int, Field(ge=1, le=10**9)]
"""Number of things, at least one."""
Share = Annotated[float, Field(ge=0, le=1)]
"""A share, 0 to 1."""
Name = Annotated[str, AfterValidator(_is_name)]
"""A name that becomes a part of a path, see :data:`phenoprot.core.names.RULE`."""
RelativePath = Annotated[str, AfterValidator(_is_relative)]
"""Path of a file inside a folder: relative, without ``..``."""

S = TypeVar("S", bound=Settings)


def read_block(path: Path, key: str) -> dict[str, Any]:
    """Read one block of a YAML file, e.g. ``segmentation`` of params.yaml.

    Parameters
    ----------
    path
        The file.
    key
        Key of the block. An absent or null block is empty.

    Raises
    ------
    UserError
        As `read_yaml` raises; or the block is no mapping.
    """
    block = read_yaml(path).get(key)
    if block is not None and not isinstance(block, dict):
        raise UserError(
            f"'{key}' is {quoted(block)}, expected a mapping of keys to values",
            where=str(path),
            remedy="Fix this key.",
        )
    return block or {}


def parse_settings(model: type[S], content: Any, where: str) -> S:
    """Build `model` from plain data; every fault is named with its key.

    Raises
    ------
    UserError
        One message that counts unknown keys, missing keys and wrong values, and names the first
        :data:`MOST_FAULTS` of them.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        found = error.errors(include_url=False)
    missing = [
        key for fault in found if fault["type"] == "missing" for key in _absent(model, fault)
    ]
    faults = [_described(fault) for fault in found if fault["type"] != "missing"]
    if missing:
        keys = listed([quoted(key, 120) for key in missing], MOST_MISSING)
        one = len(missing) == 1
        faults.insert(
            0, f"key {keys} is missing" if one else f"{len(missing)} keys are missing: {keys}"
        )
    text = "; ".join(faults[:MOST_FAULTS])
    if len(faults) > MOST_FAULTS:
        text += f"; and {len(faults) - MOST_FAULTS} more"
    raise UserError(text, where=where, remedy="Fix these keys.")


def _key(fault: ErrorDetails) -> str:
    path = [part for part in fault["loc"] if part != "[key]"]
    return shortened(".".join(shortened(str(part), LONGEST_NAME) for part in path), 120)


def _absent(model: type[BaseModel], fault: ErrorDetails) -> list[str]:
    """A missing key; of a missing block the keys that it must have, at whatever depth."""
    block: Any = model
    for part in fault["loc"]:
        fields = block.model_fields if _is_block(block) else {}
        block = fields[part].annotation if part in fields else None
    return [".".join(part) for part in _required(block, (_key(fault),))]


def _required(block: Any, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    if not _is_block(block):
        return [path]
    needed = [(name, field) for name, field in block.model_fields.items() if field.is_required()]
    below = [key for name, field in needed for key in _required(field.annotation, (*path, name))]
    return below or [path]


def _is_block(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


def _described(fault: ErrorDetails) -> str:
    """One fault with its key, in at most some 200 characters."""
    kind, given = fault["type"], fault["input"]
    key = _key(fault)
    if kind == "extra_forbidden":
        return f"unknown key '{key}'"
    message = shortened(fault["msg"].removeprefix("Value error, "), 300)
    start = f"'{key}': {message}" if key else message
    if isinstance(given, dict) or not key:
        return start  # of a whole block, the message says which keys
    hint = ""
    if kind in _NUMBERS and isinstance(given, str):
        hint = ", which is text" if _looks_like_a_number(given) else ""
    elif kind == "string_type" and isinstance(given, int | float):
        hint = ": put it in quotes"
    return f"{start} (got {_shown(given)}{hint})"


def _shown(value: Any) -> str:
    try:
        return quoted(value)
    except ValueError:  # Python does not print integers of thousands of digits
        return f"a {type(value).__name__} with a whole number of very many digits"


def _looks_like_a_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
