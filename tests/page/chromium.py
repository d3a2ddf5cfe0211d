"""Where the distribution's Chromium is, and whether it must be there."""

from __future__ import annotations

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
VARIABLE = "PHENOPROT_CHROMIUM"
"""``required``: the tests fail without a browser. Otherwise a path, or unset."""
REQUIRED = "required"


def required() -> bool:
    """Whether a missing browser is a failure: in `.ci/run`."""
    return os.environ.get(VARIABLE) == REQUIRED


def chromium() -> str | None:
    """Path of a browser; None: there is none."""
    named = os.environ.get(VARIABLE, "")
    if named and named != REQUIRED:
        return named
    return next((path for name in NAMES if (path := shutil.which(name))), None)
