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
    assert label_quality._variants(task, source, np.array(["1"])) == {}
    assert "labels left out: the column validated_by_human is missing" in capsys.readouterr().err
