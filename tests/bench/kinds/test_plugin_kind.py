"""A plugin adds a kind of task by entry points alone."""

from bench import kinds, registry
from bench.data.source import DataSource
from bench.runner import execute
from bench.runner.plan import RunOptions

KIND = '''
    from bench.kinds import Kind

    class Count(Kind):
        """How often something is found in a recording."""
        name = "count"
        metrics = {"mae": "log"}
        objective = "count_training:CountObjective"
        measure = "count_scoring:counts"
        targets = "float64 [example, target]"
        target_dimensions, target_letter, scored_as = 2, "f", "float64"

        def wrong_targets(self, targets, columns):
            return targets < 0, "0 or more"
'''
TRAINING = '''
    import numpy as np
    import torch
    from bench.training.objective import Objective

    class CountObjective(Objective):
        """Squared error of log(1 + count)."""
        loss_name = "squared"

        def learned(self, targets):
            return torch.log1p(targets.double())

        def scores(self, outputs):
            return torch.expm1(outputs.detach().double().cpu()).numpy()

        def selection_value(self, targets, scores):
            return -float(np.abs(targets - scores).mean())
'''
SCORING = """
    import numpy as np
    from bench.scoring.kinds import Measured, all_clusters

    def counts(targets, scores, clusters, classes, validation, wanted):
        off = np.abs(targets - scores)
        once = {"mae": off.mean(axis=0)}
        return Measured(
            truth=targets,
            parts=once,
            again=lambda weights, names: {"mae": weights.T @ off / weights.sum(axis=0)[:, None]},
            carriers={"mae": np.repeat(all_clusters(clusters), targets.shape[1])},
            per_class=once,
            support=np.count_nonzero(targets, axis=0),
            left_out=np.zeros(targets.shape[1], bool),
        )
"""
TASK = '''
    import dataclasses
    from bench.task import MultilabelTask

    class Findings(MultilabelTask):
        """How many diagnostic superclasses a recording has."""
        name = "ptbxl-findings"
        dataset = "ptbxl"
        kind = "count"
        split = "ptbxl-super"
        classes = {"findings": "number of findings"}
        column = "superclass"

        def examples(self, records):
            chosen = records[records[self.column].map(len) > 0]
            labels = MultilabelTask.examples(_AnyLabel(), chosen)
            return dataclasses.replace(labels, targets=labels.targets.sum(axis=1, keepdims=True).astype(float))

    class _AnyLabel(Findings):
        classes = {name: name for name in ("NORM", "MI", "STTC", "CD", "HYP")}
'''


def test_a_plugins_kind_is_run_and_scored_and_its_training_is_in_the_key(plugin, workspace, changed):
    plugin("count_training", TRAINING, group="none")
    plugin("count_scoring", SCORING, group="none")
    plugin("count_kind", KIND, group="bench.kinds")
    plugin("count_task", TASK, group="bench.tasks", value="count_task:Findings")
    options = RunOptions(["random-vit"], ["ptbxl-findings"], ["linear"], overrides=["linear.epochs=2"], track=False)

    def ran():
        (result,) = execute.run(options, DataSource(workspace, simulated_records=120)).results
        return result

    first = ran()
    assert first.score["kind"] == "count"
    assert first.score["metrics"]["mae"]["value"] > 0
    changed("count_scoring", "counts")
    changed("count_kind", "Count")
    assert ran().key == first.key
    changed("count_training", "CountObjective")
    assert ran().key != first.key


def test_the_five_kinds_are_registered_as_a_plugins_would_be():
    names = list(registry.entries(registry.KINDS))
    assert names == ["identification", "multiclass", "multilabel", "regression", "survival"]
    for name in names:
        kind = kinds.load(name)
        assert kind.load_objective() and kind.load_measure() and kind.selection_metric in kind.metrics
