"""Shards through real worker processes: resumed, repaired, the same bytes whatever the workers."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from phenoprot.core.errors import UserError
from phenoprot.execution import run
from phenoprot.execution.attempt import ShardFailed
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.execution.shards import complete

from .computations import Payload, compute, computed, contents, shards

ONE = ExecutionSettings(workers=1)
TWO = ExecutionSettings(workers=2)
RAY = ExecutionSettings(executor="ray", workers=2)
ALL_ONCE = {"P1/A": 1, "P1/B": 1, "P1/C": 1, "P2/A": 1}


def test_folders_in_the_order_of_shards(
    work: Path, counts: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    some = shards(counts)[::-1]
    folders = run_shards(compute, some, work, "toy", TWO)
    assert [f.relative_to(work).as_posix() for f in folders] == [
        f"{'ab' * 8}/{name}" for name in ("P2~A", "P1~C", "P1~B", "P1~A")
    ]
    assert sorted(p.name for p in folders[0].iterdir()) == ["parts", "shard.json", "table.npy"]
    assert all(complete(folder, "ab" * 32) for folder in folders)
    lines = capfd.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ["1/4", "2/4", "3/4", "4/4"]
    # one thread, pinned, from the start of the process
    environment = (folders[0] / "parts" / "environment.txt").read_text().split()
    assert environment == [
        "OMP_NUM_THREADS=1",
        "NUMBA_NUM_THREADS=1",
        "OPENBLAS_CORETYPE=Haswell",
        "PYTHONHASHSEED=0",
    ]


def test_the_environment_of_the_caller_stays(
    work: Path, counts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    run_shards(compute, shards(counts, "P1/A"), work, "toy", ONE)
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "NUMBA_NUM_THREADS" not in os.environ


@pytest.mark.usefixtures("here")
def test_a_second_run_computes_nothing(work: Path, counts: Path) -> None:
    first = run_shards(compute, shards(counts), work, "toy", TWO)
    before = contents(work)
    assert run_shards(compute, shards(counts), work, "toy", ONE) == first
    assert computed(counts) == ALL_ONCE
    assert contents(work) == before


def test_bytes_do_not_depend_on_the_number_of_workers(tmp_path: Path, counts: Path) -> None:
    for workers in (1, 2):
        settings = ExecutionSettings(workers=workers)
        run_shards(compute, shards(counts), tmp_path / str(workers), "toy", settings)
    assert len(contents(tmp_path / "1")) == 12
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def truncated(folder: Path) -> str:
    path = folder / "table.npy"
    size = path.stat().st_size
    os.truncate(path, size // 2)
    return f"table.npy has {size // 2} bytes, not {size}"


def corrupt(folder: Path) -> str:
    path = folder / "table.npy"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return "table.npy is corrupt: its SHA-256 has changed"


def deleted(folder: Path) -> str:
    (folder / "parts" / "environment.txt").unlink()
    return "parts/environment.txt is missing"


def unsealed(folder: Path) -> str:
    (folder / "shard.json").unlink()
    return "shard.json is missing"


def scribbled(folder: Path) -> str:
    (folder / "shard.json").write_text('{"name": ')
    return "shard.json is damaged"


def foreign(folder: Path) -> str:
    manifest = json.loads((folder / "shard.json").read_text())
    (folder / "shard.json").write_text(json.dumps(manifest | {"fingerprint": "cd" * 32}))
    return "its fingerprint is cdcdcdcdcdcd, not abababababab"


def strange(folder: Path) -> str:
    (folder / "more.parquet").touch()
    return "more.parquet does not belong to it"


@pytest.mark.usefixtures("here")
def test_damaged_shards_are_computed_again(
    work: Path, counts: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    damages = [truncated, corrupt, deleted, unsealed, scribbled, foreign, strange]
    names = [f"P1/{damage.__name__}" for damage in damages]
    some = shards(counts, " ".join([*names, "P2/A"]))
    folders = run_shards(compute, some, work, "toy", TWO)
    before = contents(work)
    reasons = [damage(folder) for damage, folder in zip(damages, folders[:-1], strict=True)]
    # what a killed worker leaves
    (folders[0].parent / ".P1~A.0123.partial").mkdir()
    capfd.readouterr()
    run_shards(compute, some, work, "toy", TWO)
    assert computed(counts) == dict.fromkeys(names, 2) | {"P2/A": 1}
    assert contents(work) == before
    assert not list(work.rglob("*.partial"))
    said = capfd.readouterr().err.splitlines()
    assert said[: len(names) + 1] == [
        *(
            f"toy: shard {name} is computed again: in {folder}, {reason}"
            for name, folder, reason in zip(names, folders, reasons, strict=False)
        ),
        "toy: 1 of 8 done earlier",
    ]


@pytest.mark.usefixtures("here")
def test_fingerprints_live_side_by_side(work: Path, counts: Path) -> None:
    one = run_shards(compute, shards(counts, "P1/A"), work, "toy", ONE)
    two = run_shards(compute, shards(counts, "P1/A", "cd" * 32), work, "toy", ONE)
    assert one != two
    assert computed(counts) == {"P1/A": 2}
    assert run_shards(compute, shards(counts, "P1/A"), work, "toy", ONE) == one
    assert computed(counts) == {"P1/A": 2}


@pytest.mark.usefixtures("here")
def test_one_shard_more_costs_one(work: Path, counts: Path) -> None:
    run_shards(compute, shards(counts, "P1/A P1/C"), work, "toy", ONE)
    run_shards(compute, shards(counts, "P1/A P1/B P1/C"), work, "toy", ONE)
    assert computed(counts) == {"P1/A": 1, "P1/B": 1, "P1/C": 1}


def test_a_users_mistake_names_its_shard(
    work: Path, counts: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError) as error:
        run_shards(compute, shards(counts, P1B="user"), work, "toy", ONE)
    assert str(error.value) == (
        "toy, shard P1/B: images.csv: 2 files are missing. Fetch them with dvc pull."
    )
    assert "toy: shard P1/B failed; no more are started\n" in capfd.readouterr().err
    # no more were started, the finished one is kept, the failed one left nothing
    assert computed(counts) == {"P1/A": 1, "P1/B": 1}
    assert [p.name for p in (work / ("ab" * 8)).iterdir()] == ["P1~A"]
    run_shards(compute, shards(counts), work, "toy", ONE)
    assert computed(counts) == ALL_ONCE | {"P1/B": 2}


def test_what_runs_beside_a_failure_is_finished(
    work: Path, counts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # B is at work until A has been found to fail
    monkeypatch.setattr(run, "_say", lambda *_: (counts.parent / "go").touch())
    with pytest.raises(UserError, match="shard P1/A"):
        run_shards(compute, shards(counts, P1A="user", P1B="waits"), work, "toy", TWO)
    assert computed(counts) == {"P1/A": 1, "P1/B": 1}
    assert complete(work / ("ab" * 8) / "P1~B", "ab" * 32)


@pytest.mark.parametrize(
    ("fate", "said"),
    [
        ("full", "toy, shard P1/A: No space left on device. Free space"),
        ("memory", "toy, shard P1/A: out of memory. Free memory, or use fewer workers"),
    ],
)
def test_a_fault_of_the_machine_is_no_bug(fate: str, said: str, work: Path, counts: Path) -> None:
    with pytest.raises(UserError) as error:
        run_shards(compute, shards(counts, "P1/A", P1A=fate), work, "toy", ONE)
    assert str(error.value).startswith(said)
    assert not list(work.rglob("*.partial"))


@pytest.mark.parametrize(
    ("fate", "said"),
    [("bug", "ZeroDivisionError: by nothing"), ("nothing", "shard P1/A wrote no file")],
)
def test_another_error_brings_its_traceback(fate: str, said: str, work: Path, counts: Path) -> None:
    with pytest.raises(ShardFailed) as error:
        run_shards(compute, shards(counts, "P1/A", P1A=fate), work, "toy", ONE)
    text = str(error.value)
    assert text.startswith("toy, shard P1/A:\nTraceback")
    assert said in text


@pytest.mark.parametrize(
    ("fate", "said"),
    [
        (
            "SIGKILL",
            "toy, shard P1/B: its worker process was killed (SIGKILL), as the system does when "
            "memory runs out. Finished shards are kept: run again, with fewer workers "
            "(execution.workers in params.yaml).",
        ),
        (
            "SIGSEGV",
            "toy, shard P1/B: its worker process died of SIGSEGV. Finished shards are kept: run "
            "again; if it dies of the same, the fault is in a compiled library.",
        ),
        (
            "exit",
            "toy, shard P1/B: its worker process ended with exit code 3 before the result was "
            "there. Its last words stand above. Finished shards are kept: run again.",
        ),
    ],
)
def test_a_worker_that_dies(fate: str, said: str, work: Path, counts: Path) -> None:
    with pytest.raises(UserError) as error:
        run_shards(compute, shards(counts, P1B=fate), work, "toy", ONE)
    assert str(error.value) == said
    assert [p.name for p in (work / ("ab" * 8)).iterdir()] == ["P1~A"]


def test_two_shards_of_one_name_are_refused(work: Path, counts: Path) -> None:
    with pytest.raises(ValueError, match=r"several shards would be written to .*P1~A"):
        run_shards(compute, shards(counts, "P1/A P1/A"), work, "toy", ONE)


def test_no_shards(work: Path) -> None:
    assert run_shards(compute, [], work, "toy", ONE) == []


def test_without_ray(work: Path, counts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError) as error:
        run_shards(compute, shards(counts, "P1/A"), work, "toy", RAY)
    assert str(error.value) == (
        "execution.executor = ray: Ray is not installed. Install it with: pip install "
        "'phenoprot[ray]', or set it to local."
    )


def watched(payload: Payload, folder: Path) -> None:
    """Compute; write down where this machine's Ray listens, and how it knows who may join."""
    compute(payload, folder)
    sockets = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"/ray/" in (process / "cmdline").read_bytes():
                sockets |= {str(link.readlink()) for link in (process / "fd").iterdir()}
    lines = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path("/proc/net", name).read_text().splitlines()[1:]
    ]
    listening = {
        f[1].split(":")[0] for f in lines if f[3] == "0A" and f"socket:[{f[9]}]" in sockets
    }
    known = {name: os.environ.get(name, "") for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")}
    seen = payload.counts.with_name(f"seen by {payload.name.replace('/', '~')}")
    seen.write_text(json.dumps({"listening": sorted(listening), **known}))


@pytest.mark.slow
def test_a_cluster_of_our_own_writes_the_same_bytes_and_is_reached_from_nowhere_else(
    tmp_path: Path, counts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is started for the run."""
    import ray

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "the user's")
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    run_shards(compute, shards(counts), tmp_path / "local", "toy", TWO)
    run_shards(watched, shards(counts), tmp_path / "ray", "toy", RAY)
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    assert computed(counts) == dict.fromkeys(ALL_ONCE, 2)
    assert not ray.is_initialized()
    notes = [json.loads(path.read_text()) for path in tmp_path.glob("seen by *")]
    assert len(notes) == 4
    for seen in notes:
        assert seen["listening"]
        assert set(seen["listening"]) <= {"0100007F", "0000000000000000FFFF00000100007F"}
        assert seen["RAY_AUTH_MODE"] == "token"
        assert len(seen["RAY_AUTH_TOKEN"]) == 64
    # The user's settings are as they were.
    assert os.environ["RAY_AUTH_TOKEN"] == "the user's"
    assert "RAY_AUTH_MODE" not in os.environ


def test_a_cluster_at_an_address_keeps_its_users_settings(
    work: Path, counts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def init(**options: object) -> None:
        known = {name: os.environ.get(name) for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")}
        calls.append(options | known)
        raise ConnectionError("nobody there")

    fake = SimpleNamespace(is_initialized=lambda: False, init=init, shutdown=lambda: None)
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "the user's")
    with pytest.raises(UserError, match=r"RAY_ADDRESS = 10\.0\.0\.1:6379: cannot join"):
        run_shards(compute, shards(counts, "P1/A"), work, "toy", RAY)
    (call,) = calls
    assert call["address"] == "10.0.0.1:6379"
    assert "_node_ip_address" not in call
    assert (call["RAY_AUTH_MODE"], call["RAY_AUTH_TOKEN"]) == ("token", "the user's")
