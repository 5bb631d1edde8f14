"""Folds of ECGBench: read from its output, held to its manifest, used by the tasks that name them."""

from __future__ import annotations

import hashlib
import json

import pandas as pd
import pytest

from bench.errors import DataError
from bench.splitting.released_partitions import with_imported
from bench.splitting.split import split_of
from tasks.cinc2021 import GeorgiaLabels
from tasks.ecgbench_import import import_ecgbench


def _output(folder, slug, folds, **changes):
    """As ``ecgbench splits`` writes it."""
    (folder / "original").mkdir(parents=True)
    (folder / "clean").mkdir()
    rows = [f"{record},{record},x,{fold},train,True," for record, fold in folds.items()]
    heading = "record_name,patient_id,filename,fold,default_split,is_valid,quality_issues"
    (folder / "original" / "folds.csv").write_text("\n".join([heading, *rows]) + "\n")
    (folder / "clean" / "folds.csv").write_text(heading + "\n")
    lines = "\n".join(f"{record},{fold}" for record, fold in sorted(folds.items()))
    manifest = {
        "dataset": slug,
        "split": {"n_folds": 10, "random_state": 42, "record_id_column": "record_name"},
        "fold_digest": {"original": hashlib.sha256(lines.encode()).hexdigest(), "clean": ""},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))
    return folder


@pytest.fixture
def challenge(tmp_path):
    names = [f"E{k:05d}" for k in range(1, 31)] + ["Q0001", "JS00001", "JS10646", "JS10647", "JS45551", "S23074"]
    return _output(tmp_path / "out", "challenge_2021", {name: k % 10 + 1 for k, name in enumerate(names)})


def test_folds_of_the_challenge_reach_each_cohort_and_its_task(challenge, tmp_path):
    report = import_ecgbench(challenge, tmp_path / "imported")
    assert report.agrees and report.sets[0].counts == {"train": 30, "validation": 3, "test": 3}
    ningbo = pd.read_csv(tmp_path / "imported" / "ningbo.csv", index_col="record_id")
    assert ningbo.index.tolist() == ["JS10647", "JS23074", "JS45551"]  # Chapman's are another cohort
    records = pd.DataFrame(
        {"patient_id": [f"E{k:05d}" for k in range(1, 31)], "codes": [["426783006"]] * 30, "labels": [["NSR"]] * 30},
        index=[f"E{k:05d}" for k in range(1, 31)],
    )
    examples = GeorgiaLabels().examples(with_imported(records.assign(fold=1), tmp_path / "imported", "georgia"))
    split = split_of(GeorgiaLabels, examples)
    assert split.name == "georgia-ecgbench"
    assert [len(rows) for _, rows in split.partition(examples).items()] == [24, 3, 3]


def test_folds_that_differ_from_their_manifest_are_not_imported(challenge, tmp_path):
    table = challenge / "original" / "folds.csv"
    table.write_text(table.read_text().replace("E00001,E00001,x,1,", "E00001,E00001,x,2,"))
    report = import_ecgbench(challenge, tmp_path / "imported")
    assert not report.agrees and report.written == []
    assert "expected" in report.sets[0].differences[0]


def test_folds_of_sph_are_held_to_the_published_digest(tmp_path):
    folder = _output(tmp_path / "out", "sph", {"A00001": 1, "A00002": 10})
    report = import_ecgbench(folder, tmp_path / "imported")
    assert ["expected 1cc525cc6809 (published)" in text for text in report.sets[0].differences] == [True]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), r"no manifest\.json lies below"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "lacks 'dataset'"),
        (lambda folder: (folder / "original/folds.csv").unlink(), "holds no table of folds"),
        (
            lambda folder: (folder / "original/folds.csv").write_text("record_name,fold\nE00001,11\n"),
            "record E00001 has the fold '11'",
        ),
    ],
)
def test_a_folder_that_is_none_is_refused(challenge, damage, message):
    damage(challenge)
    with pytest.raises(DataError, match=message):
        import_ecgbench(challenge)
