"""Untrained networks stand in no table without being told apart from trained ones."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from phenoprot.report.account import account
from phenoprot.report.details import details
from phenoprot.report.store import read_metrics
from phenoprot.report.tables import detail_tables
from phenoprot.tasks.settings import RowSettings
from phenoprot.weights.settings import WeightsSettings

from .toy import FILES, gain, level, titled, write


def with_networks(*features: str) -> dict[str, Any]:
    """The same metrics with a row for each network, under other names than their features'."""
    files = json.loads(json.dumps(FILES))
    for number, feature in enumerate(features):
        row = f"net{number}"
        files["provenance"]["rows"].append(row)
        files["provenance"]["methods"][row] = {
            "features": [feature], "model": "mlp", "shuffled": False
        }  # fmt: skip
        for part in ("classification/up", "targets"):
            files[f"{part}/{row}"] = FILES[f"{part}/cellprofiler"]
        files[f"regression/{row}"] = level(0.0211)
        against = files["comparisons/classification/up"]["cellprofiler"]
        against[row] = gain(0.0131, 4, 2)
    return files


def test_an_untrained_network_never_stands_beside_the_figure_of_the_trained(tmp_path: Path) -> None:
    networks = ("mae", "cloome", "dino", "mae-untrained", "cloome-untrained", "dino-untrained")
    tables = detail_tables(read_metrics(write(tmp_path / "toy", with_networks(*networks))))
    up, targets = (
        next(table for table in tables if table.title.startswith(start))
        for start in ("Table 1a", "Table 3")
    )
    figures = {line[0]: line[-1] for line in up.rows}
    # By what a row is: 3802 and 48 of 6035; 2555 and 4; 2597 and 6.
    assert [figures[f"net{n}"] for n in range(6)] == [
        "0.62; 63/1 %", "0.58; 42/0 %", "0.58; 43/0 %", "-", "-", "-"
    ]  # fmt: skip
    assert [line[-1] for line in targets.rows[2:]] == ["0.60; 53/8/1/0 %", *["-"] * 5]
    assert len(up.notes) == 5
    mine, mae, cloome, dino = up.notes[1:]
    assert mine.startswith("- net0: trained on this screen's own crops")
    assert "The poster's 0.62; 63/1 % is of the trained network and no reference for it." in mae
    assert "The poster's 0.58; 42/0 % is of the trained network" in cloome
    assert "The poster's 0.58; 43/0 % is of the trained network" in dino
    # The poster's Table 3 has no CLOOME and no DINO.
    assert ["The poster's" in note for note in targets.notes[2:]] == [True, False, False]


def test_the_footnote_says_how_to_have_the_trained_network(tmp_path: Path) -> None:
    networks = ("cloome-untrained", "dino-untrained", "mae-untrained", "timm:vit_s-untrained")
    metrics = read_metrics(write(tmp_path / "toy", with_networks(*networks)))
    notes = titled(metrics, "Table 3")[0].notes[1:]
    assert notes[0] == (
        "- net0: CLOOME with random weights, a baseline for what its architecture sees untrained. "
        "To compare the trained network: `phenoprot weights fetch cloome-bioactivity`; in "
        "params.yaml set `features.deep.cloome.weights: {file: cloome-bioactivity}`; add "
        "`cloome` to `screens.toy.extracted`, and to `rows` `cloome: "
        "{features: [cloome], model: mlp}`."
    )
    assert (
        "`phenoprot weights fetch dino --url URL --sha256 HASH` (docs/weights.md says" in (notes[1])
    )
    assert "`features.deep.dino.weights: {file: dino, sha256: HASH}`; add `dino` to" in notes[1]
    assert "the trained network: the row `mae`; if there is none, add `mae` to" in notes[2]
    assert (
        "`features.deep.timm.vit_s.weights: {file: PATH, sha256: HASH}`; add `timm:vit_s`"
        in (notes[3])
    )
    # What the notes tell the user to write, is what the settings take.
    for note in notes:
        for text in re.findall(r"`(\S+: \{features.*?\})`", note):
            (row,) = yaml.safe_load(text.replace("timm:", "timm_")).values()
            assert RowSettings.model_validate(row).model.estimator == "mlp"
    assert WeightsSettings(file="cloome-bioactivity").sha256 is None
    for table in detail_tables(metrics):
        named = any(cell in ("net0", "net3") for line in table.rows for cell in line[:3])
        told = any("random weights" in note for note in table.notes)
        assert named == told, table.title


def test_the_account_names_untrained_networks_once(tmp_path: Path) -> None:
    page = account(read_metrics(write(tmp_path / "toy", with_networks("mae", "mae-untrained"))))
    assert page.count("etworks with random weights") == 2  # above the tables, and where it departs
    assert "- Networks with random weights: net1; the details say how to train them." in page


def test_the_account_says_what_was_trained(tmp_path: Path) -> None:
    files = with_networks("mae", "mae-untrained", "cloome")
    page = details(read_metrics(write(tmp_path / "toy", files)))
    assert "- `net0`: mae in the MLP. Trained on this screen's own crops, without labels." in page
    assert "- `net1`: mae-untrained in the MLP. Random weights: what the architecture sees" in page
    assert "- `net2`: cloome in the MLP. Weights of its authors." in page
