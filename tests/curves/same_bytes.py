"""Run by test_same_bytes.py in processes of its own: ``same_bytes.py THREADS [LIBRARY ...]``.

The libraries are imported before phenoprot. Fits curves (not with 0 threads), measures objects,
and prints the hash of all bytes, how numba compiles, and how many variants of a kernel there are.
"""

# ruff: noqa: E402
from __future__ import annotations

import importlib
import sys

for library in sys.argv[2:]:
    importlib.import_module(library)

import phenoprot  # noqa: F401 - before numpy

# isort: split
import hashlib
import json

import numpy as np
from numba.core.registry import cpu_target

from phenoprot.curves import kernel, summary
from phenoprot.curves.engine import fit_ratios
from phenoprot.curves.settings import FitSettings
from phenoprot.features.cellprofiler import objects, ranks


def main(threads: int) -> None:
    rng = np.random.default_rng(0)
    x = np.linspace(-9, -4.5, 10)
    digest = hashlib.sha256()
    ratios = np.exp(rng.normal(0, 0.3, (1200, 10)))
    ratios[rng.random(ratios.shape) < 0.05] = np.nan
    fitted = np.ones((len(ratios), summary.SUMMARY))
    if threads:
        fitted = fit_ratios(ratios, x, FitSettings(), threads)
    again = np.full_like(fitted, np.nan)
    summary.summarise_all(x, ratios, fitted[:, [0, 1, 2, 3, -1]].copy(), 4, False, again)
    mask = np.repeat(np.repeat(rng.integers(0, 9, (8, 8)), 5, 0), 5, 1).astype(np.int32)
    found = objects.list_objects(mask)
    parts = ranks.sort_within(found.start, rng.random((40 * 40, 3))[: len(found.y)].T)
    for array in (fitted, again, *found, *parts):
        digest.update(np.ascontiguousarray(array).tobytes())
    kernels = (kernel.fit_blocks, summary.summarise_all, ranks._sort, objects._list, objects._count)
    answer = {
        "bytes": digest.hexdigest(),
        "target": cpu_target.target_context.codegen().magic_tuple()[1:],
        "variants": [len(getattr(one, "kernel", one).signatures) for one in kernels],
    }
    print(json.dumps(answer))


main(int(sys.argv[1]))
