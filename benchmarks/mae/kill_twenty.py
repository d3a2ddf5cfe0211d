"""Kill a training run twenty times at random moments; the weights must be those of a quiet run.

The network is small, the crops are noise blobs; what is tested is checkpoint, lock and resumption.
"""

from __future__ import annotations

import json
import random
import signal
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

# Works as a module and as a file.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import typer
from safetensors import safe_open
from tests.mae.toy import run_toy

from phenoprot.core import runtime
from phenoprot.features.mae.folder import FILES

CHANGES = {"steps": 1500, "checkpoint_every": 3, "picture_every": 50, "log_every": 5}


def step_of(work: Path) -> int:
    """Steps behind the checkpoint; reading it proves that it is whole."""
    for path in work.glob("*/checkpoint.safetensors"):
        with safe_open(path, framework="pt") as stream:
            for name in stream.keys():  # noqa: SIM118
                stream.get_tensor(name)
            return int(json.loads(stream.metadata()["state"])["step"])
    return 0


def main(
    kills: Annotated[int, typer.Option(help="How often.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the moments.")] = 0,
) -> None:
    """Kill, go on, compare; exit code 1 if a byte differs."""
    runtime.pin()
    context = get_context("forkserver")
    context.set_forkserver_preload(["phenoprot.features.mae.train", "dvclive", "tests.mae.toy"])
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        quiet, killed = Path(name) / "quiet", Path(name) / "killed"
        begin = time.monotonic()
        first = context.Process(target=run_toy, args=(quiet, CHANGES))
        first.start()
        first.join()
        took = time.monotonic() - begin
        done = 0
        while done < kills:
            process = context.Process(target=run_toy, args=(killed, CHANGES))
            process.start()
            # Some before the first step, some while a checkpoint or a picture is written.
            time.sleep(rng.uniform(0, 1.8 * took / kills))
            process.kill()
            process.join()
            if process.exitcode != -signal.SIGKILL:
                break
            done += 1
            print(f"kill {done}: {step_of(killed)} of {CHANGES['steps']} steps kept", flush=True)
        last = context.Process(target=run_toy, args=(killed, CHANGES))
        last.start()
        last.join()
        (one,), (other,) = quiet.glob("*/model"), killed.glob("*/model")
        different = [n for n in FILES if (one / n).read_bytes() != (other / n).read_bytes()]
        print(f"{done} kills; quiet run {took:.0f} s; files that differ: {different or 'none'}")
    sys.exit(bool(different) or done < kills)


if __name__ == "__main__":
    typer.run(main)
