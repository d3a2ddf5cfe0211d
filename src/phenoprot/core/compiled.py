"""How code is compiled: the same machine code, whatever ran before, and a cache that knows it.

All kernels of the package are compiled here, with strict IEEE arithmetic: no fast-math flag leaves
a choice to the compiler, so that vectorised or scalar code, one variant or another, give the same
bits. Where a fused multiply-add is wanted, the kernel says `fma`.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numba
import numpy as np
from llvmlite import __version__ as llvmlite_version
from llvmlite.binding import get_host_cpu_name
from numba.core.caching import FunctionCache
from numba.extending import intrinsic

from phenoprot.core import runtime
from phenoprot.core.closure import code_fingerprint
from phenoprot.core.files import file_sha256, fingerprint

config: Any = numba.config
FLAGS = (
    "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "DISABLE_INTEL_SVML", "USING_SVML", "ENABLE_AVX",
    "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "LLVM_REFPRUNE_PASS",
    "LLVM_REFPRUNE_FLAGS", "CPU_NAME", "CPU_FEATURES",
)  # fmt: skip
"""Settings of numba that decide what it compiles."""


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` to serial code without the GIL, kept on disk.

    Division by zero gives inf or nan, as in numpy.
    """
    compiled = inlined(function)
    if hasattr(compiled, "enable_caching"):  # a plain function with NUMBA_DISABLE_JIT=1
        cache = _cache(function)
        if cache is not None:
            compiled._cache = cache
    return compiled


def inlined(function: Callable[..., Any]) -> Any:
    """Compile `function` as `kernel` does, to be a part of the kernels that call it."""
    return numba.njit(nogil=True, error_model="numpy")(function)


class one_variant:
    """Compile a kernel for one signature, at its first call; arguments that do not fit are refused.

    Otherwise numba would compile another variant for each layout of the arrays, and which one runs
    would depend on the caller.

    Parameters
    ----------
    signature
        Types of the arguments, as numba writes them.
    """

    def __init__(self, signature: str) -> None:
        self.signature = signature
        self._lock = Lock()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap `function`; the compiled kernel is the attribute ``kernel``."""
        compiled = kernel(function)
        ready = not hasattr(compiled, "compile")

        def run(*arguments: Any) -> Any:
            nonlocal ready
            if not ready:  # asking numba each time would take as long as the smaller kernels
                with self._lock:
                    if not compiled.signatures:
                        compiled.compile(self.signature)
                        compiled.disable_compile()
                    ready = True
            return compiled(*arguments)

        run.__doc__, run.__name__ = function.__doc__, function.__name__
        run.kernel = compiled  # type: ignore[attr-defined]
        return run


def _exact_fma(a: float, b: float, c: float) -> float:
    """`fma` without numba: finite numbers only."""
    return float(Fraction(a) * Fraction(b) + Fraction(c))


@intrinsic
def _fused(_typing: Any, _a: Any, _b: Any, _c: Any) -> Any:
    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    real = numba.float64
    return real(real, real, real), code


fma: Any = _exact_fma if config.DISABLE_JIT else _fused
"""``fma(a, b, c)``, in kernels: a * b + c, rounded once."""


@lru_cache(maxsize=256)
def cache_folder(module: str, file: str) -> Path | None:
    """Folder for the machine code of a module's kernels; None if no folder can be written.

    Its name is a hash of all that decides the code: versions, processor, numba's settings as this
    process has them, `runtime.PINNED` and the sources of the module and of all that it imports
    (numba itself looks at a kernel's own file alone). A folder thus holds one entry per kernel and
    signature, and processes that write it at the same time write the same.

    Parameters
    ----------
    module, file
        Dotted name and source file of the module; the file alone counts outside of packages.
    """
    try:
        sources = code_fingerprint(module)
    except ModuleNotFoundError:
        sources = fingerprint(file_sha256(Path(file)), code_fingerprint(__name__))
    name = "kernels-" + fingerprint(
        [sys.implementation.cache_tag, platform.machine()],
        [numba.__version__, llvmlite_version, np.__version__],
        [get_host_cpu_name(), sorted(runtime.PINNED.items())],
        [[flag, str(getattr(config, flag, None))] for flag in FLAGS],
        sources,
    )
    # Another process may have set the folder, and with other rights.
    chosen = os.environ.get(runtime.CACHE_VARIABLE)
    for base in ([Path(chosen)] if chosen else []) + list(runtime.cache_bases()):
        folder = base.absolute() / name[:32]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        return folder
    return None


class _Cache(FunctionCache):
    """numba's cache of a kernel; what goes wrong with its files costs a compilation, no more."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled code; None if there is none, or its file is damaged."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:
            try:
                self.flush()  # a damaged index would keep new code from being kept
            except OSError:
                self.disable()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code, unless the disk is full or the folder gone."""
        try:
            super().save_overload(sig, data)
        except OSError:
            self.disable()


def _cache(function: Callable[..., Any]) -> _Cache | None:
    """Cache of a kernel in our folder; None where it has no place."""
    folder = cache_folder(function.__module__, function.__code__.co_filename)
    if folder is None:
        return None
    before = config.CACHE_DIR
    # numba reads the environment once, which may have been before it was set.
    config.CACHE_DIR = str(folder)
    try:
        cache = _Cache(function)
    except RuntimeError:
        return None
    finally:
        config.CACHE_DIR = before
    return cache if Path(cache.cache_path).is_relative_to(folder) else None
