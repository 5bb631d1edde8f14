"""Cuts that depend on record ids and labels alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from bench.splitting.stratify import hash_fraction, stratified_folds, stratified_parts

SIZES = {"train": 70, "validation": 10, "test": 20}


@pytest.fixture(scope="module")
def labelled() -> tuple[list[str], list[list[str]]]:
    rng = np.random.default_rng(0)
    ids = [f"R{k:04d}" for k in range(1000)]
    labels = [
        [name for name, share in (("common", 0.7), ("some", 0.2), ("rare", 0.01)) if rng.random() < share] for _ in ids
    ]
    labels[5], labels[6], labels[7] = ["three"], ["three"], ["three", "common"]
    return ids, labels


def test_hashes_are_even_stable_and_of_the_salt():
    fractions = hash_fraction([str(k) for k in range(4000)], "salt")
    assert fractions.min() >= 0
    assert fractions.max() < 1
    assert abs(fractions.mean() - 0.5) < 0.02
    assert hash_fraction(["A0001", "JS00001"], "cpsc2018") == pytest.approx([0.12919524, 0.67383718], abs=1e-8)
    assert (hash_fraction(["a", "b"], "x") != hash_fraction(["a", "b"], "y")).all()


def test_parts_have_the_sizes_and_balance_the_labels(labelled):
    ids, labels = labelled
    parts = stratified_parts(ids, labels, SIZES, "x")
    assert Counter(parts.tolist()) == {"train": 700, "validation": 100, "test": 200}
    for label, tolerance in (("common", 0.03), ("some", 0.03)):
        has = np.array([label in found for found in labels])
        assert abs((parts[has] == "test").mean() - 0.2) < tolerance
    three = np.array(["three" in found for found in labels])
    assert set(parts[three]) == {"train", "validation", "test"}


def test_parts_do_not_depend_on_the_order_of_records(labelled):
    ids, labels = labelled
    parts = dict(zip(ids, stratified_parts(ids, labels, SIZES, "x"), strict=True))
    order = np.random.default_rng(1).permutation(len(ids))
    again = stratified_parts([ids[k] for k in order], [labels[k] for k in order], SIZES, "x")
    assert dict(zip([ids[k] for k in order], again, strict=True)) == parts
    assert (stratified_parts(ids, labels, SIZES, "y") != np.array(list(parts.values()))).any()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7])
def test_few_records_all_get_a_part(n):
    parts = stratified_parts([str(k) for k in range(n)], [["a"]] * n, SIZES, "x")
    assert len(parts) == n
    assert set(parts) <= set(SIZES)


def test_folds_are_even_and_balance_the_labels(labelled):
    ids, labels = labelled
    fold = stratified_folds(ids, labels, 10, "x")
    assert set(fold) == set(range(1, 11))
    assert np.ptp(np.bincount(fold)[1:]) <= 4
    for label in ("common", "some"):
        has = np.array([label in found for found in labels])
        assert np.ptp(np.bincount(fold[has], minlength=11)[1:]) <= 2
    order = np.random.default_rng(2).permutation(len(ids))
    again = stratified_folds([ids[k] for k in order], [labels[k] for k in order], 10, "x")
    assert (again == fold[order]).all()
