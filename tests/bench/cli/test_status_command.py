"""``bench data status``: every dataset with what is known of it."""

from __future__ import annotations

import json


def test_status_of_a_folder_with_some_datasets(bench, tmp_path):
    root = tmp_path / "ecg"
    root.mkdir()
    assert bench("data", "simulate", "ptbxl", str(root / "ptbxl"), "--records", "60").code == 0
    assert bench("data", "simulate", "csn", str(root / "csn"), "--records", "60").code == 0
    assert bench("data", "prepare", "ptbxl", "--data-root", str(root)).code == 0
    rows = {r["dataset"]: r for r in json.loads(bench("data", "status", "--data-root", str(root), "--json").out)}
    assert list(rows["ptbxl"]) == ["dataset", "prepared", "records", "hours", "bytes", "version", "texts", "found"]
    ptbxl = rows["ptbxl"]
    assert (ptbxl["prepared"], ptbxl["records"], ptbxl["hours"]) == ("yes", 60, 0.2)
    assert 60 * 12 * 5000 * 2 < ptbxl["bytes"] < 61 * 12 * 5000 * 2
    assert ptbxl["version"] == "1.0.1 to 1.0.3 (60 records of it)"
    assert ptbxl["found"] == str(root / "ptbxl")
    assert (rows["csn"]["prepared"], rows["csn"]["found"]) == ("no", str(root / "csn"))
    assert rows["chapman"]["found"] == str(root / "csn")  # whose files it reads
    assert rows["cpsc2018"]["found"] == "not here; bench data download cpsc2018"
    assert {"statements", "report"} <= set(ptbxl["texts"].split(", "))
    shown = bench("data", "status", "--data-root", str(root)).out
    assert "7.2 MB" in shown
