"""Contributions of feature groups to the predictions of a screen: in parallel, resumable."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from phenoprot.core.artefacts import REMEDY, read_table
from phenoprot.core.closure import code_fingerprint
from phenoprot.core.device import CPU, choose_device, device_name
from phenoprot.core.errors import quoted
from phenoprot.core.files import atomic_path, file_sha256, fingerprint, require_file
from phenoprot.core.paths import WORK, Paths
from phenoprot.evaluation import contribution_shard
from phenoprot.evaluation.contribution_results import ContributionSettings
from phenoprot.evaluation.contribution_shard import RESULT, TARGETS, RowToExplain, explain
from phenoprot.evaluation.planted_places import planted_places
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.execution.shards import Shard
from phenoprot.screens.contract import COMPOUND, feature_columns
from phenoprot.tasks.classification import DIRECTIONS
from phenoprot.tasks.folds import folds_of_kind, folds_of_repeat, read_folds
from phenoprot.tasks.models import find_model
from phenoprot.tasks.settings import RowSettings, TaskSettings


def write_contributions(
    paths: Paths,
    folder: Path,
    rows: Mapping[str, RowSettings],
    tasks: TaskSettings,
    settings: ContributionSettings,
    execution: ExecutionSettings,
) -> None:
    """Write ``<part>/<row>.json`` (a `ContributionResult`) and ``<part>/<row>.parquet``.

    Of the rows that ask for it (`contributions`), in both directions of the classification.

    Parameters
    ----------
    paths
        Paths of the screen's artefacts: profiles, folds, label matrices of the classification.
    folder
        The screen folder; a simulated one holds the planted truth.
    rows, tasks
        Rows of the screen, and the block ``tasks`` of params.yaml.
    settings
        Draws, seed and least AUC.
    execution
        Where and how many at a time; the results do not depend on it.

    Raises
    ------
    UserError
        A file is missing or damaged; a row's model is none of ours, or its features are none of
        CellProfiler's.
    """
    truth = folder / "truth"
    simulated = (truth / "proteins.parquet").is_file()
    places, shards = [], []
    for part, direction in DIRECTIONS.items():
        labels = paths.predictions(part) / "labels.parquet"
        require_file(labels, REMEDY)
        if not feature_columns(read_table(labels, [COMPOUND])):
            continue
        for name, row in rows.items():
            if not row.contributions:
                continue
            assert row.model is not None  # RowSettings has seen to it
            where = f"params.yaml: model of row {quoted(name)}"
            model = find_model(row.model, tasks, where)
            payload = RowToExplain(
                row=name,
                features=paths.profiles / f"{row.features[0]}.parquet",
                labels=labels,
                folds=paths.folds,
                kind=tasks.splits.kind,
                model=model,
                device=choose_device() if model.on_device else CPU,
                planted=planted_places(truth, direction) if simulated else None,
                settings=settings,
            )
            shards.append(_shard(f"{part} {name}", payload))
            places.append(paths.contributions / part / name)
    paths.contributions.mkdir(parents=True, exist_ok=True)
    title = f"{paths.screen} contributions"
    for made, place in zip(
        run_shards(explain, shards, WORK / "contributions", title, execution), places, strict=True
    ):
        _copy(made / RESULT, place.with_name(f"{place.name}.json"))
        _copy(made / TARGETS, place.with_name(f"{place.name}.parquet"))


def _shard(name: str, payload: RowToExplain) -> Shard:
    """The shard under the hash of all that its result depends on."""
    folds = folds_of_kind(read_folds(payload.folds), payload.kind)
    planted = payload.planted
    key = fingerprint(
        [payload.model.name, payload.model.settings.model_dump(), payload.settings.model_dump()],
        folds_of_repeat(folds, contribution_shard.REPEAT).to_numpy().tolist(),
        [file_sha256(path) for path in (payload.labels, payload.features)],
        device_name(payload.device),
        None if planted is None else {t: sorted(own) for t, own in sorted(planted.items())},
        code_fingerprint(contribution_shard.__name__, type(payload.model).__module__),
    )
    return Shard(name, key, payload)


def _copy(source: Path, place: Path) -> None:
    with atomic_path(place) as temporary:
        shutil.copyfile(source, temporary)
