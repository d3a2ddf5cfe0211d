"""One choice of the device that networks run on, and its name for fingerprints."""

from __future__ import annotations

from phenoprot.core.errors import UserError

CPU = "cpu"


def choose_device(rank: int = 0) -> str:
    """Name the torch device of a process: ``cuda:<rank>`` if there is one, else ``cpu``.

    Parameters
    ----------
    rank
        Number of the process among those of this machine.
    """
    import torch

    if not torch.cuda.is_available():
        return CPU
    return f"cuda:{rank % torch.cuda.device_count()}"


def device_name(device: str | None = None) -> str:
    """Name the hardware behind a torch device: results of one are not those of another.

    Parameters
    ----------
    device
        ``cpu``, ``cuda`` or ``cuda:<number>``; None: as :func:`choose_device` has it.

    Returns
    -------
    str
        ``cpu``, or the model of the GPU, e.g. ``NVIDIA H100 80GB HBM3``.
    """
    device = choose_device() if device is None else device
    if device == CPU:
        return CPU
    import torch

    return str(torch.cuda.get_device_name(device))


def require_device(planned: str) -> str:
    """Choose the device of a worker process; it must be the one that the result is kept under.

    Parameters
    ----------
    planned
        Name of the device, as :func:`device_name` gave it where the work was planned.

    Returns
    -------
    str
        The torch device.

    Raises
    ------
    UserError
        This process has another device, e.g. a worker of a cluster without a GPU.
    """
    device = choose_device()
    found = device_name(device)
    if found != planned:
        raise UserError(
            f"the work was planned for {planned}, a worker process has {found}",
            where="device",
            remedy="Use workers with the device of the machine that starts the run; with "
            "CUDA_VISIBLE_DEVICES= all compute on the CPU.",
        )
    return device
