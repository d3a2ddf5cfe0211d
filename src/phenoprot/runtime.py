"""One place that fixes what floating-point results depend on: instruction set and threads.

Called by the command line and by every stage before numpy, torch or numba are imported.
"""

from __future__ import annotations

import os

PINNED = {
    # The oldest instruction set that fast x86-64 machines share: newer ones round differently.
    # NumPy's exp and log, for one, differ in the last bit with AVX-512; numba compiles for the
    # machine it runs on unless told otherwise ("" adds nothing to what haswell has).
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    # Sums are split by thread: one thread per process, and processes for parallel work.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def pin() -> None:
    """Set the environment for reproducible numbers, in this process and its children."""
    os.environ.update(PINNED)
