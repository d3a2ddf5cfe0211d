"""Contract checks for feature methods, models and tasks, ours and those of other packages.

Plain functions that raise AssertionError with a sentence: call them from a test.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_CHECKS = {
    "check_feature_method": "phenoprot.testing.features",
    "check_model": "phenoprot.testing.models",
    "check_task": "phenoprot.testing.tasks",
}


def __getattr__(name: str) -> Any:
    if name not in _CHECKS:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(_CHECKS[name]), name)
