"""The import closure of modules and scripts, and the fingerprint of code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from phenoprot.core import closure
from phenoprot.core.closure import INERT, code_fingerprint, import_closure

SOURCES = {
    "toy/__init__.py": "",
    "toy/leaf.py": "VALUE = 1\n",
    "toy/middle.py": "def f():\n    from toy.leaf import VALUE\n    return VALUE\n",
    "toy/deep/__init__.py": "from toy import leaf\n",
    "toy/deep/inner.py": "import numpy as np\nfrom ..middle import f\n",
    "toy/typed.py": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from toy.leaf import VALUE\n"
    ),
    "toy/lazy.py": 'METHODS = {"one": "toy.deep.inner:f", "two": "toy.absent:f"}\n',
    "toy/started.py": 'COMMAND = ["-m", "toy.leaf"]\n',
    "toy/data.py": 'TABLE = "table.yaml"\n',
    "toy/table.yaml": "a: 1\n",
    "toy/apart.py": "import pandas\n",
    "alone.py": "import toy.leaf\n",
    "script.py": (
        "def work():\n    import toy.middle\n"
        'if __name__ == "__main__":\n    from toy.apart import anything\n'
    ),
}


@pytest.fixture(autouse=True)
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package on the path; forgotten afterwards."""
    for name, text in SOURCES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy"]:
        monkeypatch.delitem(sys.modules, name)  # the package of tests/plugins
    forget()
    yield tmp_path
    forget()
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy"]:
        del sys.modules[name]


def forget() -> None:
    for cached in (closure._file_of, closure._root_of, closure._parsed, code_fingerprint):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("start", "modules", "libraries"),
    [
        ("toy.leaf", {"toy", "toy.leaf"}, set()),
        ("toy.middle", {"toy", "toy.middle", "toy.leaf"}, set()),
        (
            "toy.deep.inner",
            {"toy", "toy.deep", "toy.deep.inner", "toy.middle", "toy.leaf"},
            {"numpy"},
        ),
        ("toy.typed", {"toy", "toy.typed"}, set()),
        (
            "toy.lazy",
            {"toy", "toy.lazy", "toy.deep", "toy.deep.inner", "toy.middle", "toy.leaf"},
            {"numpy"},
        ),
        ("toy.started", {"toy", "toy.started", "toy.leaf"}, set()),
        ("toy.data", {"toy", "toy.data", "table.yaml"}, set()),
        ("alone", {"alone"}, {"toy"}),
    ],
)
def test_what_a_module_depends_on(
    start: str, modules: set[str], libraries: set[str], toy: Path
) -> None:
    found = import_closure(start)
    names = {name.removeprefix(f"{toy.as_posix()}/toy/") for name in found.modules}
    assert names == modules
    assert found.libraries == libraries


def test_of_a_script_what_starts_it_does_not_count(toy: Path) -> None:
    found = import_closure("toy", toy / "script.py")
    assert {"toy.middle", "toy.leaf"} < found.modules.keys()
    assert "toy.apart" not in found.modules
    assert "pandas" not in found.libraries


def test_an_unknown_module_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"toy\.absent"):
        import_closure("toy.absent")


@pytest.mark.parametrize(
    ("edited", "changes"),
    [
        ("toy/leaf.py", True),
        ("toy/deep/__init__.py", True),
        ("toy/deep/inner.py", True),
        ("toy/apart.py", False),
        ("toy/typed.py", False),
    ],
)
def test_the_fingerprint_follows_the_closure(edited: str, changes: bool, toy: Path) -> None:
    before = code_fingerprint("toy.deep.inner")
    with (toy / edited).open("a") as stream:
        stream.write("# another line\n")
    forget()
    assert (code_fingerprint("toy.deep.inner") != before) == changes


def test_versions_of_libraries_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before, leaf = code_fingerprint("toy.deep.inner"), code_fingerprint("toy.leaf")
    plain = closure._version
    with monkeypatch.context() as patch:
        patch.setattr(closure, "_version", lambda name: plain(name) + "+1")
        forget()
        assert code_fingerprint("toy.deep.inner") != before
        assert code_fingerprint("toy.leaf") == leaf  # imports none


def test_messages_do_not_count_in_the_keys_of_shards() -> None:
    for name in INERT - {"phenoprot.core.closure"}:  # this one makes the keys
        inner = import_closure(name).modules.keys()
        own = {m for m in inner if m.count(".") == 2} - INERT
        assert own <= {"phenoprot.core.runtime"}, f"{name} imports what may decide a result"


def test_the_whole_package_has_no_import_circle() -> None:
    """Modules that import each other in a loop cannot be understood, or moved, one by one."""
    root = Path(closure.__file__).parents[1]
    names = {
        ".".join(path.relative_to(root.parent).with_suffix("").parts): path
        for path in root.rglob("*.py")
        if path.name != "__init__.py"
    }
    graph = {
        name: set(closure._parsed(name, path, frozenset({"phenoprot"})).modules) & names.keys()
        for name, path in names.items()
    }
    while leaves := [name for name, below in graph.items() if not below & graph.keys()]:
        for name in leaves:
            del graph[name]
    assert not graph, f"modules in a loop: {sorted(graph)}"


ORDER = (
    *("core", "execution", "screens", "imports", "phantom", "validation", "weights", "imaging"),
    *("features", "wells", "curves", "readout", "tasks", "evaluation", "submissions", "report"),
    *("page", "pipeline", "costs", "revisions", "testing", "cli"),
)
"""Packages as CONTRIBUTING.md lists them: each imports only those before it."""


def test_packages_import_only_what_stands_before_them() -> None:
    root = Path(closure.__file__).parents[1]
    found = set()
    for path in root.rglob("*.py"):
        parts = ("phenoprot", *path.relative_to(root).with_suffix("").parts)
        if len(parts) > 1 and parts[1] in ORDER:
            source = closure._parsed(".".join(parts), path, frozenset({"phenoprot"}))
            tops = {name.split(".")[1] for name in source.modules if "." in name}
            found |= {(parts[1], top) for top in tops if top in ORDER}
    backwards = [pair for pair in found if ORDER.index(pair[1]) > ORDER.index(pair[0])]
    assert not backwards
    assert {package for pair in found for package in pair} >= set(ORDER) - {"cli", "testing"}
