"""Outputs of a revision that git does not hold, from DVC's cache in this working folder."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache
def _store(folder: Path) -> Any:
    """DVC's local cache in a working folder; None outside a DVC repository."""
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo

    try:
        with Repo(str(folder)) as repo:
            return repo.cache.local
    except NotDvcRepoError:
        return None


def cached_file(md5: str) -> Path | None:
    """File of the cache with this content; None where the cache does not have it."""
    store = _store(Path.cwd()) if md5 else None
    if store is None:
        return None
    path = Path(store.oid_to_path(md5))
    return path if path.is_file() else None


def cached_listing(md5: str) -> dict[str, str] | None:
    """Hashes of the files of a folder by their paths in it; None if not in the cache."""
    path = cached_file(md5)
    if path is None:
        return None
    return {entry["relpath"]: entry["md5"] for entry in json.loads(path.read_bytes())}


def cached_keys(md5: str) -> list[str] | None:
    """Keys of a JSON object; None if not in the cache."""
    path = cached_file(md5)
    return None if path is None else list(json.loads(path.read_bytes()))
