"""What a training run says while it runs: dvclive's files, progress lines, pictures."""

from __future__ import annotations

import resource
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import torch
from dvclive.live import Live

from phenoprot.core.progress import Progress
from phenoprot.features.mae.checkpoint import Entry


class TrainingLog:
    """Log of one process; those of other ranks than 0 say nothing.

    Parameters
    ----------
    folder
        For dvclive's files: ``metrics.json`` and one TSV per number under ``plots/metrics``. Made
        anew, with the lines of `earlier`: what a killed run logged after its last checkpoint goes.
    title, steps
        For progress lines.
    earlier
        Lines that the checkpoint holds.
    speaks
        False: do nothing.
    """

    def __init__(
        self, folder: Path, title: str, steps: int, earlier: list[Entry], speaks: bool
    ) -> None:
        self.folder, self.title, self.steps = folder, title, steps
        self.earlier, self.speaks = earlier, speaks
        self._stack = ExitStack()

    def __enter__(self) -> TrainingLog:
        if self.speaks:
            done = int(self.earlier[-1]["step"]) if self.earlier else 0
            self.progress = self._stack.enter_context(Progress(self.title, self.steps, done))
            live = Live(dir=str(self.folder), dvcyaml=None, save_dvc_exp=False)
            self.live = self._stack.enter_context(live)
            for entry in self.earlier:
                self._write(entry)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def line(self, entry: Entry, seconds: float) -> None:
        """Log the numbers of a step that took `seconds`."""
        if self.speaks:
            self._write(entry)
            self.progress.done = int(entry["step"]) - 1
            self.progress.step(f"loss {entry['loss']:.4f}", seconds)

    def say(self, text: str) -> None:
        """Write a line for people."""
        if self.speaks:
            sys.stderr.write(f"{self.title}: {text}\n")
            sys.stderr.flush()

    def _write(self, entry: Entry) -> None:
        self.live.step = int(entry["step"])
        for name, value in entry.items():
            if name != "step":
                self.live.log_metric(name, value)
        self.live.make_summary()


def peak_memory(device: torch.device) -> float:
    """Most memory held so far (MiB): of the GPU on one, of the process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10  # KiB on Linux
