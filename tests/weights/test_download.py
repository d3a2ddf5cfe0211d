"""Downloads: whole, resumed, refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from phenoprot.core.errors import UserError
from phenoprot.weights.download import fetch
from phenoprot.weights.manifest import published

from .servers import Server, serving

CONTENT = np.random.default_rng(0).bytes(5_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def test_a_file_is_fetched_and_not_fetched_twice(tmp_path: Path) -> None:
    with serving(Server(CONTENT)) as server:
        path = fetch("dino", tmp_path, SHA256, server.url)
        assert path == tmp_path / "dino.pth"
        assert path.read_bytes() == CONTENT
        assert fetch("dino", tmp_path, SHA256, server.url) == path
    assert server.asked == [None]
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", "dino.pth"]


def test_progress_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(Server(CONTENT)) as server:
        fetch("dino", tmp_path, SHA256, server.url)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" (")[0] for line in lines] == [
        f"weights dino: {n}/5 {n} MiB" for n in range(1, 5)
    ]


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_download_is_gone_on_from(tmp_path: Path, ranges: bool) -> None:
    with serving(Server(CONTENT, ranges=ranges, break_after=3_000_000)) as server:
        with pytest.raises(UserError) as fault:
            fetch("dino", tmp_path, SHA256, server.url)
        assert "the download broke off: 3000000 of 5000000 bytes came" in str(fault.value)
        assert "goes on after the 3000000 bytes that are there" in str(fault.value)
        assert not (tmp_path / "dino.pth").exists()
        path = fetch("dino", tmp_path, SHA256, server.url)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=3000000-"]


def test_a_download_killed_before_its_last_step_is_finished(tmp_path: Path) -> None:
    (tmp_path / "dino.pth.partial").write_bytes(CONTENT)
    with serving(Server(CONTENT)) as server:
        assert fetch("dino", tmp_path, SHA256, server.url).read_bytes() == CONTENT


def test_what_has_another_hash_is_not_kept(tmp_path: Path) -> None:
    other = CONTENT[:-1] + b"?"
    with serving(Server(other)) as server, pytest.raises(UserError) as fault:
        fetch("dino", tmp_path, SHA256, server.url)
    found = hashlib.sha256(other).hexdigest()
    assert f"has SHA-256 {found}, expected {SHA256}; it was not kept" in str(fault.value)
    assert [p.name for p in tmp_path.iterdir()] == [".lock"]


def test_a_partial_file_of_something_else_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "dino.pth.partial").write_bytes(b"something else")
    with serving(Server(CONTENT)) as server:
        with pytest.raises(UserError, match="it was not kept"):
            fetch("dino", tmp_path, SHA256, server.url)
        assert fetch("dino", tmp_path, SHA256, server.url).read_bytes() == CONTENT


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "dino.pth"
    path.write_bytes(b"mine")
    with serving(Server(CONTENT)) as server, pytest.raises(UserError, match="is there already"):
        fetch("dino", tmp_path, SHA256, server.url)
    assert path.read_bytes() == b"mine"
    assert server.asked == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"kind": "text/html; charset=utf-8"}, "the server sent a web page, no weights"),
        ({"status": 404}, "the server answered 404 Not Found"),
        ({"status": 503}, "the server answered 503 Service Unavailable"),
    ],
)
def test_what_a_server_may_answer(tmp_path: Path, fault: dict[str, str], message: str) -> None:
    with serving(Server(CONTENT, **fault)) as server, pytest.raises(UserError) as error:
        fetch("dino", tmp_path, SHA256, server.url)
    assert message in str(error.value)
    assert server.url in str(error.value)
    assert [p.name for p in tmp_path.iterdir()] == [".lock"]


def test_no_server(tmp_path: Path) -> None:
    with serving(Server(CONTENT)) as server:
        pass
    with pytest.raises(UserError, match=r"broke off: .*refused.*after the 0 bytes"):
        fetch("dino", tmp_path, SHA256, server.url)


def test_only_web_addresses_are_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    with pytest.raises(UserError, match="no http address"):
        fetch("dino", tmp_path / "weights", SHA256, secret.as_uri())


def test_nothing_is_fetched_without_address_or_hash(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"no address of the weights 'dino' is known\. Get the file"
    ):
        fetch("dino", tmp_path, SHA256)
    with pytest.raises(UserError, match=r"no hash of the weights 'cpsam' is known.*--sha256"):
        fetch("cpsam", tmp_path)
    with pytest.raises(UserError, match="--sha256: 'abc' is no SHA-256"):
        fetch("cpsam", tmp_path, "abc")
    with pytest.raises(UserError, match="but the published file has"):
        fetch("cloome-bioactivity", tmp_path, SHA256)
    with pytest.raises(UserError, match=r"no published weights 'other'\. There are: cloome-bio"):
        fetch("other", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_manifest() -> None:
    assert published("cpsam").url == (
        "https://huggingface.co/mouseland/cellpose-sam/resolve/main/cpsam"
    )
    assert published("cloome-bioactivity").sha256 == (
        "359de652c2cd76bb189c37e006d565317b93080d89bd2b711deea102cd8e103a"
    )
    assert published("cloome-retrieval-zero-shot").sha256 == (
        "39e0c98d47b18ce913f4bcb1a1bc89d26ca9938ee74646c32a46ad236cddbc38"
    )
    assert published("dino").sha256 is None
