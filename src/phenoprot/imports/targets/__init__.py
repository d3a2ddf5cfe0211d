"""Target annotations of public and licensed sources, read for the compounds of a screen."""

from phenoprot.imports.targets.read import (
    TargetOptions,
    TargetReport,
    Targets,
    read_targets,
)

__all__ = ["TargetOptions", "TargetReport", "Targets", "read_targets"]
