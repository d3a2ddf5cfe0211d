"""YAML of users: read exactly, or refused in one bounded line with the line and what to do."""

from __future__ import annotations

import math
import os
import re
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from phenoprot.core.errors import UserError
from phenoprot.core.settings import Settings, parse_settings, read_block, read_yaml
from phenoprot.core.yamltext import DEEPEST, LARGEST, parse_yaml

ROOT = Path(__file__).parents[2]


def bomb(levels: int, item: str = "[{}]") -> str:
    lines = ["a0: &a0 {x: 1, y: 2}"]
    for i in range(levels):
        aliases = ", ".join([f"*a{i}"] * 10)
        lines.append(f"a{i + 1}: &a{i + 1} " + item.format(aliases))
    return "\n".join(lines)


def refused(text: str) -> str:
    start = time.monotonic()
    with pytest.raises(UserError) as error:
        parse_yaml(text, "p.yaml")
    message = str(error.value)
    assert message.startswith("p.yaml: ")
    assert len(message) < 700
    assert message.isprintable()
    assert error.value.remedy
    assert time.monotonic() - start < 5
    return message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", ["'a'", "lines 1, 3"]),
        ("x:\n  a: 1\n  b: 2\n  a: 1\n", ["'a'", "lines 2, 4"]),
        ("x: {a: 1, a: 2}", ["'a'", "lines 1, 1"]),
        ("y:\n  - a: 1\n    'a': 2\n", ["'a'", "lines 2, 3"]),
        ("a: 1\n" * 2000, ["'a'", "and 1995 more"]),
        ("&k a: 1\nb: 2\nc: 3\n*k : 4\n", ["'a'", "lines 1"]),
    ],
)
def test_keys_that_stand_twice_are_named_with_their_lines(text: str, words: list[str]) -> None:
    message = refused(text)
    assert "stand more than once" in message
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("b: 1\n1: 2", ["'1' is a number on line 2", "quotes"]),
        ("~: 1", ["'~' is an empty value on line 1"]),
        ("no: 1", ["'no' is a truth value on line 1"]),
        ("1.5: 1", ["'1.5' is a number"]),
        ("? [a]\n: 1", ["a list on line 1"]),
    ],
)
def test_keys_are_text(text: str, words: list[str]) -> None:
    message = refused(text)
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"a:\n  b: {'9' * 5000}", ["'a.b'", "line 2", "5000 digits"]),
        (f"a: -{'9' * 5000}", ["'a'", "5000 digits"]),
        (f"a: 0x{'f' * 5000}", ["'a'", "digits"]),
        ("a: [1, 9223372036854775808]", ["'a.1'", "too large"]),
        ("a: !!int many", ["'a'", "'many'", "no number"]),
        ("a: !!float many", ["no number"]),
        ("a: !!bool 7", ["no truth value"]),
        ("a: !!python/object:os.system x", ["tag", "line 1"]),
        ("a: !!binary aaa", ["tag"]),
        ("a: !!set {b}", ["tag"]),
        ("a: !!timestamp foo", ["tag"]),
        ("a: !!int {b: 1}", ["tag"]),
        ("a: !thing 5", ["'!thing'"]),
        ("a: " + "[" * 100_000, ["line 1", "levels deep"]),
        ("a: " + "{b: " * 100_000, ["levels deep"]),
        ("\n".join("  " * i + "a:" for i in range(2000)), ["line 41", "levels deep"]),
        ("- " * 100_000, ["levels deep"]),
        (bomb(12), ["more than", "aliases"]),
        (bomb(12, "{{<<: [{}]}}"), ["more than", "aliases"]),
        ("a0: &a0 [x]\n" + "".join(f"a{i + 1}: &a{i + 1} [*a{i}]\n" for i in range(3000)),
         ["levels deep"]),
        ("a: &a [*a]", ["holds itself"]),
        ("&a\nb: *a", ["holds itself"]),
        ("a: *b", ["undefined alias", "line 1", "quotes"]),
        ("a: *", ["line 1", "quotes"]),
        ("a: {<<: 5}", ["line 1"]),
        ("a:\n\tb: 1", ["line 2", "not with tabs"]),
        ("a: 1\n---\nb: 2", ["single document", "line 2", "---"]),
        ("a: [1", ["not valid YAML", "line"]),
        ("a: 'b", ["not valid YAML", "line 1"]),
        ("a:\n   b: 1\n  c: 2", ["line 3"]),
        ("a: b: c", ["line 1"]),
        ("a: \x01b", ["control characters"]),
        ("a: \0", ["control characters"]),
        ("%YAML 9.9\n---\na: 1", ["not valid YAML"]),
        ("a" * 3000 + ": 1", ["line 1"]),
        ("", ["is empty"]),
        ("# nothing but this\n", ["is empty"]),
        ("- a\n- b", ["a list", "a mapping"]),
        ("abc", ["text"]),
        ("5", ["a number"]),
        ("---", ["an empty value"]),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, words: list[str]) -> None:
    message = refused(text)
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-4", 1e-4),
        ("1e-05", 1e-5),  # as DVC writes what -S gives it
        ("1E5", 1e5),
        ("+.5e3", 500.0),
        ("-1.", -1.0),
        ("1.0e-4", 1e-4),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("0x1F", 31),
        ("1_000", 1000),
        ("-0", 0),
        ("9223372036854775807", 2**63 - 1),
        ("yes", True),
        ("off", False),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        # What only looks like a number is text: a number is refused then, never another one.
        ("010", "010"),
        ("1:30", "1:30"),
        ("0o17", "0o17"),
        ("2020-01-01", "2020-01-01"),
        ("2020-01-01 10:00:00", "2020-01-01 10:00:00"),
        ("=", "="),
        ("1e", "1e"),
        ("\N{GRINNING FACE}", "\N{GRINNING FACE}"),
    ],
)
def test_scalars(written: str, value: object) -> None:
    found = parse_yaml(f"a: {written}\n", "p.yaml")["a"]
    assert (found, type(found)) == (value, type(value))


def test_nan_is_read_for_the_settings_to_refuse() -> None:
    assert math.isnan(parse_yaml("a: .nan", "p.yaml")["a"])


def test_aliases_and_merges_within_reason() -> None:
    text = "a: &a {x: 1, y: [2]}\nb: {<<: *a, x: 3}\nc: *a\n"
    assert parse_yaml(text, "p.yaml") == {
        "a": {"x": 1, "y": [2]},
        "b": {"x": 3, "y": [2]},
        "c": {"x": 1, "y": [2]},
    }


@pytest.mark.parametrize(
    "name",
    ["params.yaml", "data/screens/cpjump1/screen.yaml", "src/phenoprot/weights/manifest.yaml"],
)
def test_the_files_of_the_repository_are_read_as_before(name: str) -> None:
    path = ROOT / name
    assert read_yaml(path) == yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_marks_and_line_ends(tmp_path: Path, encoding: str, ending: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(f"a: µ{ending}b:{ending}  - 1{ending}".encode(encoding))
    assert read_yaml(path) == {"a": "µ", "b": [1]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a: µ\n".encode("utf-16"), "UTF-16"),
        ("a: 1\nb: µ\n".encode("latin-1"), "line 2"),
        (b"\0" * 5000, "NUL"),
        (b"a: 1\n" * (LARGEST // 5 + 1), f"at most {LARGEST}"),
        (b"PK\x03\x04" + bytes(range(256)) * 20, ""),
    ],
)
def test_files_that_are_no_yaml(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_yaml(path)
    assert words in str(error.value)
    assert str(path) in str(error.value)
    assert len(str(error.value)) < 700


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    places = {
        tmp_path: "a folder",
        tmp_path / "pipe": "a named pipe",
        Path("/dev/zero"): "a device",
        tmp_path / "none": "no such file",
    }
    for path, word in places.items():
        with pytest.raises(UserError, match=word):
            read_yaml(path)


def test_a_block() -> None:
    assert read_block(ROOT / "params.yaml", "crops") == {"size": 64, "multiple": 16, "held": 0.95}
    assert read_block(ROOT / "params.yaml", "nothing") == {}


def test_a_block_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("crops: [64]\nimages:\n")
    assert read_block(path, "images") == {}
    with pytest.raises(UserError, match=r"'crops' is \[64\], expected a mapping"):
        read_block(path, "crops")


class Block(Settings):
    size: int = Field(default=1, le=9)


def test_a_message_of_very_many_faults_is_bounded() -> None:
    content = {f"key{i}" + "x" * 5000: "y" * 100_000 for i in range(300)}
    for given_ in (content, {"size": [list(content.values())]}, {"size": 10**5000}):
        with pytest.raises(UserError) as error:
            parse_settings(Block, given_, "p.yaml")
        assert len(str(error.value)) <= 2000
        assert str(error.value).endswith("Fix these keys.")
    with pytest.raises(UserError, match="and 292 more"):
        parse_settings(Block, content, "p.yaml")
    for whole in (None, 5, "x", [1]):
        with pytest.raises(UserError, match="valid dictionary"):
            parse_settings(Block, whole, "p.yaml")


def text(**sizes: int) -> st.SearchStrategy[str]:
    """No text like `0E0`, which PyYAML writes plain: text to YAML 1.1, a number to 1.2 and us."""
    return st.text(**sizes).filter(lambda t: not re.fullmatch(r"[-+]?[0-9]+[eE][-+]?[0-9]+", t))


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False)
    | text(max_size=20)
)
KEYS = text(min_size=1, max_size=10)
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
        max_leaves=10,
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_what_pyyaml_writes_is_read_as_it_was(tree: dict[str, object]) -> None:
    assert parse_yaml(yaml.safe_dump(tree, allow_unicode=False), "p.yaml") == tree


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 5000), st.text("ab:{}[]&*!|>'\"%@`#-?, \n\t09.~<\x85\0", max_size=6))
def test_any_damage_is_refused_or_read(place: int, junk: str) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")[:2500]
    damaged = text[:place] + junk + text[place:]
    message = ""
    try:
        parse_yaml(damaged, "p.yaml")
    except UserError as error:
        message = str(error)
    assert len(message) < 1000


def test_the_deepest_that_is_read() -> None:
    def nested(levels: int) -> str:
        return "a: " + "[" * levels + "]" * levels

    assert parse_yaml(nested(DEEPEST - 1), "p.yaml")
    assert "levels deep" in refused(nested(DEEPEST))
