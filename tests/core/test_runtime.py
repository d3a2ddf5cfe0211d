"""Pinned numerics: in the tests as in the pipeline, from the import of the package on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenoprot.core import compiled, runtime
from phenoprot.core.compiled import fma, kernel

ROOT = Path(__file__).parents[2]
COUNT = """
import numpy as np
from phenoprot.features.cellprofiler.objects import _count
print(_count(np.array([[0, 1], [2, 1]], np.int32), 2).tobytes().hex())
"""


def python(
    code: str, *, source: Path = ROOT / "src", pinned: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if pinned or not (name in runtime.PINNED or name.startswith("NUMBA_"))
    }
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, "PYTHONPATH": str(source), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_numba_compiles_for_the_pinned_processor_in_this_process() -> None:
    from numba.core.registry import cpu_target

    assert cpu_target.target_context.codegen().magic_tuple()[1:] == ("haswell", "")


def test_numpy_and_torch_are_pinned_in_this_process() -> None:
    import torch
    from numpy._core._multiarray_umath import __cpu_features__

    assert not [name for name, on in __cpu_features__.items() if on and "AVX512" in name]
    assert not __cpu_features__.get("X86_V4", False)
    assert torch.backends.cpu.get_cpu_capability() in ("AVX2", "DEFAULT")
    assert {name: os.environ.get(name) for name in runtime.PINNED} == runtime.PINNED


def test_importing_the_package_pins_and_imports_nothing_heavy() -> None:
    run = python(
        "import phenoprot, os, sys\n"
        "from phenoprot.core.runtime import PINNED\n"
        "assert {name: os.environ[name] for name in PINNED} == PINNED\n"
        "print(sorted({'numpy', 'numba', 'torch', 'typer', 'tempfile'} & set(sys.modules)))"
    )
    assert (run.stdout, run.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("first", "named"), [("numpy", "numpy"), ("numba", "numpy, numba")], ids=["numpy", "numba"]
)
def test_what_was_imported_too_early_is_named_once(first: str, named: str) -> None:
    run = python(f"import {first}; import phenoprot; phenoprot.core.runtime.pin()")
    assert run.returncode == 0
    assert run.stderr.startswith(f"warning: {named} ")
    assert run.stderr.count("\n") == 1
    assert "last digits" in run.stderr
    assert "Import phenoprot first" in run.stderr


def test_children_of_a_pinned_process_hear_nothing() -> None:
    run = python("import numba; import phenoprot", pinned=True)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A copy of the package where no folder beside the code can be made, not even by root."""
    package = tmp_path / "clone" / "src" / "phenoprot"
    shutil.copytree(ROOT / "src/phenoprot", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "clone")
    for folder in (tmp_path / "clone", package / "features/cellprofiler"):
        for name in (".phenoprot", "__pycache__"):
            (folder / name).touch()
    return package.parent


def test_without_a_place_for_machine_code_there_is_a_temporary_one_or_none(
    sealed: Path, tmp_path: Path
) -> None:
    here = tmp_path / "tmp"
    here.mkdir()
    nowhere = {"HOME": os.devnull, "XDG_CACHE_HOME": f"{os.devnull}/cache", "TMPDIR": str(here)}
    code = "import phenoprot, os; print(os.environ['NUMBA_CACHE_DIR'])" + COUNT
    run = python(code, source=sealed, **nowhere)
    assert run.returncode == 0, run.stderr
    folder, value = run.stdout.split()
    assert Path(folder).parent == here
    assert Path(folder).stat().st_mode & 0o777 == 0o700
    assert list(Path(folder).rglob("objects.*.nbc"))
    # The folder that the environment names cannot be made; a folder of others is not trusted.
    Path(folder).chmod(0o777)
    for variable in ("", f"{os.devnull}/numba"):
        run = python(COUNT, source=sealed, NUMBA_CACHE_DIR=variable, **nowhere)
        assert (run.returncode, run.stdout.strip()) == (0, value), run.stderr


def test_the_folder_of_the_user_is_kept_and_damaged_machine_code_in_it_made_again(
    tmp_path: Path,
) -> None:
    code = "import phenoprot, os; print(os.environ['NUMBA_CACHE_DIR'])" + COUNT
    folder, whole = python(code, NUMBA_CACHE_DIR=str(tmp_path)).stdout.splitlines()
    assert folder == str(tmp_path)
    kept = [path for path in tmp_path.rglob("objects.*") if path.is_file()]
    assert {path.suffix for path in kept} == {".nbi", ".nbc"}
    for path in kept:
        path.write_bytes(path.read_bytes()[:100])
    run = python(COUNT, NUMBA_CACHE_DIR=str(tmp_path))
    assert (run.returncode, run.stdout.strip()) == (0, whole), run.stderr
    assert all(path.stat().st_size > 100 for path in kept)


def test_the_best_folder_is_the_repository_s_then_the_user_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    bases = list(runtime.cache_bases())
    assert bases[0] == ROOT / ".phenoprot/numba"
    assert bases[1] == tmp_path / "phenoprot/numba"
    assert not list(tmp_path.iterdir())  # asking makes nothing


def test_the_folder_is_another_for_other_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    folder = partial(compiled.cache_folder.__wrapped__, "phenoprot.curves.kernel", "")
    folders = []
    changes = [("OPT", None), ("OPT", 1), ("CPU_NAME", "generic"), ("LOOP_VECTORIZE", 0)]
    for name, value in changes:
        with monkeypatch.context() as patch:
            if value is not None:
                patch.setattr(compiled.config, name, value)
            folders.append(folder())
    with monkeypatch.context() as patch:
        patch.setitem(runtime.PINNED, "MKL_CBWR", "SSE2")
        folders.append(folder())
    assert len(set(folders)) == len(folders)
    assert folders[0] == folder()


def test_all_kernels_are_compiled_in_one_place() -> None:
    for file in (ROOT / "src/phenoprot").rglob("*.py"):
        assert file.name == "compiled.py" or "njit" not in file.read_text("utf-8"), file


def test_the_folder_is_another_for_another_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    folder = compiled.cache_folder.__wrapped__
    monkeypatch.setattr(compiled, "code_fingerprint", lambda module: f"sources of {module}")
    one = folder("phenoprot.curves.kernel", "")
    assert folder("phenoprot.curves.kernel", "") == one
    monkeypatch.setattr(compiled, "code_fingerprint", lambda module: f"edited {module}")
    assert folder("phenoprot.curves.kernel", "") != one


@kernel
def _fused(a, b, c):  # type: ignore[no-untyped-def]
    return fma(a, b, c)


@kernel
def _in_two_steps(a, b, c):  # type: ignore[no-untyped-def]
    return a * b + c


REAL = st.floats(-1e100, 1e100)


@settings(deadline=None)
@given(REAL, REAL, REAL)
def test_fma_rounds_once_and_nothing_else_does(a: float, b: float, c: float) -> None:
    assert _fused(a, b, c) == compiled._exact_fma(a, b, c)
    assert _in_two_steps(a, b, c) == a * b + c


def test_one_variant_refuses_other_types() -> None:
    @compiled.one_variant("(f8[::1],)")
    def total(values):  # type: ignore[no-untyped-def]
        return values.sum()

    assert total(np.arange(3.0)) == 3.0
    with pytest.raises(TypeError):
        total(np.arange(6.0)[::2])
    assert len(total.kernel.signatures) == 1  # type: ignore[attr-defined]
