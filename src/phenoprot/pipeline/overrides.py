"""Settings of one screen, laid over the blocks that all screens share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SHARED = ("screens", "phantom", "execution")
"""Blocks that no screen can have settings of its own for."""


def laid_over(content: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`content` with the values of `own` in place; mappings key by key, all else as a whole."""
    result = dict(content)
    for key, value in own.items():
        below = result.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            result[key] = laid_over(below, value)
        else:
            result[key] = value
    return result


def effective_keys(
    content: Mapping[str, Any], key: str, own: Mapping[str, Any], above: str
) -> Iterator[str]:
    """Keys of params.yaml that one block of a screen depends on.

    A shared value that the screen replaces is none of them: its change reruns other screens only.

    Parameters
    ----------
    content
        The whole of params.yaml.
    key
        Dotted key of the block.
    own
        The screen's ``settings``.
    above
        Dotted key of `own` in params.yaml.

    Yields
    ------
    str
        Dotted keys that are in params.yaml.
    """
    value, there = _at(content, key)
    mine, given = _at(own, key)
    replaced = next((k for k in _upwards(key) if _is_replaced(content, own, k)), None)
    if replaced is not None:
        yield f"{above}.{replaced}"
    elif not given:
        if there:
            yield key
    elif any("." in str(name) for name in (*value, *mine)):
        # A name with a dot in it cannot be a part of a dotted key: the whole mapping counts.
        yield from (key, f"{above}.{key}")
    else:
        for name in dict.fromkeys((*value, *mine)):
            yield from effective_keys(content, f"{key}.{name}", own, above)


def _upwards(key: str) -> Iterator[str]:
    """A dotted key, and those above it."""
    while key:
        yield key
        key = key.rpartition(".")[0]


def _is_replaced(content: Mapping[str, Any], own: Mapping[str, Any], key: str) -> bool:
    """Whether the screen gives a value that takes the place of the shared one as a whole."""
    value, given = _at(own, key)
    return given and not (isinstance(value, Mapping) and isinstance(_at(content, key)[0], Mapping))


def _at(content: Mapping[str, Any], key: str) -> tuple[Any, bool]:
    """Value of a dotted key, and whether it is there; one that is left out is not."""
    value: Any = content
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None, False
        value = value[part]
    return value, True
