"""Hooks of a method in fine-tuning, and batches that hold their share of events."""

import numpy as np
import torch

from bench.modes.finetune import Config, _Classifier
from bench.splitting.stratify import spread_evenly
from bench.training.loop import split_decay
from bench.training.objective import objective_for


class Task:
    name, kind = "made-up", "survival"


class Cell:
    task, n_outputs = Task, 2
    train = np.arange(4)
    targets = np.array([[1.0, 0], [2, 1], [3, 0], [4, 1]])


class Remembers(torch.nn.Module):
    """Doubles what training sees, and adds 7 to the loss."""

    def encode(self, batch):
        return batch.ecg

    def head(self, dim, n_outputs):
        return torch.nn.Linear(dim, n_outputs)

    def augment_finetuning(self, batch):
        return type(batch)(batch.ecg * 2, batch.target)

    def finetune_loss(self, batch, seen, encoded, task_loss):
        assert torch.equal(seen.ecg, 2 * batch.ecg)
        assert torch.equal(encoded, seen.ecg)
        return task_loss + 7


class Batch:
    def __init__(self, ecg, target=None):
        self.ecg, self.target = ecg, target


def test_training_sees_the_augmented_batch_and_scoring_does_not():
    batch = Batch(torch.randn(5, 3), torch.randint(2, (5, 2)))
    model = _Classifier(Remembers(), batch, 2)
    objective = objective_for("multilabel", 2)
    expected = objective.loss(model.head(2 * batch.ecg), batch.target) + 7
    torch.testing.assert_close(model.training_loss(batch, objective), expected)
    torch.testing.assert_close(model(batch), model.head(batch.ecg))


def test_strata_are_events_or_classes_and_nothing_where_a_recording_has_several():
    survival = objective_for("survival", 1).strata(Cell.targets[Cell.train])
    assert survival.tolist() == [0, 1, 0, 1]
    assert objective_for("multilabel", 2).strata(np.eye(2, dtype=np.uint8)) is None
    assert objective_for("multilabel", 1).strata(np.array([[1], [0]], np.uint8)).tolist() == [1, 0]
    order = spread_evenly(survival, np.random.default_rng(0))
    assert [sorted(pair) for pair in survival[order].reshape(2, 2).tolist()] == [[0, 1], [0, 1]]


def test_label_smoothing_is_cross_entropys_of_two_classes():
    logits = torch.tensor([[0.7], [-1.2]])
    targets = torch.tensor([[1], [0]])
    as_yes_or_no = objective_for("multilabel", 1, 0.2).loss(logits, targets)
    two = torch.cat([torch.zeros(2, 1), logits], 1)
    torch.testing.assert_close(as_yes_or_no, objective_for("multiclass", 2, 0.2).loss(two, targets[:, 0]))


def test_decay_spares_vectors_positions_and_tokens():
    shapes = [(4, 3), (4,), (1, 301, 8), (8, 1, 1, 100)]
    groups = split_decay({"params": [torch.nn.Parameter(torch.zeros(s)) for s in shapes], "lr": 0.1}, 0.5)
    assert [(g["weight_decay"], [tuple(p.shape) for p in g["params"]]) for g in groups] == [
        (0.5, [(4, 3), (8, 1, 1, 100)]),
        (0.0, [(4,), (1, 301, 8)]),
    ]
    assert Config(decayed="matrices").decayed == "matrices"
