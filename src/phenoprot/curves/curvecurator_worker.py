"""Run CurveCurator in a process of its own: ``python -m phenoprot.curves.curvecurator_worker DIR``.

The package calls ``exit()`` on errors, prints progress bars and forks workers; none of that
belongs in the process of a pipeline. `DIR` holds ``<job>.json`` (a CurveCurator configuration)
and ``<job>.parquet`` (Name, N duplicates, Raw columns); ``<job>.curves.parquet`` is its answer.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from phenoprot.execution.parents import die_with

# Before the long imports: whoever started it may be killed, and the workers that it forks as well.
die_with(os.getppid())
os.register_at_fork(after_in_child=lambda: die_with(os.getppid()))

import pandas as pd  # noqa: E402
from curve_curator import quantification, thresholding, toml_parser  # noqa: E402


def main(directory: Path) -> None:
    """Answer every job in `directory`, in the order of their names."""
    for description in sorted(directory.glob("*.json")):
        config = json.loads(description.read_text(encoding="utf-8"))
        config["__file__"] = {"Path": str(description)}
        config = toml_parser.set_default_values(config)
        data = pd.read_parquet(description.with_suffix(".parquet"))
        curves = quantification.run_pipeline(data, config=config)
        curves = thresholding.apply_significance_thresholds(curves, config=config)
        curves.to_parquet(description.with_suffix(".curves.parquet"), index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
