"""Tests run under the settings of the pipeline: the package is imported before numpy."""

import phenoprot  # noqa: F401
