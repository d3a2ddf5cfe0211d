"""Feature methods by name: ours, those of another package, and faults of either."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from phenoprot.core.closure import import_closure
from phenoprot.core.errors import UserError
from phenoprot.core.settings import parse_settings
from phenoprot.features.cellprofiler.method import CellProfiler
from phenoprot.features.cellprofiler.settings import CellProfilerSettings
from phenoprot.features.counts import CellCount
from phenoprot.features.method import Artefacts, family_of
from phenoprot.features.registry import describe, find_method, method_names
from phenoprot.features.settings import FeatureSettings
from phenoprot.testing.features import check_feature_method
from phenoprot.weights.manifest import manifest

NAMES = [
    *("cell_count", "cellprofiler", "mae", "mae-untrained", "cloome", "cloome-untrained"),
    *("dino", "dino-untrained", "timm:<model>", "timm:<model>-untrained"),
]
PLUGINS = Path(__file__).parents[1] / "plugins"
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Makes a distribution with entry points importable: install(name, entry="module:object")."""
    monkeypatch.syspath_prepend(str(PLUGINS))
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(distribution: str, **entries: str) -> None:
        folder = tmp_path / f"{distribution}-1.dist-info"
        folder.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1\n"
        (folder / "METADATA").write_text(metadata)
        lines = [f"{name} = {value}" for name, value in entries.items()]
        text = "\n".join(["[phenoprot.features]", *lines])
        (folder / "entry_points.txt").write_text(text)

    yield make
    for name in [name for name in sys.modules if name.split(".")[0] == "toy"]:
        del sys.modules[name]


def test_every_built_in_method_has_the_name_that_it_is_found_by() -> None:
    assert method_names() == NAMES
    for name in NAMES:
        named = name.replace("<model>", "resnet18")
        assert find_method(named, FeatureSettings()).name == named
        assert describe(named) is not None


@pytest.mark.parametrize("name", ["cellprofile", "cloome-trained", "timm", "timm:", "mae:x", ""])
def test_a_name_that_no_method_has(name: str) -> None:
    with pytest.raises(UserError) as error:
        find_method(name, FeatureSettings())
    assert str(error.value).startswith("features: no feature method ")
    assert str(error.value).endswith(f"; there are: {', '.join(NAMES)}. Name one of these.")
    assert describe(name) is None


def test_the_family_of_a_name() -> None:
    names = ["timm:resnet18-untrained", "timm:resnet18", "mae-untrained", "cellprofiler"]
    assert [family_of(name) for name in names] == ["timm", "timm", "mae", "cellprofiler"]


def test_descriptions() -> None:
    for name in NAMES:
        described = describe(name)
        assert described is not None
        texts = (described.title, described.licence, described.note, described.caveat)
        assert described.title
        assert described.licence
        assert not any("\n" in text for text in texts)
        assert bool(described.trained) == name.endswith("-untrained")
        assert described.trained == (name.removesuffix("-untrained") if described.trained else "")
    assert describe("dino").licence == manifest()["dino"].licence
    assert describe("timm:a-untrained").weights == (
        "in params.yaml set `features.deep.timm.a.weights: {file: PATH, sha256: HASH}`"
    )
    assert "`phenoprot weights fetch dino --url URL --sha256 HASH`" in (
        describe("dino-untrained").weights
    )


def test_descriptions_and_settings_need_no_torch() -> None:
    code = (
        "import sys; from phenoprot.features.registry import describe, method_names; "
        "[describe(name) for name in method_names()]; "
        "print({'torch', 'numba', 'timm'} & {*sys.modules})"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout == "set()\n"


def test_the_methods_that_need_no_other_stage_keep_the_contract() -> None:
    check_feature_method(CellCount())
    settings = CellProfilerSettings(texture_scales=(3,), granularity_length=2)
    other = CellProfilerSettings(texture_scales=(3,), granularity_length=3)
    check_feature_method(CellProfiler(settings), others=[CellProfiler(other)], size=48)


def test_a_method_of_another_package(install: Install) -> None:
    install("toy", toy_light="toy.features:FAMILY")
    assert method_names() == [*NAMES, "toy_light"]
    settings = FeatureSettings(others={"toy_light": {"statistic": "max"}})
    mean, largest = (find_method("toy_light", s) for s in (FeatureSettings(), settings))
    check_feature_method(mean, others=[largest])
    assert describe("toy_light").title == "the light of each stain"
    wrong = FeatureSettings(others={"toy_light": {"statistics": "max"}})
    with pytest.raises(UserError, match=r"features\.others\.toy_light: .*'statistics'"):
        find_method("toy_light", wrong)


def test_settings_of_a_method_that_is_not_there(install: Install) -> None:
    settings = FeatureSettings(others={"toy_lihgt": {}, "cellprofiler": {}})
    with pytest.raises(UserError) as error:
        find_method("cellprofiler", settings)
    assert str(error.value) == (
        "params.yaml: features.others: settings of 2 feature method(s) that no installed package "
        "has: cellprofiler, toy_lihgt. Install the package, or remove the block."
    )
    install("toy", toy_light="toy.features:FAMILY")
    assert find_method("cellprofiler", FeatureSettings(others={"toy_light": {}}))
    with pytest.raises(UserError, match="unknown key 'other'"):
        parse_settings(FeatureSettings, {"other": {}}, "params.yaml: features")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("toy.nothing:FAMILY", "cannot be imported: ModuleNotFoundError: No module named"),
        ("toy.features:FAMILIE", "cannot be imported: AttributeError"),
        ("toy.features:Light", "is a type, expected a Family"),
        ("toy.features:FAMILY", "has 1 method(s) of other names than its own: toy_light"),
    ],
)
def test_a_broken_package_is_named(install: Install, entry: str, message: str) -> None:
    install("toy-methods", lamp=entry)
    with pytest.raises(UserError) as error:
        find_method("lamp", FeatureSettings())
    for part in (message, "toy-methods", "lamp", entry, "phenoprot.features"):
        assert part in str(error.value)
    # What does not ask for it is not disturbed.
    assert find_method("cellprofiler", FeatureSettings(), Artefacts()).name == "cellprofiler"


@pytest.mark.parametrize("entry", ["cellprofiler", "lamp"])
def test_names_that_are_taken(install: Install, entry: str) -> None:
    install("one", **{entry: "toy.features:FAMILY"})
    install("two", **({entry: "toy.features:FAMILY"} if entry == "lamp" else {}))
    with pytest.raises(UserError) as error:
        find_method("mae", FeatureSettings())
    for part in (entry, "one", "two" if entry == "lamp" else "phenoprot"):
        assert part in str(error.value)


WORKERS = [
    *("phenoprot.features.compute", "phenoprot.imaging.crops.compute"),
    *("phenoprot.imaging.segmentation.compute", "phenoprot.imaging.inspection"),
    *("phenoprot.features.mae.loop", "phenoprot.features.mae.finish"),
    *("phenoprot.features.mae.method", "phenoprot.features.cellprofiler.method"),
    *("phenoprot.features.networks.cloome_method", "phenoprot.imaging.segmentation.classical"),
]


@pytest.mark.parametrize("module", WORKERS)
def test_the_key_of_a_shard_holds_no_code_that_computes_nothing(module: str) -> None:
    found = set(import_closure(module).modules)
    parts = ("execution", "pipeline", "report", "validation", "evaluation", "tasks", "phantom")
    strange = [
        name
        for name in found
        if name.startswith(tuple(f"phenoprot.{part}" for part in parts))
        or name in {"phenoprot.screens.loader", "phenoprot.features.registry", "phenoprot.cli"}
    ]
    assert not strange
    assert module in found


def test_the_key_of_one_method_holds_no_other() -> None:
    cloome = set(import_closure("phenoprot.features.networks.cloome_method").modules)
    assert "phenoprot.features.networks.cloome" in cloome
    assert not any("dino" in name or "cellprofiler" in name or ".mae" in name for name in cloome)
    classical = import_closure("phenoprot.imaging.segmentation.classical")
    assert not {"torch", "cellpose"} & classical.libraries
    # A further line in the list of published weights concerns no method without weights.
    assert "phenoprot.weights.manifest" not in classical.modules
