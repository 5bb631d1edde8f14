"""Other labels of test records: what this copy of the data does not have is named."""

import numpy as np

from bench import registry
from bench.errors import DataError
from bench.leaderboard import label_quality


def test_labels_that_a_copy_lacks_are_named(monkeypatch, capsys):
    variant = registry.load(registry.TASKS, "ptbxl-super@validated")

    def lacks(self, records):
        raise DataError("the column validated_by_human is missing")

    monkeypatch.setattr(variant, "examples", lacks)
    monkeypatch.setattr(label_quality, "variants_of", lambda task: ["ptbxl-super@validated"])
    source = type("Source", (), {"store": lambda self, name: type("Store", (), {"records": None})})()
    task = registry.load(registry.TASKS, "ptbxl-super")()
    assert label_quality.other_labels(task, source) == []
    assert "labels left out: the column validated_by_human is missing" in capsys.readouterr().err


def test_labels_of_a_variant_are_read_once_for_all_methods(monkeypatch, scored_result, tmp_path):
    task, reads = registry.load(registry.TASKS, "ptbxl-super")(), []

    def read(task, source):
        reads.append(task.name)
        return [label_quality.OtherLabels("cleaner", {"200": 0}, np.ones((1, 5)))]

    monkeypatch.setattr(label_quality, "other_labels", read)
    results = [scored_result(tmp_path, method, 1.0) for method in ("random-vit", "random-resnet")]
    assert len(label_quality.label_tables(results, source=None)) == 2
    assert reads == [task.name]
    only = label_quality.OtherLabels("cleaner", {"200": 0}, np.ones((1, 5)))
    np.testing.assert_array_equal(only.of(np.array(["200", "absent"])), [[1] * 5, [np.nan] * 5])
