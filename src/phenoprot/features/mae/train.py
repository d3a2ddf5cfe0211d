"""Training of the masked autoencoder: start it, resume it, or find it done.

The work folder of a run is keyed by all that its weights depend on. A run that was killed goes on
from its last checkpoint; one with another parameter, other data, other code or another device
starts at step 0 in a folder of its own.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Literal

from phenoprot.core.closure import code_fingerprint
from phenoprot.core.device import CPU, choose_device, device_name
from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import fingerprint
from phenoprot.execution.lock import work_lock
from phenoprot.execution.shards import Shard, complete, fault, produce, remove
from phenoprot.features.mae import finish, loop
from phenoprot.features.mae.alone import Alone, Processes
from phenoprot.features.mae.loop import Trained, deterministic, run
from phenoprot.features.mae.settings import MAESettings, TrainingSettings
from phenoprot.features.mae.standardise import Crops, Standardisation


def train(
    crops: Crops,
    standardisation: Standardisation,
    settings: MAESettings,
    work: Path,
    data: str,
    title: str = "mae",
) -> Path:
    """Train a masked autoencoder, or go on, or find it trained.

    Parameters
    ----------
    crops
        Crops of cells.
    standardisation
        Mean and sd of their channels.
    settings
        Network, objective, training.
    work
        Work folder of such runs.
    data
        Fingerprint of the crops: other crops, another fingerprint.
    title
        For progress lines.

    Returns
    -------
    Path
        Folder of the finished model, see :mod:`phenoprot.features.mae.folder`.

    Raises
    ------
    UserError
        The crops do not fit the settings, the number of processes is not `devices`, or the loss is
        not finite (the last checkpoint is kept).
    SystemExit
        SIGTERM or SIGINT came; a checkpoint was written.
    """
    check_crops(crops, standardisation, settings)
    key = run_fingerprint(standardisation, settings, data)
    folder = work.absolute() / key[:16]
    model_folder = folder / "model"
    # One process finds what several have trained: `dvc repro` after `torchrun`.
    if processes() == 1 and complete(model_folder, key):
        return model_folder
    with deterministic():
        fabric = start(settings.training)
        with work_lock(folder, title) if fabric.global_rank == 0 else nullcontext():
            fabric.barrier()
            if not finished(model_folder, key):
                trained = run(crops, standardisation, settings, folder, key, title, fabric)
                if fabric.global_rank == 0:
                    seal(model_folder, trained, crops, standardisation, settings, key)
            fabric.barrier()
    return model_folder


def finished(folder: Path, key: str) -> bool:
    """Whether `folder` holds the whole model of a run; a damaged one is removed."""
    if not folder.exists():
        return False
    if fault(folder, key) is None:
        return True
    remove(folder)
    return False


def seal(
    folder: Path,
    trained: Trained,
    crops: Crops,
    standardisation: Standardisation,
    settings: MAESettings,
    key: str,
) -> None:
    """Write the folder of the finished model, which appears whole.

    Parameters
    ----------
    folder
        To be made.
    trained, crops, standardisation, settings
        What was trained, on what, and how.
    key
        Fingerprint of the run.
    """

    def write(_: None, target: Path) -> None:
        model, log = trained
        finish.write_model(target, model, crops, standardisation, settings, log, key)

    produce(write, Shard("model", key, None), folder)


def start(settings: TrainingSettings) -> Processes:
    """Join the processes that ``torchrun`` started, or be the only one.

    Raises
    ------
    UserError
        There are not `devices` of them.
    """
    world, local = processes(), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if world != settings.devices:
        raise UserError(
            f"devices is {settings.devices}, but {world} process{'es' * (world > 1)} started",
            where="params.yaml: mae.training",
            remedy="Set devices, or start as many: "
            f"torchrun --nproc-per-node {settings.devices} stages/mae.py SCREEN.",
        )
    accelerator, precision = placement(settings)
    if (world, accelerator, precision) == (1, "cpu", "32-true"):
        return Alone()
    from lightning.fabric import Fabric

    fabric = Fabric(
        accelerator=accelerator,
        strategy="ddp" if world > 1 else "auto",
        devices=local,
        num_nodes=world // local,
        precision=precision,
    )
    fabric.launch()
    return fabric


def processes() -> int:
    """Processes that ``torchrun`` started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def placement(settings: TrainingSettings) -> tuple[str, Literal["bf16-mixed", "32-true"]]:
    """Kind of device and precision, by their names in Fabric."""
    gpu = choose_device() != CPU
    half = settings.precision == "bfloat16" or (settings.precision == "auto" and gpu)
    return "cuda" if gpu else "cpu", "bf16-mixed" if half else "32-true"


def run_fingerprint(standardisation: Standardisation, settings: MAESettings, data: str) -> str:
    """Hash of all that the weights depend on."""
    return fingerprint(
        data,
        standardisation.model_dump(),
        settings.model_dump(),
        code_fingerprint(loop.__name__, finish.__name__),
        placement(settings.training),
        device_name(),
    )


def check_crops(crops: Crops, standardisation: Standardisation, settings: MAESettings) -> None:
    """Refuse crops that the network was not made for.

    Raises
    ------
    UserError
        Fewer than two fields, a field without a crop, another size or number of channels.
    """
    fields = crops.fields
    if len(fields) < 2:
        raise UserError(
            f"{len(fields)} fields with crops; training and held-out fields need at least 2",
            where="crops",
            remedy="Bring more images, or check the segmentation.",
        )
    if empty := [number for number, field in enumerate(fields) if not len(field)]:
        raise UserError(f"{len(empty)} fields hold no crop: {listed(empty)}", where="crops")
    m = settings.model
    shape = crops.read(fields[0][:1]).shape[1:]
    if shape != (m.channels, m.image_size, m.image_size):
        raise UserError(
            f"crops are of {shape[0]} channels and {shape[1]} x {shape[2]} px, the network of "
            f"{m.channels} channels and {m.image_size} px",
            where="params.yaml: mae.model",
            remedy="Set channels and image_size to those of the crops.",
        )
    if len(standardisation.stains) != m.channels:
        raise UserError(
            f"statistics of {len(standardisation.stains)} channels for a network of {m.channels}",
            where="standardisation",
        )
