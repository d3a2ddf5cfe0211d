"""The feature methods there are: built in, and from other packages.

A family of methods is registered under its name by ``module:object``, where the object is a
:class:`phenoprot.features.method.Family`. It is imported when one of its methods is asked for.
Other packages register theirs as entry points of the group ``phenoprot.features``.
"""

from __future__ import annotations

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.plugins import Registry
from phenoprot.features.method import Artefacts, Description, Family, FeatureMethod, family_of
from phenoprot.features.settings import FeatureSettings

FAMILIES = Registry(
    "feature method",
    "phenoprot.features",
    {
        "cell_count": "phenoprot.features.counts:FAMILY",
        "cellprofiler": "phenoprot.features.cellprofiler.method:FAMILY",
        "mae": "phenoprot.features.mae.method:FAMILY",
        "cloome": "phenoprot.features.networks.cloome_method:FAMILY",
        "dino": "phenoprot.features.networks.dino_method:FAMILY",
        "timm": "phenoprot.features.networks.timm_method:FAMILY",
    },
)
"""Families by the name that they are registered under."""


def find_method(
    name: str, settings: FeatureSettings, artefacts: Artefacts | None = None
) -> FeatureMethod:
    """Make a method by name, from the settings of params.yaml and the screen's artefacts.

    Raises
    ------
    UserError
        There is none of this name; ``others`` in `settings` names a family that is not there; the
        package that should have it is broken.
    """
    others = set(FAMILIES.names()) - set(FAMILIES.built_in)
    if strange := sorted(settings.others.keys() - others):
        raise UserError(
            f"settings of {len(strange)} feature method(s) that no installed package has: "
            f"{listed(strange)}",
            where="params.yaml: features.others",
            remedy="Install the package, or remove the block.",
        )
    family = _family(name)
    if family is None:
        raise UserError(
            f"no feature method {quoted(name)}; there are: {', '.join(method_names())}",
            where="features",
            remedy="Name one of these.",
        )
    return family.make(name, settings, artefacts or Artefacts())


def describe(name: str) -> Description | None:
    """What a reader of a table must know of a method; None: no method has this name.

    Raises
    ------
    UserError
        The package that should have it is broken.
    """
    family = _family(name)
    return None if family is None else family.describe(name)


def method_names() -> list[str]:
    """Names of all methods, those of other packages last; ``<model>`` stands for any model.

    Raises
    ------
    UserError
        A package that has methods is broken.
    """
    return [name for registered in FAMILIES.names() for name in _load(registered).names]


def _family(name: str) -> Family | None:
    registered = family_of(name)
    if registered not in FAMILIES.names():
        return None
    family = _load(registered)
    return family if family.answers(name) else None


def _load(registered: str) -> Family:
    """Import a family by the name it is registered under."""
    found = FAMILIES.load(registered, "features")
    if not isinstance(found, Family):
        raise FAMILIES.fault(registered, f"is a {type(found).__name__}, expected a Family")
    others = sorted({name for name in found.names if family_of(name) != registered})
    if others:
        what = f"has {len(others)} method(s) of other names than its own: {listed(others)}"
        raise FAMILIES.fault(registered, what)
    return found
