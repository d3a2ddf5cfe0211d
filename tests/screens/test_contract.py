"""The contract agrees with itself."""

from __future__ import annotations

from phenoprot.screens.contract import REQUIRED_COLUMNS, UNIQUE_KEYS


def test_keys_are_required_columns() -> None:
    assert set(UNIQUE_KEYS) == set(REQUIRED_COLUMNS)
    for kind, key in UNIQUE_KEYS.items():
        assert set(key) <= set(REQUIRED_COLUMNS[kind])
