"""Names from data and parameters that become file names: one rule, and one way to use them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from phenoprot.core.errors import UserError, listed, quoted

LONGEST_NAME = 100
"""Characters."""
RULE = (
    f"A name has 1 to {LONGEST_NAME} characters, no / or \\, no control character, no white space "
    "at its ends, and is not . or .."
)
MISSING_WORDS = frozenset({"na", "n/a", "#n/a", "<na>", "nan", "none", "null", "nat"})
"""What programs write where a value is missing, in lower case. None of them is a name."""


def is_missing_word(name: str) -> bool:
    """Whether a program wrote this in place of a missing value, e.g. ``nan``."""
    return name.strip().lower() in MISSING_WORDS


def name_fault(name: str) -> str | None:
    """Why `name` cannot be a part of a path; None: it can."""
    if not name:
        return "is empty"
    if len(name) > LONGEST_NAME:
        return f"has {len(name)} characters"
    if name in {".", ".."}:
        return "names a folder"
    if "/" in name or "\\" in name:
        return "holds a path separator"
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in name):
        return "holds a control character"
    return "begins or ends with white space" if name != name.strip() else None


def faulty_names(names: Iterable[str]) -> list[str]:
    """The names, each once and in order, that cannot be parts of a path, and why."""
    found = ((name, name_fault(name)) for name in dict.fromkeys(names))
    return [f"{quoted(name)} {fault}" for name, fault in found if fault]


def require_names(names: Iterable[str], what: str, where: str) -> None:
    """Stop unless all `names` can be parts of paths.

    Parameters
    ----------
    names
        Names from a table or from parameters.
    what
        What they name, e.g. ``plate``.
    where
        File and column, or key.

    Raises
    ------
    UserError
        Counts those that cannot, names the first few, and says the rule.
    """
    faults = faulty_names(names)
    if faults:
        raise UserError(
            f"{len(faults)} {what} name(s) cannot be used as file names: {listed(faults)}",
            where=where,
            remedy=f"Rename them. {RULE}.",
        )


def inside(folder: Path, *parts: str) -> Path:
    """The path of an output in `folder`; the only way from names of the data to paths.

    Parameters
    ----------
    folder
        Where the output goes.
    parts
        Names, one for each level below it.

    Raises
    ------
    UserError
        A part is no name (see :data:`RULE`), or a link leads out of `folder` or to itself.
    """
    from phenoprot.core.files import resolved  # imports pandas

    require_names(parts, "output", str(folder))
    path = folder.joinpath(*parts)
    if not resolved(path).is_relative_to(resolved(folder)):
        raise UserError(
            "leads out of its folder",
            where=str(path),
            remedy=f"Remove the link in {folder}.",
        )
    return path
