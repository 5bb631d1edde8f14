"""A dataset of two publications of other formats, rates and labels: one vocabulary, roles, patients apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.errors import DataError
from bench.signals.build_store import prepare
from bench.splitting.rules import ColumnRule
from bench.task import ColumnTask
from tasks.datasets.code15 import CODE15
from tasks.datasets.sph import SPH
from tasks.datasets.train_and_test import TrainAndTest


class Fibrillation(TrainAndTest):
    """CODE-15 % (400 Hz, a column per finding) to train on, SPH (500 Hz, lists of codes) to test on."""

    name = "code15-to-sph"
    title = "CODE-15 % to SPH"
    url = SPH.url
    fetch = "Get both."
    trains, tests = "code15", "sph"
    rates = (400, 500)
    largest_mv = SPH.largest_mv

    @classmethod
    def in_common(cls, records, dataset):
        af = records["AF"] if dataset == "code15" else ["50" in codes for codes in records["codes"]]
        return records[["patient_id", "age", "sex"]].assign(af=np.asarray(af, float))


class FibrillationTask(ColumnTask):
    """Atrial fibrillation."""

    name = "fibrillation"
    dataset = "code15-to-sph"
    split = "none"
    classes = {"af": "atrial fibrillation"}  # noqa: RUF012


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("two") / "code15"
    Fibrillation.simulate(root, 60, 2)
    return Fibrillation(root)


def test_two_readers_two_rates_and_two_vocabularies_make_one_task(dataset, tmp_path):
    dataset.check()
    store = prepare(dataset, tmp_path / "store")
    records = store.records
    assert store.fs == 400 and records["dataset"].value_counts().to_dict() == {"code15": 48, "sph": 12}
    examples = FibrillationTask().examples(records)
    rule = ColumnRule(kind="column", column="role", train=["train"], validation=["validation"], test=["test"])
    partition = rule.partition(examples, 0)
    assert set(records["dataset"].iloc[partition.test]) == {"sph"}
    alone = SPH(dataset.root / "sph").records()
    tested = records[records["dataset"] == "sph"]
    assert tested["af"].tolist() == ["50" in codes for codes in alone["codes"]]
    assert tested["patient_id"].tolist() == ("sph " + alone["patient_id"]).tolist()
    lengths = dict(zip(records.index, store.lengths, strict=True))
    assert [lengths[record] for record in alone.index] == (alone["n_samples"] * 4 // 5).tolist()


def test_no_record_of_a_test_fold_of_the_first_trains_and_none_of_the_second_is_pretrained_on(dataset):
    records = dataset.records()
    own = CODE15(dataset.root).records()
    assert (records["role"][own.index[own["fold"] == 10]] == "").all()
    masks = dataset.pretraining_partition(records)
    seen = records[masks["train"] | masks["validation"]]
    assert set(seen["dataset"]) == {"code15"} and set(seen["role"]) == {"train", "validation"}


def test_folders_of_one_dataset_under_two_names_are_refused(dataset, monkeypatch):
    monkeypatch.setattr(SPH, "records", lambda self: CODE15(dataset.root).records())
    with pytest.raises(DataError, match=r"both have a record \d+; expected records of code15 and of sph"):
        dataset.records()


def test_missing_files_of_the_second_are_named(dataset, tmp_path):
    CODE15.simulate(tmp_path / "code15", 4, 0)
    with pytest.raises(DataError, match=r"sph/metadata\.csv is missing.*bench data download sph"):
        Fibrillation(tmp_path / "code15").check()
    assert isinstance(dataset.records(), pd.DataFrame)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0, 0.9, 1], "record r1, column af is 0.9; expected 0, 1, or NaN where unknown"),
        ([0, -1, np.nan], "record r1, column af is -1; expected 0, 1, or NaN"),
        (["yes", "no", "no"], "columns af: .*'yes'.*; expected numbers, NaN where unknown"),
    ],
)
def test_labels_that_are_neither_0_nor_1_are_refused(values, words):
    """They became 0 or 255 without a sign of it."""
    records = pd.DataFrame({"patient_id": ["p0", "p1", "p2"], "af": values}, index=["r0", "r1", "r2"])
    with pytest.raises(DataError, match=words):
        FibrillationTask().examples(records)
    with pytest.raises(DataError, match="no column af in the records of code15-to-sph; found: patient_id"):
        FibrillationTask().examples(records.drop(columns="af"))
