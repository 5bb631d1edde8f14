"""A task with unknown targets, from its examples to result, table of classes, card and board."""

import numpy as np
import pytest

from bench.cells.per_class import class_values
from bench.cells.result import columns_of
from bench.data.source import DataSource
from bench.errors import DataError
from bench.leaderboard.cards import card_of, read_card
from bench.leaderboard.footnotes import footnotes
from bench.leaderboard.validation.validate import check
from bench.runner import execute
from bench.runner.plan import RunOptions
from bench.runner.rescore import differences, rescored
from bench.runner.session import Session
from bench.storage.artifacts import write_json
from bench.tracking.figures import charts_of, hanley_mcneil

TASK = '''
    import dataclasses
    import numpy as np
    from bench.task import MultilabelTask
    from tasks.ptbxl import PTBXLSuperclass

    class Masked(PTBXLSuperclass):
        """The superclasses, of which one is unknown in a third of the recordings."""
        name = "ptbxl-masked"
        spoiled = False

        def examples(self, records):
            examples = super().examples(records)
            targets = examples.targets.astype(np.float32)
            targets[::3, 1] = np.nan
            if self.spoiled:
                targets[4, 2] = 7
            return dataclasses.replace(examples, targets=targets)
'''


@pytest.fixture
def masked(plugin):
    return plugin("masked_task", TASK, group="bench.tasks", value="masked_task:Masked")


def test_unknown_labels_go_through_a_run(masked, workspace, tmp_path):
    modes = ["linear", "knn", "finetune"]
    options = RunOptions(["random-vit"], ["ptbxl-masked"], modes, overrides=["finetune.epochs=1"], track=False)
    results = execute.run(options, DataSource(workspace, simulated_records=120)).results
    assert [r.cell.mode for r in results] == modes
    for result in results:
        table = result.predictions()
        test = table[table.partition == "test"]
        known = np.isfinite(columns_of(test, "target"))
        assert known.all(axis=0).sum() == 4 and 0 < known[:, 1].sum() < len(test)
        assert np.isfinite(columns_of(table, "score")).all()
        rows = class_values(result)
        assert [row["known"] for row in rows] == known.sum(axis=0).tolist()
        assert not differences(result.score, rescored(result))
        path = write_json(tmp_path / "card.json", card_of(result)) or tmp_path / "card.json"
        assert not check(read_card(path))
        assert any("labels that are known of the" in note for note in footnotes({"row": [result]}))
        (forest,) = (chart for chart in charts_of(result) if chart["title"] == "AUROC per class")
        for row in forest["rows"]:
            values = next(values for values in rows if values["class"] == row["name"])
            negatives = int(values["known"]) - row["n"]
            assert [row["low"], row["high"]] == list(hanley_mcneil(row["value"], row["n"], negatives))


def test_a_label_that_is_neither_is_refused_before_training(masked, workspace, monkeypatch):
    import masked_task

    monkeypatch.setattr(masked_task.Masked, "spoiled", True)
    session = Session(DataSource(workspace, simulated_records=120), "smoke")
    with pytest.raises(
        DataError, match=r"task ptbxl-masked: the target of record \d+, \w+ is 7.0; expected 0 or 1, or NaN"
    ):
        session.task_data("ptbxl-masked")
