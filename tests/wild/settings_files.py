"""What befalls YAML, TOML and JSON."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

import yaml

from .mutations import Mutation, of_bytes


def of_text(change: Callable[[str, random.Random], str]) -> Callable[..., None]:
    """A change of a file's text."""
    return of_bytes(lambda content, rng: change(content.decode(), rng).encode())


BOMB = "\n".join(
    f"{name}: &{name} [{', '.join([f'*{chr(ord(name) - 1)}'] * 10 if name != 'a' else ['x'] * 10)}]"
    for name in "abcdefghi"
)
"""A thousand million items in a few lines."""


def leaves(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of the numbers of a parameter file, not those in lists."""
    if isinstance(content, dict):
        return [leaf for key, value in content.items() for leaf in leaves(value, (*path, key))]
    is_number = isinstance(content, int | float) and not isinstance(content, bool)
    return [path] if is_number else []


def set_number(value: Any, seeds: bool = False) -> Callable[..., None]:
    """Put a value in the place of one of the numbers."""

    def change(text: str, rng: random.Random) -> str:
        content = yaml.safe_load(text)
        found = [path for path in leaves(content) if not seeds or path[-1] == "seed"]
        *path, last = rng.choice(found)
        holder = content
        for key in path:
            holder = holder[key]
        holder[last] = value
        return yaml.safe_dump(content, sort_keys=False, width=10**9)

    return of_text(change)


def same_key_twice(text: str, rng: random.Random) -> str:
    """Repeat a line that holds a key and a value."""
    lines = text.splitlines(keepends=True)
    chosen = [n for n, line in enumerate(lines) if re.match(r"\s+\w+: \S", line)]
    line = rng.choice(chosen)
    return "".join([*lines[:line], lines[line], *lines[line:]])


def unknown_key(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    chosen = [n for n, line in enumerate(lines) if re.match(r"  [a-z_]+: [a-z0-9\"]", line)]
    line = rng.choice(chosen)
    indent = re.match(r" *", lines[line])[0]
    return "".join([*lines[: line + 1], f"{indent}unheard_of: 1\n", *lines[line + 1 :]])


def lose_key(key: str) -> Callable[..., None]:
    def change(text: str, _: random.Random) -> str:
        content = yaml.safe_load(text)
        del content[key]
        return yaml.safe_dump(content, sort_keys=False)

    return of_text(change)


YAML = (
    Mutation("bomb", of_text(lambda t, r: BOMB + "\n" + t)),
    Mutation("deep-lists", of_text(lambda t, r: t + "\nx: " + "[" * 5000 + "]" * 5000 + "\n")),
    Mutation("deep-mappings", of_text(lambda t, r: t + "\nx: " + "{a: " * 3000 + "1" + "}" * 3000)),
    Mutation("huge-digits", of_text(lambda t, r: t + "\nx: " + "9" * 5000 + "\n")),
    Mutation("key-twice", of_text(same_key_twice)),
    Mutation("unknown-key", of_text(unknown_key)),
    Mutation("unknown-long-key", of_text(lambda t, r: t + "\n" + "k" * 1000 + ": 1\n")),
    Mutation("tabs", of_text(lambda t, r: t.replace("\n  ", "\n\t", 1))),
    Mutation("a-list", of_text(lambda t, r: "- a\n- b\n")),
    Mutation("a-number", of_text(lambda t, r: "5\n")),
    Mutation("a-long-text", of_text(lambda t, r: "x" * 10**6)),
    Mutation("two-documents", of_text(lambda t, r: t + "---\n" + t)),
    Mutation(
        "python-object", of_text(lambda t, r: t + "\nx: !!python/object/apply:os.getcwd []\n")
    ),
    Mutation("unknown-tag", of_text(lambda t, r: t + "\nx: !new 1\n")),
    Mutation("cut", of_text(lambda t, r: t[: t.rstrip().rfind("\n") + 4])),
    Mutation("merge-conflict", of_text(lambda t, r: "<<<<<<< HEAD\n" + t + "=======\n>>>>>>> x\n")),
    Mutation("list-key", of_text(lambda t, r: t + "\n? [a, b]\n: 1\n")),
    Mutation(
        "open-quote", of_text(lambda t, r: re.sub(r"(?m)^( *[^#\s][^:\n]*: )", r'\1"', t, count=1))
    ),
)

NUMBERS_OF_PARAMS = tuple(
    Mutation(f"{name}-{number}", set_number(value, seeds=name == "negative-seed"))
    for name, value, times in (
        ("true", True, 4),
        ("text", "5", 4),
        ("infinite", float("inf"), 4),
        ("nan", float("nan"), 4),
        ("minus-infinite", float("-inf"), 2),
        ("a-list", [1, 2], 2),
        ("a-mapping", {"a": 1}, 2),
        ("digits", 10**4000, 2),
        ("negative-seed", -1, 2),
        ("a-long-text", "x" * 10**5, 1),
    )
    for number in range(times)
)
"""One of the numbers of params.yaml replaced, each time another one."""

# --- TOML


def set_toml(key: str, value: str) -> Callable[..., None]:
    def change(text: str, _: random.Random) -> str:
        return re.sub(rf"(?m)^{key} = .*$", lambda _: f"{key} = {value}", text)

    return of_text(change)


TOML = tuple(
    Mutation(name, change, elsewhere=name in ("input-missing", "input-a-folder"))
    for name, change in {
        "experiments-a-number": set_toml("experiments", "6"),
        "experiments-a-text": set_toml("experiments", "'012345'"),
        "experiments-a-table": set_toml("experiments", "{a = 1}"),
        "experiments-empty": set_toml("experiments", "[]"),
        "experiments-one-twice": set_toml("experiments", "[0, 1, 2, 3, 4, 4]"),
        "experiments-nested": set_toml("experiments", "[[0, 1], [2, 3]]"),
        "doses-a-number": set_toml("doses", "10"),
        "doses-a-text": set_toml("doses", "'0 1 10'"),
        "doses-texts": set_toml("doses", "['0 uM', '1 uM', 'a', 'b', 'c', 'd']"),
        "doses-true": set_toml("doses", "[false, true, true, true, true, true]"),
        "doses-one-missing": set_toml("doses", "[0, 1, 10, 100, 1000]"),
        "doses-negative": set_toml("doses", "[0, -1, 10, 100, 1000, 10000]"),
        "doses-infinite": set_toml("doses", "[0, 1, 10, 100, 1000, inf]"),
        "doses-nan": set_toml("doses", "[0, 1, 10, 100, 1000, nan]"),
        "doses-huge": set_toml("doses", f"[0, 1, 10, 100, 1000, {'9' * 5000}]"),
        "dose-scale-zero": set_toml("dose_scale", "0"),
        "dose-scale-a-word": set_toml("dose_scale", "'nano'"),
        "dose-scale-infinite": set_toml("dose_scale", "inf"),
        "dose-scale-true": set_toml("dose_scale", "true"),
        "dose-scale-a-list": set_toml("dose_scale", "[1]"),
        "control-unknown": set_toml("control_experiment", "[7]"),
        "control-empty": set_toml("control_experiment", "[]"),
        "control-a-table": set_toml("control_experiment", "{a = 1}"),
        "input-missing": set_toml("input_file", "'nothing.tsv'"),
        "input-a-folder": set_toml("input_file", "'.'"),
        "input-a-number": set_toml("input_file", "5"),
        "input-a-list": set_toml("input_file", "['in.tsv']"),
        "input-empty": set_toml("input_file", "''"),
        "input-nul": set_toml("input_file", r'"a\u0000b"'),
        "curves-file-is-the-input": set_toml("curves_file", "'in.tsv'"),
        "curves-file-is-itself": set_toml("curves_file", "'params.toml'"),
        "curves-file-a-number": set_toml("curves_file", "5"),
        "alpha-text": set_toml("alpha", "'0.05'"),
        "alpha-true": set_toml("alpha", "true"),
        "alpha-nan": set_toml("alpha", "nan"),
        "alpha-two": set_toml("alpha", "2"),
        "fc-lim-infinite": set_toml("fc_lim", "inf"),
        "fc-lim-negative": set_toml("fc_lim", "-1"),
        "deep": set_toml("id", "[" * 3000 + "]" * 3000),
        "key-twice": of_text(lambda t, r: t + "fc_lim = 0.5\n"),
        "section-twice": of_text(lambda t, r: t + "['Meta']\n"),
        "unknown-key": of_text(lambda t, r: t + "unheard_of = 1\n"),
        "unknown-section": of_text(lambda t, r: t + "['Unheard of']\na = 1\n"),
        "unknown-long-section": of_text(lambda t, r: t + f"['{'x' * 10**5}']\na = 1\n"),
        "section-is-a-value": of_text(lambda t, r: t.replace("['Meta']", "Meta = 1\n['Paths.x']")),
        "section-missing": of_text(lambda t, r: t.replace("['F Statistic']\n", "")),
        "unquoted-section": of_text(lambda t, r: t.replace("['F Statistic']", "[F Statistic]")),
        "cut": of_text(lambda t, r: t[: t.rfind("=") + 1]),
        "an-ini-file": of_text(lambda t, r: t.replace("'", "")),
    }.items()
)

# --- JSON


def of_json(change: Callable[[Any], Any]) -> Callable[..., None]:
    return of_text(lambda text, _: json.dumps(change(json.loads(text))))


def first_number(content: Any, value: Any) -> Any:
    """Put a value in the place of the first number."""
    done = False

    def walk(node: Any) -> Any:
        nonlocal done
        if isinstance(node, dict):
            return {key: walk(child) for key, child in node.items()}
        if isinstance(node, list):
            return [walk(child) for child in node]
        if not done and isinstance(node, int | float) and not isinstance(node, bool):
            done = True
            return value
        return node

    return walk(content)


JSON = (
    Mutation("cut", of_text(lambda t, r: t[: len(t) // 2])),
    Mutation("a-list", of_text(lambda t, r: "[]")),
    Mutation("a-number", of_text(lambda t, r: "5")),
    Mutation("null", of_text(lambda t, r: "null")),
    Mutation("empty-object", of_text(lambda t, r: "{}")),
    Mutation("deep", of_text(lambda t, r: "[" * 10**5 + "]" * 10**5)),
    Mutation("huge-digits", of_text(lambda t, r: '{"a": ' + "9" * 5000 + "}")),
    Mutation("words-for-numbers", of_json(lambda c: first_number(c, "many"))),
    Mutation("lists-for-numbers", of_json(lambda c: first_number(c, [1]))),
)
