"""Read files of weights without running code from them, and load them strictly."""

from __future__ import annotations

import argparse
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phenoprot.core.errors import UserError, as_user_error, listed, quoted, shortened
from phenoprot.core.files import require_file

if TYPE_CHECKING:
    from torch import Tensor, nn

_ZIP, _PICKLE = b"PK", b"\x80"
_SAFETENSORS = ".safetensors"
_AGAIN = "Remove it and fetch it again."


def read_checkpoint(path: Path) -> Any:
    """Read a PyTorch or safetensors file into main memory.

    Only tensors and plain containers are read; ``argparse.Namespace``, in which DINO keeps its
    command line, is the one class let through besides (it holds values and runs nothing).

    Parameters
    ----------
    path
        A file of ``torch.save``, in either of its formats, or of safetensors: told by its first
        bytes, whatever it is called.

    Raises
    ------
    UserError
        The file is missing, empty, truncated, a web page, no such file at all, or a pickle that
        would run code.
    """
    kind = _kind(path)
    # Damage reaches the readers of torch, safetensors and zipfile as errors of any type
    # (AssertionError, IndexError, struct.error, ...): whatever they raise is the file's.
    try:
        if kind == "safetensors":
            return _read_safetensors(path)
        if kind == "zip":
            _check_not_a_program(path)
        import torch

        with (
            torch.serialization.safe_globals([argparse.Namespace]),
            # Of other pickle protocols: what cannot be read is an error, the rest is read right.
            warnings.catch_warnings(action="ignore", category=UserWarning),
        ):
            if path.suffix == _SAFETENSORS:  # which torch goes by; not so for a stream
                with path.open("rb") as stream:
                    return torch.load(stream, map_location="cpu", weights_only=True)
            # Of a training checkpoint only the weights are touched: the rest stays on disk.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=kind == "zip")
    except UserError:
        raise
    except pickle.UnpicklingError as error:
        raise _refused(path, str(error)) from None
    except Exception as error:
        if isinstance(error, MemoryError | OSError) and (plain := as_user_error(error)):
            raise plain from None
        raise _damaged(path, _one_line(error)) from None


def _kind(path: Path) -> str:
    require_file(path)
    with path.open("rb") as stream:
        head = stream.read(512)
    if not head:
        raise UserError("the file is empty", where=str(path), remedy=_AGAIN)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise UserError(
            "a web page, no weights: the server answered with an error or a login",
            where=str(path),
            remedy="Remove it and download the file itself, not the page about it.",
        )
    if head.startswith(b"version https://git-lfs"):
        raise UserError(
            "a Git LFS pointer, no weights", where=str(path), remedy="Run `git lfs pull` there."
        )
    # The length of safetensors' header, and the header; the length may begin like a pickle.
    length = int.from_bytes(head[:8], "little")
    named = path.suffix == _SAFETENSORS
    if head[8:9] == b"{" and (named or 8 + length <= path.stat().st_size):
        return "safetensors"
    if head.startswith(_ZIP):
        return "zip"
    if head.startswith(_PICKLE):
        return "pickle"
    if named:
        return "safetensors"
    raise UserError(
        f"neither a PyTorch file nor safetensors (it begins with {head[:8]!r})",
        where=str(path),
        remedy="Give a file of torch.save or of safetensors.",
    )


def _check_not_a_program(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        raise _damaged(path, f"the file ends early, after {path.stat().st_size} bytes")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith("/constants.pkl") for name in names):
        raise UserError(
            "a TorchScript program, expected weights alone",
            where=str(path),
            remedy="Save its state_dict with torch.save.",
        )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return dict(load_file(path))


def _one_line(error: Exception) -> str:
    # torch's advice about its own bugs follows its first sentence.
    reason = shortened((str(error).splitlines() or [""])[0].split(". ")[0], 150)
    return reason or type(error).__name__


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(f"damaged or truncated: {reason}", where=str(path), remedy=_AGAIN)


def _refused(path: Path, reason: str) -> UserError:
    found = re.search(r"unsupported (?:global: )?(?:GLOBAL (\S+))?", reason, re.IGNORECASE)
    if found is None:
        return _damaged(path, "the pickled part cannot be read")
    what = f" ({shortened(found[1], 80)})" if found[1] else ""
    return UserError(
        f"holds more than tensors{what}, which can run code when it is read; refused",
        where=str(path),
        remedy="If you trust its source, save its state_dict alone, where you made it: "
        "torch.save(model.state_dict(), ...).",
    )


def tensors_under(
    checkpoint: Any,
    where: str,
    *,
    key: str | None = None,
    prefixes: Iterable[str] = (),
) -> dict[str, Tensor]:
    """Take the state dictionary out of a checkpoint.

    Parameters
    ----------
    checkpoint
        What `read_checkpoint` returned: the state dictionary itself, or a mapping that has it
        under `key` beside optimiser, epoch and the like.
    where
        The file, for messages.
    key
        Where the state dictionary is kept.
    prefixes
        Wrappers to strip from the names, outermost first, e.g. ``module.`` of data-parallel
        training; each must be on all names or on none.

    Raises
    ------
    UserError
        There are no tensors, or a prefix stands on some names only.
    """
    inner = checkpoint
    if key is not None and isinstance(checkpoint, Mapping) and key in checkpoint:
        inner = checkpoint[key]
    tensors = _tensors(inner)
    if wrong := [name for name, value in tensors.items() if _kind_of(value)]:
        kinds = [f"{quoted(name)} is {_kind_of(tensors[name])}" for name in wrong]
        raise UserError(
            f"{len(wrong)} tensors are no plain numbers: {listed(kinds, 3)}",
            where=where,
            remedy="Save the weights as dense tensors of real numbers.",
        )
    if not tensors:
        held = listed(list(checkpoint)) if isinstance(checkpoint, Mapping) else type(inner).__name__
        raise UserError(
            f"no weights{f' under {key!r}' if key else ''}; the file holds: {held or 'nothing'}",
            where=where,
            remedy="Give the checkpoint of the right model.",
        )
    for prefix in prefixes:
        wrapped = [name for name in tensors if name.startswith(prefix)]
        if wrapped and len(wrapped) < len(tensors):
            bare = [name for name in tensors if not name.startswith(prefix)]
            raise UserError(
                f"{len(wrapped)} names begin with '{prefix}', {len(bare)} do not: {listed(bare)}",
                where=where,
                remedy="Give the checkpoint of the right model.",
            )
        tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return tensors


def _kind_of(tensor: Tensor) -> str | None:
    """What a tensor is, if its numbers cannot be taken as they are."""
    import torch

    if tensor.layout != torch.strided:
        return "sparse"
    if tensor.is_quantized or tensor.is_complex():
        return "quantised" if tensor.is_quantized else "complex"
    return "without values" if tensor.is_meta else None


def _tensors(content: Any) -> dict[str, Tensor]:
    """The content, if it is a mapping of names to tensors; else nothing."""
    import torch

    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in content.items()
    ):
        return {}
    return dict(content)


def load_strictly(
    network: nn.Module, tensors: Mapping[str, Tensor], where: str, what: str, first: str
) -> None:
    """Load weights into a network: all of them, and nothing else.

    Parameters
    ----------
    network
        Gets the weights, converted to its own precision; may lie on the meta device.
    tensors
        State dictionary.
    where
        The file, for messages.
    what
        What the network is, e.g. ``"the image tower of CLOOME"``.
    first
        Name of the weight of the first layer, whose axis 1 runs over the input channels.

    Raises
    ------
    UserError
        Tensors are missing, not expected, of another shape, or not finite. The message counts and
        names them; another number of channels is said as such.
    """
    own = network.state_dict()
    missing = [name for name in own if name not in tensors]
    unexpected = [name for name in tensors if name not in own]
    shared = [name for name in own if name in tensors]
    reshaped = [name for name in shared if own[name].shape != tensors[name].shape]
    if reshaped == [first] and not missing and not unexpected:
        raise UserError(
            f"takes {tensors[first].shape[1]} input channels, expected {own[first].shape[1]}",
            where=where,
            remedy=f"Give weights of {what} that were trained on as many stains.",
        )
    whole_numbers = [
        name
        for name in shared
        if own[name].is_floating_point() and not tensors[name].is_floating_point()
    ]
    faults = []
    if whole_numbers:
        kinds = [f"{name} {tensors[name].dtype}" for name in whole_numbers]
        faults.append(f"{len(kinds)} hold whole numbers ({listed(kinds, 3)})")
    if missing:
        faults.append(f"{len(missing)} tensors are missing ({listed(missing, 3)})")
    if unexpected:
        faults.append(f"{len(unexpected)} are not expected ({listed(unexpected, 3)})")
    if reshaped:
        shapes = [
            f"{name} {tuple(tensors[name].shape)}, expected {tuple(own[name].shape)}"
            for name in reshaped
        ]
        faults.append(f"{len(reshaped)} have another shape ({listed(shapes, 3)})")
    if faults:
        raise UserError(
            f"no weights of {what}: {'; '.join(faults)}",
            where=where,
            remedy="Give the checkpoint of the right model.",
        )
    broken = [name for name in shared if not bool(tensors[name].isfinite().all())]
    if broken:
        raise UserError(
            f"{len(broken)} tensors hold NaN or infinity: {listed(broken, 3)}",
            where=where,
            remedy="The training diverged, or the file is damaged: give another one.",
        )
    # Assigned, so that the network may lie on the meta device; copied, so that no tensor is left
    # lying in the file.
    whole = {name: tensors[name].to(own[name].dtype, copy=True) for name in own}
    network.load_state_dict(whole, strict=True, assign=True)
