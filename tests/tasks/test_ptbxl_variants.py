"""Further tasks on PTB-XL: ecg-fix's choice of classes, age and sex."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.splitting.split import load_split
from tasks.ptbxl_variants import PTBXLAge, PTBXLForm15, PTBXLRhythm7, PTBXLSex, PTBXLSubclass19


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
