"""Every reader and command, called in the folder of its input; the values it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from . import imports, own_files
from .inputs import ENGINES, network
from .stages import run_stage, shards_in_process


@dataclass(frozen=True)
class Reader:
    """Something that takes files from users."""

    name: str
    kit: str
    """Its good input, see :data:`tests.wild.inputs.KITS`."""
    read: Callable[[], Any]
    """Called in a copy of that folder."""
    gate: Callable[[], Any] | None = None
    """What must refuse where `read` gives other values than those of the good input."""
    also: tuple[str, ...] = ()
    """Other names by which a message may say where."""


def command(*arguments: str) -> Callable[[], None]:
    """A call of the command line, as :func:`phenoprot.cli.main` makes it."""

    def call() -> None:
        from phenoprot.cli import app

        with shards_in_process():
            app(list(arguments), standalone_mode=False)

    return call


def after(call: Callable[[], None], result: Callable[[], Any]) -> Callable[[], Any]:
    """The result of a command."""

    def read() -> Any:
        call()
        return result()

    return read


def relative(table: pd.DataFrame) -> pd.DataFrame:
    """Without the name of the folder that a case works in."""
    here = f"{Path.cwd().resolve()}/"
    return table.map(lambda cell: cell.replace(here, "") if isinstance(cell, str) else cell)


def load_data() -> Any:
    from phenoprot.screens.load_data import read_load_data

    return relative(read_load_data(Path("images.csv")))


def images_of_urls() -> Any:
    from phenoprot.imaging.reader import read_field
    from phenoprot.screens.load_data import read_load_data

    fields = read_load_data(Path("images.csv"))
    return [read_field(row) for row in fields.to_dict("records")]


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Rows by key, columns by name, text as objects, numbers as float64."""
    key = sorted(name for name in table if name.startswith("Metadata_"))
    numbers = table.select_dtypes("number").columns
    table = table.astype(dict.fromkeys(numbers, np.float64))
    return table.sort_values(key, ignore_index=True)[sorted(table)]


def screen_tables() -> Any:
    from phenoprot.screens.loader import load_screen

    screen = load_screen(Path("tiny"))
    return {
        "info": screen.info.model_dump_json(),
        "wells": in_order(screen.wells()),
        "targets": in_order(screen.targets()),
        "proteomics": in_order(screen.proteomics()),
        "cellprofiler": in_order(screen.profile("cellprofiler")),
        "cell_count": in_order(screen.profile("cell_count")),
    }


def published_tables() -> Any:
    from phenoprot.screens.loader import load_screen

    screen = load_screen(Path("pub"))
    return {
        "treatments": in_order(screen.treatments()),
        "labels": in_order(screen.labels()),
        "deep": in_order(screen.profile("deep")),
        "similarity": in_order(screen.profile("similarity")),
    }


def parameters() -> Any:
    from phenoprot.pipeline.params import load_params

    return load_params().model_dump()


def preset() -> Any:
    command("preset", "apply", "poster")()
    return yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8-sig"))


def curve_job() -> Any:
    from phenoprot.curves.readers import read_curvecurator

    job = read_curvecurator(Path("params.toml"))
    return {
        "table": job.table,
        "design": [*job.design.experiments, *job.design.doses, *job.design.controls],
        "settings": job.settings.model_dump(),
        "output": job.curves_file.name,
    }


def wide_table(engine: str) -> Callable[[], Any]:
    def read() -> Any:
        from phenoprot.curves.settings import CurveSettings
        from phenoprot.curves.wide import read_wide

        column = ENGINES[engine][2]
        samples = pd.DataFrame(
            {
                "column": [column.format(place) for place in range(6)],
                "Metadata_Compound": ["DMSO"] + ["X"] * 5,
                "Metadata_Concentration": [0.0, 0.01, 0.1, 1.0, 10.0, 100.0],
                "Metadata_Replicate": "1",
            }
        )
        long = read_wide(Path(f"{engine}.tsv"), engine, samples, CurveSettings())
        # A protein without a gene has the name of its protein: the same row.
        key = ["Metadata_Protein", "Metadata_Concentration"]
        names = {f"P{i:05d}": f"G{i}" for i in range(8)}
        long = long.replace({"Metadata_Protein": names})[[*key, "Value"]]
        return long.sort_values(key, ignore_index=True)

    return read


def imported(source: str) -> Callable[[], Any]:
    def read() -> Any:
        from phenoprot.features.measured import import_cellprofiler

        with shards_in_process():
            return import_cellprofiler(Path(source))

    return read


def masks() -> Any:
    from phenoprot.imaging.segmentation.masks import check_masks, read_masks

    path = Path("masks/P1/A.zip")
    found = read_masks(path)
    check_masks(found, ["P1/A01/1", "P1/A02/1"], path)
    return {name: [pair.nuclei, pair.cells] for name, pair in found.items()}


def own_labels(name: str) -> Callable[[], Any]:
    def read() -> Any:
        from phenoprot.imaging.segmentation.own import read_labels

        return read_labels(name)

    return read


def crop_store() -> Any:
    from phenoprot.imaging.crops.store import CropStore

    store = CropStore.open(Path("crops"))
    return [store.index, store.field_table, store.fields, store.read(np.arange(len(store)))]


def checkpoint() -> Any:
    from phenoprot.features.mae.checkpoint import load_checkpoint

    model, optimiser = network()
    optimiser.momenta.clear()
    state = load_checkpoint(Path("checkpoint.safetensors"), model, optimiser, "ab" * 32)
    momenta = [optimiser.momenta.get(p) for p in model.parameters()]
    momenta = [None if value is None else value.numpy() for value in momenta]
    weights = [value.numpy() for value in model.state_dict().values()]
    return [state.step, state.log, momenta, weights]


def weights(name: str) -> Callable[[], Any]:
    def read() -> Any:
        from phenoprot.weights.checkpoint import load_strictly, read_checkpoint

        model = network()[0]
        load_strictly(model, read_checkpoint(Path(name)), name, "toy", "layer")
        return [value.numpy() for value in model.state_dict().values()]

    return read


def pinned_weights() -> Any:
    from phenoprot.weights.settings import WeightsSettings
    from phenoprot.weights.store import locate

    stated = Path("weights.sha256").read_text()
    return str(locate(WeightsSettings(file="weights.pt", sha256=stated)))


def image() -> Any:
    from phenoprot.imaging.reader import read_image

    return read_image("image.tif")


def corrected_image() -> Any:
    from phenoprot.imaging.reader import corrected, read_illumination, read_image

    read_illumination.cache_clear()
    return corrected(read_image("image.tif"), "illumination.npy")


def tables() -> Any:
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        command("tables", "cpjump1", "--all", "--format", "md")()
    return out.getvalue()


def table_at(path: str) -> Callable[[], Any]:
    return lambda: in_order(pd.read_parquet(path))


def text_at(path: str) -> Callable[[], Any]:
    return lambda: Path(path).read_text(encoding="utf-8")


def files_of(*folders: str) -> Callable[[], Any]:
    """Every file of some folders; tables by their values."""

    def read() -> Any:
        paths = [path for folder in folders for path in sorted(Path(folder).rglob("*"))]
        return {
            path.as_posix(): pd.read_parquet(path)
            if path.suffix == ".parquet"
            else path.read_bytes()
            for path in paths
            if path.is_file()
        }

    return read


def stage(name: str, *results: str) -> Callable[[], Any]:
    return after(lambda: run_stage(name), files_of(*results))


READERS = {
    reader.name: reader
    for reader in (
        Reader("load_data", "load_data", load_data),
        Reader("load_data_urls", "urls", images_of_urls, also=("images",)),
        Reader(
            "screen",
            "screen",
            screen_tables,
            gate=command("screens", "validate", "tiny"),
            also=("wells", "cell", "proteomics", "targets", "screen.yaml"),
        ),
        Reader(
            "published",
            "published_screen",
            published_tables,
            gate=command("screens", "validate", "pub"),
            also=("treatments", "labels", "deep", "screen.yaml"),
        ),
        Reader("show", "screen", command("screens", "show", "tiny")),
        Reader("params", "params", parameters),
        Reader("preset", "params", preset, also=("/dev/zero",)),
        Reader(
            "profiles",
            "well_features",
            after(
                command(
                    "profiles", "features.csv", "--wells", "layout.csv", "--output", "o.parquet"
                ),
                table_at("o.parquet"),
            ),
            also=("features", "layout", "plate P1", "plate P2"),
        ),
        Reader("curves", "curves", curve_job, also=("in.tsv", "params.toml", "curves_file")),
        *(Reader(f"wide_{name}", "wide", wide_table(name)) for name in ENGINES),
        Reader("import_csv", "cellprofiler", imported("cp"), also=("cp",)),
        Reader("import_sqlite", "cellprofiler", imported("cp.sqlite")),
        *(Reader(name, kit, read) for name, (kit, read) in imports.readers().items()),
        *(Reader(name, kit, read) for name, (kit, read) in own_files.readers().items()),
        Reader("masks", "masks", masks),
        Reader("own_labels", "own_masks", own_labels("labels.tif")),
        Reader("own_cellpose", "own_masks", own_labels("cells_seg.npy")),
        Reader("crops", "crops", crop_store, also=("crops",)),
        Reader("checkpoint", "checkpoint", checkpoint),
        Reader("weights_pt", "checkpoint", weights("weights.pt")),
        Reader("weights_safetensors", "checkpoint", weights("weights.safetensors")),
        Reader("weights_pinned", "checkpoint", pinned_weights),
        Reader("image", "illumination", image),
        Reader("illumination", "illumination", corrected_image),
        Reader("tables", "metrics", tables, also=("metrics/cpjump1",)),
        Reader("stage_classify", "project", stage("predict classification", "data/predictions")),
        Reader("stage_regress", "project", stage("predict regression", "data/predictions")),
        Reader("stage_targets", "project", stage("predict targets", "data/predictions")),
        Reader("stage_evaluate", "project", stage("evaluate", "data/scores")),
        Reader("stage_report", "project", stage("report", "metrics", "docs")),
        Reader("stage_check_labels", "project", stage("check_labels", "data/validation")),
        Reader("stage_labels", "project", stage("labels", "data/labels")),
        Reader("stage_profiles", "project", stage("profiles", "data/profiles")),
    )
}
