"""Compare the results of two revisions, screen by screen."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from phenoprot.core.artefacts import read_table
from phenoprot.core.errors import listed
from phenoprot.report.parts import table_parts
from phenoprot.revisions.cache import cached_file, cached_listing
from phenoprot.revisions.causes import Causes, causes_of, changes
from phenoprot.revisions.headline import (
    SIZES,
    TABLE_SCORES,
    Refusal,
    RowChange,
    corrected,
    like,
    over_common,
    score_key,
)
from phenoprot.revisions.state import Flat, Leaf, Screen, State

COUNTS = "labels/counts.json"
LABELS = ("n_up", "n_down", "n_not", "n_unclassified", "n_compounds", "n_proteins")
"""Counts that say what the labels are; the others judge them."""
BY_DOSE, COMPARISONS = "doses/", "comparisons/"
DATA_FACTS = ("measured", "readout_cell_line", "imaged_cell_line", "concentrations")
FEATURES = ("screen.yaml", "profiles/", "images")
"""Files of a screen that features come from, and its description."""
FEW = 3
"""Data files that a refusal names."""


@dataclass(frozen=True)
class ValueChange:
    """A value of metrics that differs."""

    file: str
    key: str
    old: Leaf
    new: Leaf
    """None for either: it is not there."""


@dataclass(frozen=True)
class ScreenChange:
    """What differs in one screen."""

    screen: str
    causes: Causes
    data_changes: list[str] = field(default_factory=list)
    """What makes all tables unlike; empty: the same data."""
    label_changes: list[str] = field(default_factory=list)
    """What makes the tables of labels unlike."""
    rows: list[RowChange] = field(default_factory=list)
    """All that are compared, unchanged ones among them."""
    refused: list[Refusal] = field(default_factory=list)
    only_old: list[str] = field(default_factory=list)
    """Rows that the new revision lacks."""
    only_new: list[str] = field(default_factory=list)
    values: list[ValueChange] = field(default_factory=list)
    """Values that differ, of tables of like data."""
    provenance: list[str] = field(default_factory=list)
    """Keys of provenance.json that differ, hashes and version aside."""

    @property
    def changed(self) -> list[RowChange]:
        """Rows whose score differs."""
        return [row for row in self.rows if row.old != row.new]

    @property
    def beyond(self) -> list[RowChange]:
        """Rows whose score differs beyond noise."""
        return [row for row in self.rows if row.beyond_noise]

    @property
    def same(self) -> bool:
        """Whether nothing that metrics say differs."""
        found = (self.changed, self.refused, self.only_old, self.only_new, self.values)
        return not any((*found, self.provenance))


@dataclass(frozen=True)
class Comparison:
    """Two revisions side by side."""

    old: str
    new: str
    screens: list[ScreenChange]
    only_old: list[str]
    """Screens that the new revision lacks."""
    only_new: list[str]

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        content = asdict(self)
        for screen, found in zip(content["screens"], self.screens, strict=True):
            for row, change in zip(screen["rows"], found.rows, strict=True):
                row |= {"change": change.change, "beyond_noise": change.beyond_noise}
        return content


def compare(old: State, new: State) -> Comparison:
    """Compare the screens that both revisions have."""
    both = [name for name in new.screens if name in old.screens]
    return Comparison(
        old=old.revision.short,
        new=new.revision.short,
        screens=[_screen(old, new, name) for name in both],
        only_old=[name for name in old.screens if name not in new.screens],
        only_new=[name for name in new.screens if name not in old.screens],
    )


def _screen(old: State, new: State, name: str) -> ScreenChange:
    before, after = old.screens[name], new.screens[name]
    causes = causes_of(old, new, name)
    data, labels = data_changes(before, after, causes), label_changes(before, after)
    first, second = _rows(before), _rows(after)
    both = [path for path in second if path in first]
    rows: list[RowChange] = []
    refused: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    unlike: set[str] = set()
    for path in both:
        part, row = path.removesuffix(".json").rsplit("/", 1)
        sizes = _sizes(before, after, path)
        is_like = not (data or sizes or (labels and _has_labels(part)))
        outcome = _row(before, after, path, is_like)
        if not is_like:
            unlike.add(path)
        if isinstance(outcome, RowChange):
            rows.append(outcome)
        else:
            refused.setdefault((part, (*sizes, outcome)), []).append(row)
    return ScreenChange(
        screen=name,
        causes=causes,
        data_changes=data,
        label_changes=labels,
        rows=corrected(rows),
        refused=[Refusal(part, names, list(why)) for (part, why), names in refused.items()],
        only_old=[path.removesuffix(".json") for path in first if path not in second],
        only_new=[path.removesuffix(".json") for path in second if path not in first],
        values=_values(before, after, unlike, data, labels),
        provenance=_provenance(before, after),
    )


def data_changes(old: Screen, new: Screen, causes: Causes) -> list[str]:
    """What differs in the data that scores are of, one line each; empty: nothing.

    Other features of the same treatments are what a comparison is for: files of features and
    ``screen.yaml`` make no tables unlike as long as DVC made the same labels.
    """
    before, after = old.provenance, new.provenance
    # What an older version did not write down is not a difference.
    facts = [key for key in DATA_FACTS if key in before and key in after]
    found = changes(*({key: str(each[key]) for key in facts} for each in (before, after)))
    if before.get("data_sha256") == after.get("data_sha256"):
        return found
    folder = f"data/screens/{old.name}/"
    files = [path for change in causes.stages for path in change.data]
    files += [p for change in causes.stages for p in change.outputs if p.startswith(folder)]
    files = list(dict.fromkeys(files))
    features = tuple(f"{folder}{name}" for name in FEATURES)
    of_features = bool(files) and all(path.startswith(features) for path in files)
    if not of_features or _labels_differ(old, new):
        hashes = " -> ".join(str(each.get("data_sha256"))[:8] for each in (before, after))
        named = f": {listed(files, FEW)}" if files else ""
        found.insert(0, f"data_sha256: {hashes}{named}")
    return found


def _labels_differ(old: Screen, new: Screen) -> bool:
    path = f"data/labels/{old.name}"
    made = [
        {stage.outputs[path] for stage in screen.stages.values() if path in stage.outputs}
        for screen in (old, new)
    ]
    return made[0] != made[1]


def label_changes(old: Screen, new: Screen) -> list[str]:
    """What differs in the labels of a screen, one line each; empty: nothing."""
    counts = [
        {key: screen.files.get(COUNTS, {}).get(key) for key in LABELS} for screen in (old, new)
    ]
    found = [f"labels: {line}" for line in changes(*counts)]
    if old.provenance.get("label_rule") != new.provenance.get("label_rule"):
        found.append("label_rule (provenance.json)")
    return found


def _has_labels(part: str) -> bool:
    """Whether a part is scored on the labels; one that is not known here may be."""
    known = table_parts().get(part.removesuffix("/variants"))
    return known is None or "labels" in known.requires


def _rows(screen: Screen) -> dict[str, Flat]:
    """Files of rows by their paths, in the order of params.yaml."""
    names = [*screen.provenance.get("rows", []), *screen.provenance.get("variants", {})]
    order = {name: i for i, name in enumerate(names)}
    found = {
        path: values
        for path, values in screen.files.items()
        if "/" in path and not path.startswith((BY_DOSE, COMPARISONS)) and score_key(values)
    }
    return dict(sorted(found.items(), key=lambda item: _place(item[0], order)))


def _place(path: str, order: dict[str, int]) -> tuple[str, int, str]:
    part, row = path.removesuffix(".json").rsplit("/", 1)
    return part, order.get(row, len(order)), row


def _sizes(old: Screen, new: Screen, path: str) -> list[str]:
    """Sizes of a row's table that differ."""
    before, after = old.files[path], new.files[path]
    return changes(*({key: values.get(key) for key in SIZES} for values in (before, after)))


def _row(old: Screen, new: Screen, path: str, is_like: bool) -> RowChange | str:
    """The row side by side, or why not."""
    before, after = old.files[path], new.files[path]
    part, row = path.removesuffix(".json").rsplit("/", 1)
    key = score_key(after) or ""
    if key not in before:
        return f"score: {score_key(before)} -> {key}"
    if is_like:
        return like(part, row, key, before, after)
    means = common_means(old, new, path, TABLE_SCORES[key][1])
    if isinstance(means, str):
        return means
    return over_common(part, row, key, means, before, after)


def common_means(
    old: Screen, new: Screen, path: str, column: str
) -> tuple[float, float, int] | str:
    """Mean scores over the targets that both revisions have.

    Parameters
    ----------
    old, new
        The screen at both revisions.
    path
        File of the row in the screen's metrics; the table of its targets has the same name in
        data/scores, which the cache of DVC may hold.
    column
        The score.

    Returns
    -------
    tuple or str
        Old mean, new mean and the number of common targets; or why there are none.
    """
    columns = []
    for age, screen in (("old", old), ("new", new)):
        folder = f"data/scores/{screen.name}"
        md5s = [stage.outputs.get(folder, "") for stage in screen.stages.values()]
        files = cached_listing(next(filter(None, md5s), "")) or {}
        table = cached_file(files.get(path.removesuffix(".json") + ".parquet", ""))
        if table is None:
            return f"no scores of single targets of the {age} revision in DVC's cache ({folder})"
        scores = read_table(table, columns=["Target", column]).dropna()
        columns.append(scores.set_index("Target")[column])
    common = columns[0].index.intersection(columns[1].index)
    if common.empty:
        return "no target is in both"
    first, second = (round(float(scores[common].mean()), 6) for scores in columns)
    return first, second, len(common)


def _values(
    old: Screen, new: Screen, unlike: set[str], data: list[str], labels: list[str]
) -> list[ValueChange]:
    """Values that differ, of files whose tables are alike."""
    found = []
    for path in sorted(old.files.keys() | new.files.keys()):
        before, after = old.files.get(path), new.files.get(path)
        if path != COUNTS and (data or _is_unlike(path, unlike, labels)):
            continue
        if before is None or after is None:
            continue  # rows of one revision are named, their values stand alone
        found += [
            ValueChange(path, key, before.get(key), after.get(key))
            for key in sorted(before.keys() | after.keys())
            if before.get(key) != after.get(key)
        ]
    return found


def _is_unlike(path: str, unlike: set[str], labels: list[str]) -> bool:
    """Whether a file is of a table of unlike data, or made from one."""
    if path.startswith(COMPARISONS):
        part = path.removeprefix(COMPARISONS).removesuffix(".json")
        return any(row.startswith(f"{part}/") for row in unlike)
    if path.startswith(BY_DOSE):
        return path.removeprefix(BY_DOSE) in unlike
    return path in unlike or (bool(labels) and path.startswith("labels/"))


def _provenance(old: Screen, new: Screen) -> list[str]:
    """Keys of provenance.json that differ, but for what the causes tell in full."""
    told = {"data_sha256", "params_sha256", "package_version"}
    before, after = old.provenance, new.provenance
    keys = sorted((before.keys() | after.keys()) - told)
    return [key for key in keys if before.get(key) != after.get(key)]
