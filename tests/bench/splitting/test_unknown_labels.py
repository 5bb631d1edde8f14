"""Splits, strata and fractions of targets of which some are unknown."""

import numpy as np
import pandas as pd

from bench.splitting.label_fractions import labelled_subset
from bench.splitting.rules import ColumnRule
from bench.splitting.split import Split, SplitFile
from bench.splitting.stratify import are_labels, strata
from bench.task import Examples

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
