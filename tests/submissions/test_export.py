"""AnnData and Croissant, against what they were made from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import anndata
import mlcroissant
import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.core.files import write_parquet
from phenoprot.core.paths import Paths
from phenoprot.submissions.export import croissant, write_anndata

ROOT = Path(__file__).parents[2]
SCREEN = ROOT / "data/screens/cpjump1"


def test_anndata_holds_profiles_and_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = Paths("cpjump1")
    keys = {"Metadata_Compound": ["1-EBIO", "AMG900"], "Metadata_Concentration": [5.0, 5.0]}
    profiles = pd.DataFrame(keys | {"f/1": [1.0, 2.0], "f2": [3.0, 4.0]})
    write_parquet(paths.profiles / "own.parquet", profiles)
    labels = pd.DataFrame({"Metadata_Compound": ["AMG900"], "C5/C5a": [1.0]})
    write_parquet(paths.predictions("classification/up") / "labels.parquet", labels)
    assert write_anndata("cpjump1", SCREEN, "own", tmp_path / "x.h5ad") == (2, 2, 1)
    read = anndata.read_h5ad(tmp_path / "x.h5ad")
    assert read.X.tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert read.var_names.tolist() == ["f/1", "f2"]
    assert read.obs["Metadata_Compound"].tolist() == keys["Metadata_Compound"]
    assert read.obs["Metadata_InChIKey"].iloc[0].startswith("CXUCKELNYMZTRT")
    np.testing.assert_array_equal(read.obsm["classification_up"], [[np.nan], [1.0]])
    assert list(read.uns["classification_up"]) == ["C5/C5a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "x.h5ad"]
    with pytest.raises(UserError, match="no profiles 'other'; there are: own"):
        write_anndata("cpjump1", SCREEN, "other", tmp_path / "y.h5ad")


def test_croissant_describes_every_table() -> None:
    described = croissant(SCREEN)
    names = [file["contentUrl"] for file in described["distribution"]]
    assert names[:2] == ["wells.csv", "profiles/cellprofiler.parquet"]
    for file in described["distribution"]:
        path = SCREEN / file["contentUrl"]
        assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    files = {file["@id"] for file in described["distribution"]}
    for records in described["recordSet"]:
        for field in records["field"]:
            assert field["source"]["fileObject"]["@id"] in files
            assert field["@id"] == f"{records['@id']}/{field['name']}"
    assert len({records["@id"] for records in described["recordSet"]}) == len(names)


def test_mlcroissant_accepts_it(tmp_path: Path) -> None:
    (tmp_path / "croissant.json").write_text(json.dumps(croissant(SCREEN)))
    data = mlcroissant.Dataset(jsonld=tmp_path / "croissant.json")
    assert not data.metadata.issues.errors
    assert next(records.id for records in data.metadata.record_sets) == "wells"
