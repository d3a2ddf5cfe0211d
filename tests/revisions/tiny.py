"""A tiny repository with results, to be changed and committed."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

UP = "metrics/toy/classification/up"


def git(*arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def row(mean: float, sd: float | None = 0.01, **others: Any) -> dict[str, Any]:
    """Metrics of a row: five repeats, two targets, an interval of 0.03 to both sides."""
    spread = {} if sd is None else {"mean_auc_repeat_sd": sd}
    sizes = {"n_targets": 2, "n_targets_scored": 2, "n_compounds": 9, "n_repeats": 5}
    ends = {"mean_auc_ci_low": mean - 0.03, "mean_auc_ci_high": mean + 0.03}
    return {"mean_auc": mean} | sizes | ends | spread | others


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


class Repository:
    """The working folder, with one screen ``toy`` of the rows ``a`` and ``b``."""

    def __init__(self) -> None:
        git("init", "-q")
        self.provenance: dict[str, Any] = {
            "package_version": "1.0",
            "data_sha256": "d" * 64,
            "params_sha256": "p" * 64,
            "label_rule": "p below 0.05",
            "rows": ["a", "b"],
        }
        self.rows: dict[str, dict[str, Any]] = {"a": row(0.7), "b": row(0.6)}
        self.counts = {"n_up": 4, "n_not": 14}
        self.params = {"screens": {"toy": {"rows": {"a": {"model": "mlp"}}}}}
        self.pins = "torch==2.0\nnumpy==2.1 \\\n    --hash=x\n"
        self.code = {"src/p/__init__.py": "", "src/p/fit.py": "1", "stages/labels.py": "1"}
        self.stages: dict[str, dict[str, Any]] = {
            "labels-toy": self.stage(
                {"src/p": "code1", "data/screens/toy/wells.csv": "wells1"},
                {"data/labels/toy": "labels1"},
                {"labels": {"alpha": 0.05}},
            ),
            "evaluate-toy": self.stage(
                {"data/labels/toy": "labels1", "stages/labels.py": "c"},
                {"data/scores/toy": "scores1"},
                {},
            ),
        }

    @staticmethod
    def stage(
        inputs: dict[str, str], outputs: dict[str, str], params: dict[str, Any]
    ) -> dict[str, Any]:
        """A stage as in dvc.lock."""
        deps = [{"path": path, "hash": "md5", "md5": value} for path, value in inputs.items()]
        outs = [{"path": path, "hash": "md5", "md5": value} for path, value in outputs.items()]
        return {"cmd": "x", "deps": deps, "outs": outs, "params": {"params.yaml": params}}

    def entry(self, stage: str, kind: str, path: str, value: str) -> None:
        """Set the hash of an input (``deps``) or output (``outs``)."""
        for entry in self.stages[stage][kind]:
            if entry["path"] == path:
                entry["md5"] = value
                return
        self.stages[stage][kind].append({"path": path, "md5": value})

    def write(self, path: str, content: Any) -> None:
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content if isinstance(content, str) else json.dumps(content))

    def commit(self) -> str:
        """Write all and commit; the commit's hash."""
        self.write("metrics/toy/provenance.json", self.provenance)
        self.write("metrics/toy/labels/counts.json", self.counts)
        for path in Path(UP).glob("*.json"):
            path.unlink()
        for name, values in self.rows.items():
            self.write(f"{UP}/{name}.json", values)
        self.write("params.yaml", yaml.safe_dump(self.params))
        self.write("requirements.lock", self.pins)
        self.write("dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": self.stages}))
        for path, text in self.code.items():
            self.write(path, text)
        git("add", "-fA", ".")
        git("commit", "-q", "--allow-empty", "-m", "x")
        return git("rev-parse", "HEAD")

    def cached(self, content: bytes, end: str = "") -> str:
        """Put content into DVC's cache; its hash."""
        Path(".dvc").mkdir(exist_ok=True)
        Path(".dvc/config").touch()
        name = md5(content) + end
        place = Path(".dvc/cache/files/md5") / name[:2] / name[2:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return name

    def scores(self, **rows: dict[str, float]) -> str:
        """Put the scores of single targets into the cache; the hash of their folder."""
        entries = []
        for name, auc in rows.items():
            table = pd.DataFrame({"Target": list(auc), "auc": list(auc.values())})
            path = f"classification/up/{name}.parquet"
            entries.append({"md5": self.cached(table.to_parquet()), "relpath": path})
        return self.cached(json.dumps(entries).encode(), ".dir")
