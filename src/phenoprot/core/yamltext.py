"""YAML as users write it: text in, one mapping of plain values out, every fault with its line.

Numbers are those of YAML 1.2 (``1e-4`` and the ``1e-05`` that DVC writes are numbers), truth values
those of YAML 1.1 (``yes``, ``on``). What only looks like a number (``010``, ``1:30``) and dates are
text: where a number is expected they are refused, never read as another number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from phenoprot.core.errors import UserError, listed, quoted, shortened
from phenoprot.core.files import read_text

LARGEST = 2**20
"""Bytes of a YAML file, a hundred times params.yaml."""
DEEPEST = 40
"""Levels of mappings and lists inside each other."""
MOST_VALUES = 200_000
"""Keys and values of a file, with every alias (``*name``) counted as what it stands for."""
LARGEST_INTEGER = 2**63 - 1
"""Further integers fit into no array."""

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_TEXT = f"{_TAG}str"
_KNOWN = {
    _TEXT: "text",
    f"{_TAG}int": "a number",
    f"{_TAG}float": "a number",
    f"{_TAG}bool": "a truth value",
    f"{_TAG}null": "an empty value",
    f"{_TAG}map": "a mapping",
    f"{_TAG}seq": "a list",
    _MERGE: "a merge",
}
_COLLECTIONS = {f"{_TAG}map", f"{_TAG}seq"}


class _Loader(yaml.CSafeLoader):
    """Plain values only, with the scalars that the module describes."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _tag, _pattern, _first in (
    (
        "bool",
        r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF",
        "yYnNtTfFoO",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*|0b[01_]+|0x[0-9a-fA-F_]+)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+|[0-9][0-9_]*\.[0-9_]*"
        r"|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
):
    _Loader.add_implicit_resolver(f"{_TAG}{_tag}", re.compile(f"(?:{_pattern})$"), list(_first))


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping.

    Raises
    ------
    UserError
        The file is missing, no file, too large or not UTF-8, and all that `parse_yaml` refuses.
    """
    return parse_yaml(read_text(path, LARGEST), str(path))


def parse_yaml(text: str, where: str) -> dict[str, Any]:
    """Read YAML that holds one mapping.

    Parameters
    ----------
    text
        The YAML.
    where
        The file, for messages.

    Returns
    -------
    dict
        Text keys; values are text, integers, floats, truth values, None, lists and such mappings.

    Raises
    ------
    UserError
        It is not YAML, or empty, or something else than a mapping; a key stands twice in one
        mapping, or is not text; a value is too deep, too large, recursive, or of another type.
    """
    try:
        node = _compose(text, where)
        if node is None:
            raise UserError(
                "is empty, expected a mapping of keys to values",
                where=where,
                remedy="Check the path, or write the keys.",
            )
        if not isinstance(node, yaml.MappingNode):
            raise UserError(
                f"holds {_KNOWN.get(node.tag, 'something else')}, "
                "expected a mapping of keys to values",
                where=where,
                remedy="Write lines of the form key: value.",
            )
        return dict(_Constructor(where, _check(node, where)).construct_document(node))
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, text, where) from None
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"not valid YAML: {shortened(reason, 300)}",
            where=where,
            remedy="Remove that character, or save the file as plain UTF-8 text.",
        ) from None


def _not_yaml(error: yaml.MarkedYAMLError, text: str, where: str) -> UserError:
    reasons = [error.context, error.problem]
    reason = ", ".join(shortened(part, 150) for part in reasons if part)
    mark = error.problem_mark or error.context_mark
    place, remedy = "", "Fix the line, or the one before it."
    if mark is not None:
        place = f" (line {mark.line + 1}, column {mark.column + 1})"
        line = text.splitlines()[mark.line : mark.line + 1]
        if "\t" in "".join(line)[: mark.column + 1]:
            remedy = "Indent with spaces, not with tabs."
    if "single document" in reason:
        remedy = "Remove the line --- and what follows it."
    elif "alias" in reason or "anchor" in reason:
        remedy = "Put text that begins with * or & in quotes."
    return UserError(f"not valid YAML: {reason}{place}", where=where, remedy=remedy)


def _compose(text: str, where: str) -> yaml.Node | None:
    """The one document of a text, as nodes."""
    depth = 0
    for event in yaml.parse(text, _Loader):  # one at a time: no recursion, however deep
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise _too_deep(event, where)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _check(root: yaml.Node, where: str) -> dict[int, str]:
    """Refuse what would be lost, expand without end, or be another type than it looks.

    Returns
    -------
    dict
        Dotted key of every node, by its id.
    """
    names: dict[int, str] = {}
    done: dict[int, tuple[int, int]] = {}
    twice: list[str] = []
    no_text: list[str] = []
    tags: list[str] = []

    def measure(node: yaml.Node, above: tuple[int, ...], name: str) -> tuple[int, int]:
        """Values and levels of a node, aliases expanded."""
        if id(node) in above:
            raise UserError(
                f"the value on {_line(node)} holds itself",
                where=where,
                remedy="Write out what the alias stands for.",
            )
        if id(node) not in done:
            if node.tag not in (_KNOWN if isinstance(node, yaml.ScalarNode) else _COLLECTIONS):
                tags.append(f"{quoted(node.tag.replace(_TAG, '!!'))} on {_line(node)}")
            if isinstance(node, yaml.MappingNode):
                twice.extend(_repeated_keys(node))
                no_text.extend(_other_keys(node))
            names[id(node)] = name
            below = [
                measure(child, (*above, id(node)), f"{name}.{key}" if name and key else name or key)
                for key, child in _children(node)
            ]
            done[id(node)] = (
                1 + sum(size for size, _ in below),
                1 + max((levels for _, levels in below), default=0),
            )
        size, levels = done[id(node)]
        if len(above) + levels > DEEPEST + 1:
            raise _too_deep(node, where)
        if size > MOST_VALUES:
            raise UserError(
                f"the value on {_line(node)} has more than {MOST_VALUES} values with its aliases "
                "written out",
                where=where,
                remedy="This is no file of settings: check the path.",
            )
        return size, levels

    measure(root, (), "")
    faults = [
        (twice, "key(s) stand more than once", "Keep one line of each key."),
        (no_text, "key(s) are no text", "Put these keys in quotes."),
        (tags, "value(s) have a tag that is not read", "Write plain values without a tag."),
    ]
    if found := [fault for fault in faults if fault[0]]:
        raise UserError(
            "; ".join(f"{len(items)} {what}: {listed(items)}" for items, what, _ in found),
            where=where,
            remedy=" ".join(remedy for _, _, remedy in found),
        )
    return names


def _children(node: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    """Nodes below a node, with their key or place."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield "", key
            yield shortened(str(key.value), 100), value
    elif isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            yield str(place), item


def _repeated_keys(node: yaml.MappingNode) -> list[str]:
    """Keys that stand more than once in a mapping, with their lines."""
    lines: dict[str, list[int]] = {}
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
            lines.setdefault(key.value, []).append(key.start_mark.line + 1)
    return [
        f"{quoted(key)} (lines {listed(places)})"
        for key, places in lines.items()
        if len(places) > 1
    ]


def _other_keys(node: yaml.MappingNode) -> list[str]:
    """Keys that are no text, with their lines."""
    keys = [key for key, _ in node.value if key.tag not in {_MERGE, _TEXT}]
    return [
        f"{quoted(key.value) + ' is ' if isinstance(key, yaml.ScalarNode) else ''}"
        f"{_KNOWN.get(key.tag, 'a value with a tag')} on {_line(key)}"
        for key in keys
    ]


def _line(node: yaml.Node | yaml.Event) -> str:
    mark = node.start_mark
    return f"line {mark.line + 1}" if mark else "some line"


def _too_deep(node: yaml.Node | yaml.Event, where: str) -> UserError:
    return UserError(
        f"{_line(node)} lies more than {DEEPEST} levels deep",
        where=where,
        remedy="This is no file of settings: check the path.",
    )


class _Constructor(yaml.constructor.SafeConstructor):
    """Makes plain values; numbers that Python cannot make are named with their line."""

    def __init__(self, where: str, names: dict[int, str]) -> None:
        super().__init__()
        self.where, self.names = where, names

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """An integer of at most 64 bits."""
        digits = len(node.value.replace("_", "").lstrip("+-"))
        if digits > 70:
            raise self._fault(node, f"has {digits} digits", "Write a number of fewer digits.")
        try:
            value = int(super().construct_yaml_int(node))
        except (ValueError, IndexError):  # text under the tag of a number
            raise self._no_number(node) from None
        if abs(value) > LARGEST_INTEGER:
            remedy = "Write a number of fewer digits."
            raise self._fault(node, "is too large for a whole number", remedy)
        return value

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        """A float; infinite and NaN are for the settings to judge."""
        try:
            return float(super().construct_yaml_float(node))
        except (ValueError, IndexError):
            raise self._no_number(node) from None

    def construct_yaml_bool(self, node: yaml.ScalarNode) -> bool:
        """A truth value."""
        if node.value.lower() not in self.bool_values:
            raise self._fault(node, "is no truth value", "Write true or false.")
        return bool(self.bool_values[node.value.lower()])

    def _no_number(self, node: yaml.ScalarNode) -> UserError:
        return self._fault(node, "is no number", "Write a number, without a tag.")

    def _fault(self, node: yaml.ScalarNode, fault: str, remedy: str) -> UserError:
        key = quoted(self.names.get(id(node), ""), 120)
        what = f"{key}: {quoted(node.value, 40)} on {_line(node)} {fault}"
        return UserError(what, where=self.where, remedy=remedy)


for _name in ("int", "float", "bool"):
    _Constructor.add_constructor(f"{_TAG}{_name}", getattr(_Constructor, f"construct_yaml_{_name}"))
