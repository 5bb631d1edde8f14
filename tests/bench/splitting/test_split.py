from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from bench.errors import ConfigError, DataError, UnknownName
from bench.splitting.split import load_split, read_split, split_files
from bench.splitting.stratify import strata
from bench.task import Examples

MERL = Path(__file__).parents[4] / "shared" / "data" / "merl-splits" / "ptbxl"

CV = {"kind": "repeated-stratified-cv", "folds": 2, "seeds": [42, 2021, 2022, 2023, 2024], "validation": 0.2}
COLUMN = {"kind": "column", "column": "fold", "train": [1, 2], "validation": [3], "test": [4]}


def examples(n: int = 400, per_patient: int = 2, targets: np.ndarray | None = None, seed: int = 0) -> Examples:
    rng = np.random.default_rng(seed)
    patients = np.arange(n) // per_patient
    if targets is None:
        targets = (rng.random((n, 3)) < [0.5, 0.2, 0.05]).astype(np.uint8)
    return Examples(
        record_ids=np.arange(n).astype(str),
        patient_ids=patients.astype(str),
        targets=targets,
        columns=pd.DataFrame({"fold": patients % 4 + 1}),
    )


@pytest.fixture
def split(tmp_path):
    def make(rule: dict, **fields):
        content = {"description": "d.", "source": "s", "rule": rule, "classes": ["A", "B", "C"]} | fields
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(content))
        return read_split(path)

    return make


# -- rules ------------------------------------------------------------------------------------------------------------


def test_a_column_names_the_partitions(split):
    data = examples()
    partition = split(COLUMN).partition(data)
    folds = data.columns["fold"].to_numpy()
    np.testing.assert_array_equal(partition.train, np.flatnonzero(folds <= 2))
    np.testing.assert_array_equal(partition.validation, np.flatnonzero(folds == 3))
    np.testing.assert_array_equal(partition.test, np.flatnonzero(folds == 4))


def test_cross_validation_covers_everyone_once_a_repeat_and_keeps_patients_whole(split):
    data, cv = examples(), split(CV)
    assert list(cv.folds) == list(range(10))
    for repeat in range(5):
        tests = [cv.partition(data, 2 * repeat + k).test for k in range(2)]
        np.testing.assert_array_equal(np.sort(np.concatenate(tests)), np.arange(400))
    for fold in cv.folds:
        partition = cv.partition(data, fold)
        groups = [set(data.patient_ids[rows]) for _, rows in partition.items()]
        assert len(groups[0] | groups[1] | groups[2]) == sum(map(len, groups))
        assert len(partition.validation) == pytest.approx(0.2 * 200, abs=6)
        assert sum(len(rows) for _, rows in partition.items()) == 400


@pytest.mark.parametrize("kind", ["multilabel", "multiclass", "survival", "regression"])
def test_cross_validation_is_stratified_on_the_outcome(split, kind):
    rng = np.random.default_rng(1)
    targets = {
        "multilabel": (rng.random((400, 3)) < [0.5, 0.2, 0.05]).astype(np.uint8),
        "multiclass": rng.integers(0, 3, 400),
        "survival": np.stack([rng.exponential(5, 400), (rng.random(400) < 0.15)], axis=1).astype(np.float64),
        "regression": rng.normal(size=(400, 1)),
    }[kind]
    data = examples(targets=targets)
    group = strata(targets, minimum=2)
    for fold in range(4):
        partition = split(CV).partition(data, fold)
        for _, rows in partition.items():
            share = np.bincount(group[rows], minlength=group.max() + 1) / len(rows)
            np.testing.assert_allclose(share, np.bincount(group) / 400, atol=0.05)


def test_folds_are_deterministic_and_repeats_differ(split):
    data, cv = examples(), split(CV)
    np.testing.assert_array_equal(cv.partition(data, 3).test, cv.partition(data, 3).test)
    assert not np.array_equal(cv.partition(data, 0).test, cv.partition(data, 2).test)


def test_strata_spread_rare_labels_and_merge_the_smallest():
    targets = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 0, 1], [1, 0, 0], [1, 1, 0]], np.uint8)
    groups = strata(targets)
    assert len(set(groups)) == 4
    assert groups[1] == groups[5] != groups[0] == groups[4]
    merged = strata(targets, minimum=2)
    assert merged[2] == merged[3]


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_a_patient_in_two_partitions_is_refused(split):
    data = examples()
    data.patient_ids[data.columns["fold"].to_numpy().argmax()] = "0"
    with pytest.raises(DataError, match=r"1 patients are in both train and test \(first: 0"):
        split(COLUMN).partition(data)


def test_windows_of_one_recording_may_be_kept_apart_by_example_only(split):
    data = examples()
    data.record_ids[:] = "same"
    data.patient_ids[:] = "same"
    with pytest.raises(DataError, match="records are in both"):
        split(COLUMN).partition(data)
    assert len(split(COLUMN, keep_apart="example").partition(data).test) == 100


def test_what_the_rule_needs_must_be_there(split):
    data = examples()
    with pytest.raises(ConfigError, match="folds 0 to 0; 1 is not"):
        split(COLUMN).partition(data, 1)
    with pytest.raises(DataError, match=r"the column 'strat'.*fold"):
        split(COLUMN | {"column": "strat"}).partition(data)
    with pytest.raises(
        DataError, match=r"no test examples .*\(d\)\. Its records have fold 9; found: 1, 2, 3, 4\. Correct"
    ):
        split(COLUMN | {"test": [9]}).partition(data)
    with pytest.raises(DataError, match="1 patients cannot be cut"):
        split(CV).partition(examples(4, per_patient=4))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"description": "d"}, "source"),
        ({"rule": {"kind": "dice"}}, "rule"),
        ({"rule": COLUMN | {"colour": 1}}, "colour"),
        ({"rule": CV | {"folds": 1}}, "folds"),
        ({"rule": CV | {"validation": 0.4}}, "one of several equal parts"),
        ({"rule": CV | {"validation": 0.7}}, "validation"),
        (
            {"rule": CV, "complete": {"version": "1", "records": 9, "partitions": {"test": {"records": 3}}}},
            "state records only",
        ),
        ({"n_flods": 2}, "n_flods"),
    ],
)
def test_a_file_that_is_no_split_is_refused(tmp_path, content, said):
    path = tmp_path / "x.yaml"
    whole = {"description": "d", "source": "s", "rule": COLUMN} | content
    path.write_text(yaml.safe_dump(content if "description" in content else whole))
    with pytest.raises(ConfigError, match=said):
        read_split(path)


def test_an_unknown_split_suggests_the_nearest():
    with pytest.raises(UnknownName, match="ptbxl-super"):
        load_split("ptbxl-supre")


# -- verification -----------------------------------------------------------------------------------------------------


def stated(split, data) -> dict:
    """What a split would state of these data."""
    facts = {name: split.facts(data, rows).model_dump() for name, rows in split.partition(data).items()}
    return {"version": "1", "records": len(data), "digest": split.digest(data), "partitions": facts}


def test_complete_data_agree_with_what_is_stated_of_them_in_any_order(split):
    data = examples()
    whole = split(COLUMN, complete=stated(split(COLUMN), data))
    order = np.random.default_rng(0).permutation(400)
    shuffled = Examples(
        data.record_ids[order], data.patient_ids[order], data.targets[order], data.columns.iloc[order].reset_index()
    )
    for copy in (data, shuffled):
        report = whole.verify(copy, complete=True)
        assert report.expected is not None
        report.raise_if_wrong()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: data.targets.__setitem__((slice(None), 0), 1), "positives of A"),
        (lambda data: data.record_ids.__setitem__(0, "x"), "digest"),
        (lambda data: data.patient_ids.__setitem__(0, "x"), "patients"),
        (lambda data: data.columns.__setitem__("fold", (np.arange(400) // 4) % 4 + 1), "train"),
    ],
)
def test_any_difference_in_complete_data_is_told(split, spoil, said):
    whole = split(COLUMN, complete=stated(split(COLUMN), examples()))
    data = examples()
    spoil(data)
    report = whole.verify(data, complete=True)
    with pytest.raises(DataError, match=said):
        report.raise_if_wrong()


def test_incomplete_data_are_counted_and_not_held_against_it(split):
    whole = split(COLUMN, complete=stated(split(COLUMN), examples()))
    report = whole.verify(examples(100), complete=False)
    report.raise_if_wrong()
    assert report.found["train"].records == 52
    assert report.found["test"].classes is not None


def test_cross_validation_is_verified_by_its_digest(split):
    data = examples()
    stated_of_it = {"version": "1", "records": 400, "digest": split(CV).digest(data)}
    whole = split(CV, complete=stated_of_it)
    assert whole.verify(data, complete=True).differences == []
    assert whole.verify(examples(seed=5), complete=True).differences


def test_classes_without_a_positive_are_named(split):
    data = examples()
    data.targets[data.columns["fold"].to_numpy() == 4, 2] = 0
    assert split(COLUMN).verify(data, complete=False).empty_classes["test"] == ["C"]


def test_the_digest_knows_windows_and_ignores_the_order_of_classes(tmp_path, split):
    data = examples()
    first = split(COLUMN).digest(data)
    turned = Examples(data.record_ids, data.patient_ids, data.targets[:, ::-1], data.columns)
    assert split(COLUMN, classes=["C", "B", "A"]).digest(turned) == first
    windows = Examples(data.record_ids, data.patient_ids, data.targets, data.columns, start=np.ones(400))
    assert split(COLUMN).digest(windows) != first


def test_a_split_without_classes_tells_label_sets_by_their_columns(split):
    data = examples()
    nameless = split(COLUMN, classes=[])
    changed = Examples(data.record_ids, data.patient_ids, 1 - data.targets, data.columns)
    assert nameless.verify(data, complete=False).empty_classes["test"] == []
    assert nameless.digest(data) == nameless.digest(examples()) != nameless.digest(changed)


def test_another_number_of_classes_is_refused(split):
    with pytest.raises(ConfigError, match="lists 2 classes and the task has 3"):
        split(COLUMN, classes=["A", "B"]).verify(examples(), complete=False)


# -- the built-in splits ---------------------------------------------------------------------------------------------


WITHOUT_RELEASED_LABELS = {"ptbxl-age", "ptbxl-intervals", "ptbxl-sex", "ptbxl-super-labels", "ptbxl-sub-labels"}
"""Nobody released the labels of these tasks as a list, from which numbers of all of PTB-XL could be computed here. Those of
``-labels`` differ between the variants that share the split."""


@pytest.mark.parametrize("name", sorted(n for n in split_files() if n.startswith("ptbxl-")))
def test_built_in_splits_load_and_their_classes_are_their_task_s(name):
    from bench import registry

    split_of = {task: entry.attributes.get("split", task) for task, entry in registry.entries(registry.TASKS).items()}
    tasks = [registry.load(registry.TASKS, task) for task, split in split_of.items() if split == name]
    assert tasks
    split = load_split(name)
    if name in WITHOUT_RELEASED_LABELS:
        assert split.content.complete is None
        assert all(split.content.classes in ([], list(task.classes)) for task in tasks)
        return
    assert all(split.content.classes == list(task.classes) for task in tasks)
    assert split.content.complete is not None
    partitions = split.content.complete.partitions
    assert sum(facts.records for facts in partitions.values()) == split.content.complete.records


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("ptbxl-super", (17_084, 2_146, 2_158)),
        ("ptbxl-sub", (17_084, 2_146, 2_158)),
        ("ptbxl-form", (7_197, 901, 880)),
        ("ptbxl-rhythm", (16_832, 2_100, 2_098)),
    ],
)
def test_published_counts(name, counts):
    partitions = load_split(name).content.complete.partitions
    assert tuple(partitions[part].records for part in ("train", "validation", "test")) == counts


@pytest.mark.parametrize(
    ("name", "folder"),
    [("ptbxl-super", "super_class"), ("ptbxl-sub", "sub_class"), ("ptbxl-form", "form"), ("ptbxl-rhythm", "rhythm")],
)
def test_the_released_label_files_agree(name, folder):
    """MERL's released files hold every labelled record of PTB-XL 1.0.3; columns are taken by name, because those of
    validation and test stand in another order than those of training in ``sub_class``."""
    if not MERL.is_dir():
        pytest.skip("no released label files: ../shared/data/merl-splits is absent")
    split = load_split(name)
    tables = [pd.read_csv(MERL / folder / f"ptbxl_{folder}_{part}.csv") for part in ("train", "val", "test")]
    table = pd.concat([t[["ecg_id", "patient_id", "strat_fold", *split.content.classes]] for t in tables])
    data = Examples(
        record_ids=table["ecg_id"].astype(str).to_numpy(dtype=str),
        patient_ids=table["patient_id"].astype(int).astype(str).to_numpy(dtype=str),
        targets=table[split.content.classes].to_numpy(np.uint8),
        columns=table.reset_index(drop=True),
    )
    report = split.verify(data, complete=True)
    assert report.differences == []
    assert report.digest == split.content.complete.digest


def test_a_task_whose_split_lists_other_classes_is_refused_before_data_are_read(split, tmp_path, monkeypatch):
    """Two class names in another order would count, and check, the wrong labels."""
    from bench import registry
    from bench.runner.plan import RunOptions, plan

    task = registry.load(registry.TASKS, "ptbxl-super")
    path = tmp_path / "mine.yaml"
    split(COLUMN, classes=["NORM", "HYP", "MI", "CD", "STTC"])
    monkeypatch.setattr(task, "split", "mine")
    monkeypatch.setattr("bench.splitting.split.split_files", lambda: {"mine": path})
    with pytest.raises(ConfigError, match=f"{path}: classes: NORM, HYP, .*; expected .* ptbxl-super .*: HYP, NORM, "):
        plan(RunOptions(["random-resnet"], ["ptbxl-super"], ["linear"]))
