"""``bench splits verify`` reports agreement, differences and subsets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from bench.splitting.split import read_split
from bench.splitting.verify import check_split
from bench.task import Examples

COLUMN = {"kind": "column", "column": "fold", "train": [1, 2], "validation": [3], "test": [4]}
CV = {"kind": "repeated-stratified-cv", "folds": 2, "seeds": [42, 2021], "validation": 0.2}


def examples(n: int = 400) -> Examples:
    patients = np.arange(n) // 2
    return Examples(
        record_ids=np.arange(n).astype(str),
        patient_ids=patients.astype(str),
        targets=(np.random.default_rng(0).random((400, 3)) < [0.5, 0.2, 0.05]).astype(np.uint8)[:n],
        columns=pd.DataFrame({"fold": patients % 4 + 1}),
    )


@pytest.fixture
def split(tmp_path):
    """A split whose stated numbers are those of ``examples()``."""

    def make(rule=COLUMN, stated=True, **changed):
        content = {"description": "d.", "source": "s", "rule": rule, "classes": ["A", "B", "C"]}
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(content))
        if stated:
            found = read_split(path).verify(examples(), False)
            parts = {name: facts.model_dump() for name, facts in found.found.items()}
            content["complete"] = {
                "version": "1",
                "records": 400,
                "digest": found.digest,
                "partitions": parts,
            } | changed
            path.write_text(yaml.safe_dump(content))
        return read_split(path)

    return make


def test_a_complete_copy_agrees_and_the_words_say_in_what(split):
    check = check_split("t", split(), examples(), "complete")
    assert check.verdict == "agrees"
    assert check.lines() == [
        "t on mine: agrees (train 200, validation 100, test 100)",
        "  No recording or patient is in two partitions.",
        (
            "  As stated for version 1: numbers of recordings, of patients, of positives of each class, digests over "
            "record ids and labels."
        ),
    ]


def test_a_split_without_a_digest_shows_that_of_a_complete_copy(split):
    stated = split()
    check = check_split("t", split(digest=None), examples(), "complete")
    assert check.verdict == "agrees"
    assert check.words[-1] == (
        f"The split states no digest; that of this copy is {stated.content.complete.digest}: please report it."
    )


def test_one_changed_label_is_told(split):
    data = examples()
    data.targets[7, 2] ^= 1
    check = check_split("t", split(), data, "complete")
    assert check.verdict == "differs"
    assert any("positives of C, expected" in words for words in check.words)
    assert any(words.startswith("digest ") for words in check.words)
    assert not any("assumption" in words for words in check.words)
    lenient = check_split("t", split(binding=False), data, "complete")
    assert any("rest on an assumption" in words for words in lenient.words)


def test_a_subset_may_not_hold_more_than_the_whole(split):
    part = examples(40)
    assert check_split("t", split(), part, "subset").verdict == "subset"
    part.targets[:, 2] = 1
    check = check_split("t", split(), part, "subset")
    assert check.verdict == "differs"
    assert any("positives of C, of" in words for words in check.words)


def test_a_part_too_small_for_every_partition_is_no_difference(split):
    check = check_split("t", split(), examples(4), "subset")
    assert check.verdict == "not checked"
    assert check.words == ["None of the 4 available examples is in validation or in test: too small a part."]


def test_a_shared_patient_is_a_difference(split):
    data = examples()
    data.patient_ids[:] = "one"
    check = check_split("t", split(), data, "subset")
    assert check.verdict == "differs"
    assert "are in both train and validation" in check.words[0]


def test_simulated_recordings_are_held_against_nothing(split):
    data = examples()
    data.targets[:] = 1
    check = check_split("t", split(), data, "simulated")
    assert check.verdict == "simulated"
    assert "(200/100/100 of version 1) are of real recordings: not comparable" in check.words[1]


def test_every_fold_of_cross_validation_is_recomputed(split):
    check = check_split("t", split(CV, stated=False), examples(), "complete")
    assert check.verdict == "no stated numbers"
    assert check.words[0] == "In each of 4 folds no recording or patient is in two partitions."
    assert check.counts["test"][0] >= 190
