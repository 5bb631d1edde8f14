"""Further tasks on PTB-XL: ecg-fix's choice of classes, age and sex."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from bench.errors import DataError
from bench.splitting.split import load_split
from tasks.datasets.ptbxl import PTBXL
from tasks.datasets.ptbxl_features import FEATURES, PTBXLFeatures
from tasks.ptbxl_variants import PTBXLAge, PTBXLForm15, PTBXLIntervals, PTBXLRhythm7, PTBXLSex, PTBXLSubclass19


@pytest.mark.parametrize(("task", "n_classes"), [(PTBXLSubclass19, 19), (PTBXLForm15, 15), (PTBXLRhythm7, 7)])
def test_the_variants_of_ecg_fix_are_the_tasks_without_their_rarest_classes(real_data, task, n_classes):
    """Their numbers, from MERL's label files, without the recordings that are left without a class."""
    folder = {"subclass": "sub_class"}.get(task.column, task.column)
    tables = [pd.read_csv(path) for path in sorted((real_data / "merl-splits/ptbxl" / folder).glob("*.csv"))]
    labels = pd.concat(tables)[list(task.classes)]
    assert len(task.classes) == n_classes
    stated = load_split(task.split).content
    assert stated.classes == list(task.classes)
    assert stated.complete.records == int(labels.any(axis=1).sum())
    counts = {c: sum(part.classes[c] for part in stated.complete.partitions.values()) for c in task.classes}
    assert counts == labels.sum().to_dict()


def test_an_age_of_300_is_no_age_and_sex_0_is_male():
    records = pd.DataFrame(
        {"patient_id": list("1234"), "age": [300.0, 54.0, np.nan, 3.0], "sex": [0, 1, np.nan, 0], "strat_fold": 1},
        index=list("abcd"),
    )
    assert PTBXLAge().examples(records).targets.tolist() == [[54.0], [3.0]]
    examples = PTBXLSex().examples(records)
    assert examples.record_ids.tolist() == ["a", "b", "d"]
    assert [list(PTBXLSex.classes)[k] for k in examples.targets] == ["male", "female", "male"]


@pytest.fixture(scope="module")
def with_features(tmp_path_factory):
    root = tmp_path_factory.mktemp("features") / "ptbxl"
    PTBXLFeatures.simulate(root, 60, 1)
    return root


def test_intervals_are_joined_by_ecg_id_whatever_the_order_of_rows_and_columns(with_features):
    raw = pd.read_csv(with_features / "ptb-xl-plus" / FEATURES)
    assert not raw["ecg_id"].is_monotonic_increasing
    records = PTBXLFeatures(with_features).records()
    raw = raw.set_index(raw["ecg_id"].astype(str)).loc[records.index]
    for column, published in (("rr", "RR_Mean_Global"), ("pr", "PR_Int_Global"), ("qrs", "QRS_Dur_Global")):
        np.testing.assert_array_equal(records[column], raw[published])
    pd.testing.assert_frame_equal(records.drop(columns=["rr", "pr", "qrs", "qt"]), PTBXL(with_features).records())
    targets = PTBXLIntervals().examples(records).targets
    assert targets.shape == (60, 4) and np.isnan(targets[:, 1]).sum() == raw["PR_Int_Global"].isna().sum() > 0


def test_features_are_found_next_to_the_folder_and_asked_for_where_missing(with_features, tmp_path):
    root = shutil.copytree(with_features, tmp_path / "ptbxl")
    (root / "ptb-xl-plus").rename(tmp_path / "ptb-xl-plus")
    assert PTBXLFeatures(root).records()["rr"].notna().all()
    shutil.rmtree(tmp_path / "ptb-xl-plus")
    with pytest.raises(DataError, match=r"12sl_features\.csv is missing, .*ptb-xl-plus/1\.0\.1"):
        PTBXLFeatures(root).check()
