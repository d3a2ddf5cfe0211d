"""Speed and parity of the CellProfiler feature engine against cp_measure 0.3.0.

One run on one field of view, one core: cp_measure's default path, its numba path and ours, with
the same columns; then the CPU time of each group of features, and two workers against one. All
machine code is compiled before the clock starts.
"""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated, Any

# Works as a module and as a file.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


from phenoprot.core import runtime

runtime.pin()  # before numpy is loaded
os.environ["NUMBA_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402 - the pinned settings come first
import typer  # noqa: E402
from benchmarks.features.fields import (  # noqa: E402
    IMAGES,
    Masks,
    find_fields,
    load_field,
    segment,
    synthetic_field,
)
from benchmarks.features.reference import (  # noqa: E402
    accelerator,
    largest_difference,
    measure_reference,
)
from benchmarks.features.timing import cpu_seconds  # noqa: E402

from phenoprot.features.cellprofiler import measure  # noqa: E402
from phenoprot.features.cellprofiler.settings import CellProfilerSettings  # noqa: E402

SETTINGS = CellProfilerSettings()
REPEATS = 5
OURS = {
    "list pixels, sort": ("list_objects", "sort_within"),
    "shape": ("measure_distances", "measure_hulls", "measure_shape"),
    "Zernike": ("measure_zernike",),
    "neighbours": ("measure_touching", "measure_closest"),
    "intensity": ("measure_intensity",),
    "granularity": ("opened_images", "measure_granularity"),
    "radial distribution": ("measure_radial",),
    "texture": ("quantise", "measure_texture"),
    "colocalisation": ("measure_colocalisation",),
}
THEIRS = {
    "shape": ("shape: sizeshape", "shape: feret"),
    "Zernike": ("shape: zernike", "radial Zernikes"),
    "neighbours": ("neighbours",),
    "intensity": ("intensity",),
    "granularity": ("granularity",),
    "radial distribution": ("radial distribution",),
    "texture": ("texture",),
    "colocalisation": tuple(
        f"colocalisation: {name}" for name in ("Pearson", "Manders", "RWC", "overlap")
    ),
}


def profile(field: np.ndarray, masks: Masks) -> dict[str, float]:
    """Seconds of each group of our features: the parts of `measure_field`, timed one by one."""
    spent: dict[str, float] = defaultdict(float)

    def timed(group: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            start = time.perf_counter()
            result = function(*arguments)
            spent[group] += time.perf_counter() - start
            return result

        return call

    originals = {name: getattr(measure, name) for names in OURS.values() for name in names}
    try:
        for group, names in OURS.items():
            for name in names:
                setattr(measure, name, timed(group, originals[name]))
        start = time.perf_counter()
        measure.measure_field(field, masks, SETTINGS)
        total = time.perf_counter() - start
    finally:
        for name, function in originals.items():
            setattr(measure, name, function)
    return {**spent, "the rest": total - sum(spent.values())}


def measure_share(work: tuple[np.ndarray, Masks, int]) -> None:
    """A worker's part of the fields."""
    field, masks, fields = work
    for _ in range(fields):
        measure.measure_field(field, masks, SETTINGS)


def seconds_of_workers(field: np.ndarray, masks: Masks, workers: int, fields: int) -> float:
    """Wall-clock seconds of `fields` fields on `workers` processes that are already started."""
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(measure_share, [(field, masks, 1)] * workers))
        start = time.perf_counter()
        list(pool.map(measure_share, [(field, masks, fields // workers)] * workers))
        return time.perf_counter() - start


def main(
    images: Annotated[Path, typer.Option(help="Folder of TIFF files, one per stain.")] = IMAGES,
    field_number: Annotated[int, typer.Option(help="Which of the folder's fields.")] = 0,
    fields: Annotated[int, typer.Option(help="Fields of the run with workers.")] = 40,
) -> None:
    """Print the tables."""
    found = sorted(find_fields(images).items()) if images.is_dir() else []
    if not found:
        raise typer.BadParameter(f"no complete field of view in {images}", param_hint="--images")
    name, files = found[field_number]
    field = load_field(files)
    masks = segment(field)
    small, small_masks = synthetic_field(0)
    measure.measure_field(small.astype(np.float32), small_masks, SETTINGS)
    if hasattr(os, "sched_setaffinity"):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cores)})
    ours, features = cpu_seconds(lambda: measure.measure_field(field, masks, SETTINGS), REPEATS)
    print(f"field         {name}, {field.shape[1]} x {field.shape[2]} px")
    print(f"cells         {len(features.labels)}")
    print(f"columns       {len(features.names)}")
    print()
    print("path                  s per field   fields/min   ratio   largest relative difference")
    before: dict[str, float] = {}
    rows = []
    for path, kind, seconds in (("cp_measure, default", None, before), ("numba", "numba", None)):
        with accelerator(kind):
            measure_reference(small, small_masks, SETTINGS)
            spent, expected = cpu_seconds(
                lambda seconds=seconds: measure_reference(field, masks, SETTINGS, seconds), 1
            )
        worst, by_feature = largest_difference(features, expected)
        rows.append((path if kind is None else f"cp_measure, {path}", spent, worst))
        if kind is None:
            differing = {k: v for k, v in by_feature.items() if v > 1e-6}
    slowest = rows[0][1]
    for path, spent, worst in rows:
        print(f"{path:20s} {spent:12.3f} {60 / spent:12.1f} {slowest / spent:7.1f} {worst:12.1e}")
    print(f"{'phenoprot':20s} {ours:12.3f} {60 / ours:12.1f} {slowest / ours:7.1f}")
    print()
    print(f"{len(differing)} columns differ from the default path by more than 1e-6:")
    for feature, value in sorted(differing.items(), key=lambda item: -item[1])[:10]:
        print(f"  {value:.1e}  {feature}")
    print()
    profiles = [profile(field, masks) for _ in range(REPEATS)]
    after = {group: min(p[group] for p in profiles) for group in profiles[0]}
    print("CPU seconds           cp_measure      phenoprot   ratio")
    for group, seconds in after.items():
        theirs = sum(before[part] for part in THEIRS.get(group, ()))
        ratio = f"{theirs / seconds:8.0f}" if theirs else ""
        print(f"{group:20s} {theirs:12.3f} {seconds:14.4f} {ratio}")
    print()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    one, two = (seconds_of_workers(field, masks, workers, fields) for workers in (1, 2))
    print(f"one worker    {60 * fields / one:10.0f} fields/min (wall clock)")
    print(f"two workers   {60 * fields / two:10.0f} fields/min, {one / two:.2f} times one")


if __name__ == "__main__":
    typer.run(main)
