"""Splits, strata and fractions of targets of which some are unknown."""

import numpy as np
import pandas as pd

from bench.splitting import split as split_module
from bench.splitting import stratify
from bench.splitting.label_fractions import labelled_subset
from bench.splitting.rules import ColumnRule
from bench.splitting.split import Split, SplitFile
from bench.splitting.stratify import are_labels, strata
from bench.storage import large_array
from bench.task import Examples, MultilabelTask

LABELS = np.array([[1, 0], [0, 1], [1, 1], [0, 0], [0, 0], [1, 0]], np.uint8)
RULE = {"kind": "column", "column": "part", "train": ["a"], "validation": ["b"], "test": ["c"]}


def split_of(**complete):
    content = SplitFile(
        description="d", source="s", rule=ColumnRule(**RULE), classes=["A", "B"], complete=complete or None
    )
    return Split("s", content)


def examples(targets):
    ids = np.array([f"r{i}" for i in range(len(targets))])
    return Examples(ids, ids, targets, pd.DataFrame({"part": list("aaabbc")}))


def test_floats_without_an_unknown_label_are_the_same_labels():
    split, known = split_of(), LABELS.astype(np.float32)
    assert split.digest(examples(LABELS)) == split.digest(examples(known))
    assert np.array_equal(strata(LABELS), strata(known))
    assert not are_labels(np.array([[1.5, 1.0]]))


def test_digest_and_counts_tell_an_unknown_label_from_a_negative_one():
    split, targets = split_of(), LABELS.astype(np.float32)
    targets[3, 1] = targets[1, 0] = np.nan
    assert split.digest(examples(targets)) != split.digest(examples(LABELS))
    facts = split.facts(examples(targets), np.arange(3))
    assert (facts.classes, facts.known) == ({"A": 2, "B": 2}, {"A": 2, "B": 3})
    assert split.facts(examples(LABELS), np.arange(3)).known is None


def test_stated_numbers_of_known_labels_are_held_against_the_data():
    targets = LABELS.astype(np.float32)
    targets[1, 0] = np.nan
    stated = {"records": 3, "known": {"A": 3}}
    split = split_of(version="1", records=6, partitions={"train": stated})
    assert split.verify(examples(targets), True).differences == ["train: 2 known labels of A, expected 3"]


def test_the_rarest_known_label_is_the_stratum_and_each_class_has_a_positive_in_a_small_fraction():
    rng = np.random.default_rng(0)
    targets = (rng.random((400, 3)) < [0.5, 0.2, 0.02]).astype(np.float32)
    targets[rng.random((400, 3)) < 0.3] = np.nan
    group = strata(targets)
    rare = targets[:, 2] == 1
    assert len(set(group[rare])) == 1 and not set(group[rare]) & set(group[~rare])
    chosen = labelled_subset(np.arange(400), 0.02, 0, targets)
    assert ((targets[chosen] == 1).any(axis=0)).all()


def test_deciles_are_of_the_known_values():
    values = np.r_[np.arange(100.0), np.full(20, np.nan)][:, None]
    group = strata(values)
    assert np.array_equal(np.bincount(group), [10] * 10 + [20])


def test_targets_of_any_size_are_counted_a_few_examples_at_a_time(monkeypatch):
    rng = np.random.default_rng(1)
    targets = (rng.random((90, 5)) < 0.3).astype(np.float32)
    targets[rng.random((90, 5)) < 0.2] = np.nan
    split = Split("s", split_of().content.model_copy(update={"classes": list("ABCDE")}))
    many = Examples(np.arange(90).astype(str), np.arange(90).astype(str), targets, pd.DataFrame(index=range(90)))
    whole = strata(targets), are_labels(targets), split.facts(many, np.arange(5, 80))
    for module in (stratify, split_module):
        monkeypatch.setattr(module, "CHUNK", 7)
    assert np.array_equal(whole[0], strata(targets))
    assert whole[1:] == (are_labels(targets), split.facts(many, np.arange(5, 80)))
    assert whole[2].classes["B"] == np.nansum(targets[5:80, 1])


def test_labels_of_many_classes_lie_in_a_file(monkeypatch):
    class Codes(MultilabelTask):
        """Codes."""

        column = "codes"
        classes = {str(k): str(k) for k in range(50)}  # noqa: RUF012

    records = pd.DataFrame(
        {"patient_id": ["a", "b", "c"], "codes": [["1", "49"], ["x"], ["7"]]}, index=["r0", "r1", "r2"]
    )
    monkeypatch.setattr(large_array, "IN_MEMORY", 60)
    targets = Codes().examples(records).targets
    assert isinstance(targets, np.memmap) and targets.dtype == np.uint8
    assert [np.flatnonzero(row).tolist() for row in targets] == [[1, 49], [7]]
