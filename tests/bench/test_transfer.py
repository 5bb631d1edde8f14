"""Transferred tasks: which classes are shared, and their targets; views and data of two datasets as one."""

from typing import ClassVar

import numpy as np
import pytest

from bench import registry
from bench.errors import ConfigError
from bench.signals.in_memory import ArrayStore
from bench.signals.input_spec import InputSpec
from bench.signals.joined_view import JoinedView
from bench.signals.windows import SignalView
from bench.transfer import shared_classes
from tasks.class_vocabulary import meanings, vocabulary


class First:
    classes: ClassVar = {"block": "", "flutter": "", "normal": ""}
    meanings: ClassVar = {"block": ("lbbb", "rbbb"), "flutter": ("afl",), "normal": ("normal",)}


class Second:
    classes: ClassVar = {"L": "", "R": "", "irregular": "", "sure": ""}
    meanings: ClassVar = {"L": ("lbbb",), "R": ("rbbb",), "irregular": ("af", "afl"), "sure": ("?afl",)}


def test_a_class_is_shared_where_the_other_dataset_has_words_for_it_and_nothing_else():
    shared, unclear = shared_classes(First, Second)
    assert shared == {"block": ["L", "R"]} and unclear == {"block": []}

    class Third(Second):
        classes: ClassVar = Second.classes | {"F": ""}
        meanings: ClassVar = Second.meanings | {"F": ("afl",)}

    shared, unclear = shared_classes(First, Third)
    assert shared["flutter"] == ["F"] and unclear["flutter"] == ["irregular", "sure"]


def test_targets_are_positive_negative_or_unknown():
    task = registry.load(registry.TASKS, "ptbxl-rhythm-to-csn")
    names, theirs = list(task.classes), list(task.test.classes)
    tested = np.zeros((4, len(theirs)), np.uint8)
    tested[0, theirs.index("AFIB")] = 1
    tested[1, theirs.index("AF")] = 1  # flutter in one hospital, flutter or fibrillation in the other
    tested[2, theirs.index("SVT")] = 1
    targets = task.targets_of(tested)
    np.testing.assert_array_equal(targets[:, names.index("AFIB")], [1, np.nan, 0, 0])
    np.testing.assert_array_equal(targets[:, names.index("SVTAC")], [0, 0, 1, 0])
    assert np.isnan(targets[:, names.index("AFLT")]).all()  # CSN has no safe word for flutter alone


def test_an_unknown_part_leaves_a_class_unknown_unless_another_part_is_positive():
    task = registry.load(registry.TASKS, "ptbxl-super-to-code15")
    tested = np.array([[1, np.nan, 0], [0, np.nan, 0], [0, 0, 0]], np.float32)
    tested = np.concatenate([tested, np.zeros((3, 3), np.float32)], axis=1)  # 1dAVb, RBBB, LBBB, then rhythms
    np.testing.assert_array_equal(task.targets_of(tested)[:, list(task.classes).index("CD")], [1, np.nan, 0])


def test_measured_values_are_shared_by_their_words_and_copied():
    task = registry.load(registry.TASKS, "code15-age-to-ptbxl-age")
    np.testing.assert_array_equal(task.targets_of(np.array([[41.0], [np.nan]])), [[41.0], [np.nan]])
    assert task.shared == {"age": ["age"]}


def test_every_class_of_the_table_is_one_of_a_task():
    """A misspelt class would silently be a negative."""
    codings = [name for name in vocabulary()[0] if name not in ("finding", "words", "note")]
    tasks = [registry.load(registry.TASKS, name) for name in registry.entries(registry.TASKS)]
    for coding in codings:
        known = {label for task in tasks if task.meanings == meanings(coding) for label in task.classes}
        assert known and not set(meanings(coding)) - known, coding


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "ptbxl-rhythm-to-code15-normal",
            "no class of ptbxl-rhythm .* Tasks that share classes with ptbxl-rhythm: .*csn",
        ),
        ("ptbxl-super-to-ptbxl-form", "both tasks are of ptbxl"),
        ("ptbxl-age-to-csn", "no class of ptbxl-age .* Tasks that share classes with ptbxl-age: .*mimic-age"),
        ("ptbxl-sex-to-mimic-sex", r"ptbxl-sex \(multiclass\) states no findings"),
        ("ptbxl-super-to-cns", "unknown task 'cns'. Did you mean 'csn'"),
    ],
)
def test_pairs_that_cannot_be_transferred(name, message):
    with pytest.raises(ConfigError, match=message):
        registry.load(registry.TASKS, name)


def test_names_are_read_as_those_of_tasks():
    assert registry.match(registry.TASKS, ["PTBXL_super-to-CSN"]) == ["ptbxl-super-to-csn"]
    assert "ptbxl-super-to-csn" not in registry.entries(registry.TASKS)
    assert registry.load(registry.TASKS, "ptbxl-super-to-csn").datasets() == ("ptbxl", "csn")


def test_joined_views_read_each_example_from_its_store():
    rng = np.random.default_rng(0)
    stores = [ArrayStore([rng.normal(size=(12, 10 * fs)).astype(np.float32) for _ in range(3)], fs) for fs in (100, 50)]
    spec = InputSpec(fs=100, seconds=10)
    views = [SignalView(stores[0], spec), SignalView(stores[1], spec, rows=np.array([2, 0]))]
    view = JoinedView(views)
    positions = np.array([4, 0, 3, 2])
    ecg, leads = view.batch(positions)
    np.testing.assert_array_equal(ecg[[1, 3]], views[0].batch(np.array([0, 2]))[0])
    np.testing.assert_array_equal(ecg[[0, 2]], views[1].batch(np.array([1, 0]))[0])
    assert len(view) == 5 and leads.all()
    windows, owner = view.sliding(positions, seconds=5, stride=5)
    for i in range(len(owner)):
        example = view.batch(positions[owner[i]][None])[0][0]
        window = windows.batch(np.array([i]))[0][0]
        assert any(np.array_equal(window, example[:, s : s + 500]) for s in (0, 500))
    assert np.bincount(owner).tolist() == [2, 2, 2, 2]
