"""One place that fixes what floating-point results depend on: instruction set and threads.

The package calls `pin` when it is imported, so it must be imported before numpy, numba and torch:
they read these settings once, when they are loaded. Nothing heavy is imported here.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

PINNED = {
    # The oldest instruction set that fast x86-64 machines share: newer ones round differently.
    # NumPy's exp and log, for one, differ in the last bit with AVX-512; numba compiles for the
    # machine it runs on unless told otherwise ("" adds nothing to what haswell has).
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "",
    # Intel's vector library, where it is installed, has another exp than the C library.
    "NUMBA_DISABLE_INTEL_SVML": "1",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    # Sums are split by thread: one thread per process, and processes for parallel work.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
READ_ONCE = ("numpy", "numba", "torch")
"""Libraries that read the settings when they are loaded."""
CACHE_VARIABLE = "NUMBA_CACHE_DIR"


def pin() -> None:
    """Set the environment for reproducible numbers, in this process and its children.

    A library that was loaded without these settings keeps its own: one line on stderr names it.
    No line where the process started with the settings, as workers of a pinned process do.
    """
    if any(os.environ.get(name) != value for name, value in PINNED.items()):
        early = [name for name in READ_ONCE if name in sys.modules]
        os.environ.update(PINNED)
        if early:
            print(  # noqa: T201 - a warning to the user
                f"warning: {', '.join(early)} imported before phenoprot, so without its settings "
                "(instruction set, threads): numbers may differ in the last digits. "
                "Import phenoprot first.",
                file=sys.stderr,
            )
    if not os.environ.get(CACHE_VARIABLE):
        base = next(cache_bases(), None)
        if base is not None:
            os.environ[CACHE_VARIABLE] = str(base)


def cache_bases() -> Iterator[Path]:
    """Folders that can hold machine code, best first; made when the first code is kept.

    Yields
    ------
    Path
        ``.phenoprot/numba`` of the repository if the package runs from one, so that clones share
        nothing and ``make clean`` removes it; the user's cache folder; a private temporary folder.
        Left out is what cannot be written.
    """
    repository = Path(__file__).resolve().parents[3]
    if (repository / "pyproject.toml").is_file():
        folder = repository / ".phenoprot" / "numba"
        if _writable(folder):
            yield folder
    # Not Path.home(), which raises for a user without an entry in the password file.
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")  # noqa: PTH111, PTH118
    folder = Path(home) / "phenoprot" / "numba"
    if folder.is_absolute() and _writable(folder):
        yield folder
    from tempfile import gettempdir  # takes longer to import than the rest of this module

    try:
        folder = Path(gettempdir()) / f"phenoprot-numba-{os.getuid()}"
    except FileNotFoundError:  # no temporary folder, either
        return
    if _private(folder):
        yield folder


def _writable(folder: Path) -> bool:
    """Whether `folder` can be written, or made."""
    nearest = next((path for path in (folder, *folder.parents) if path.exists()), None)
    return nearest is not None and nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def _private(folder: Path) -> bool:
    """Make `folder`, unless it exists; whether nobody else can write it: code is run from it."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return ours and not found.st_mode & 0o077 and os.access(folder, os.W_OK | os.X_OK)
