"""Training of everything, on made-up recordings whose label is a rule that can be learned."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bench.data.batches import BatchSource
from bench.method import Method
from bench.modes import finetune
from bench.modes.mode_io import ModeInput
from bench.progress import track
from bench.scoring.classification import ovr_auroc
from bench.seeding import seeded
from bench.signals.input_spec import InputSpec
from bench.signals.store import SignalStore
from bench.signals.windows import SignalView
from bench.task import Task

SPEC = InputSpec(fs=100, seconds=2)


class Recordings(SignalStore):
    """In memory: noise, in which a positive recording has a bump, 0.5 s long, somewhere in its 4 s."""

    def __init__(self, n: int = 120):
        rng = np.random.default_rng(0)
        self.targets = rng.integers(0, 2, (n, 2))
        ecg = rng.normal(0, 0.3, (n, 12, 400))
        for row, lead in zip(*np.nonzero(self.targets), strict=True):
            begin = rng.integers(0, 350)
            ecg[row, 3 * lead, begin : begin + 50] += 2 * np.hanning(50)
        self._signals, self._gains, self._offsets = (
            np.rint(1000 * ecg).astype(np.int16),
            np.full((n, 12), 1000, np.float32),
            None,
        )
        self.fs, self.path, self.lengths = 100.0, Path("memory"), np.full(n, 400)
        self._checked = np.ones(n, bool)


class Bumps(Method):
    """A small convolutional network. Source: this test."""

    name = "bumps"
    input = SPEC

    def build(self, config):
        self.net = nn.Sequential(nn.Conv1d(12, 8, 25, stride=4), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten())
        self.lengths = set()

    def encode(self, batch):
        self.lengths.add(batch.ecg.shape[2])
        return self.net(batch.ecg)


class TwoAnswers(Bumps):
    """Its head answers twice in training. Source: this test."""

    def head(self, dim, n_outputs):
        return Twice(dim, n_outputs)


class Twice(nn.Linear):
    def forward(self, vector):
        answer = super().forward(vector)
        return torch.stack([answer, answer]) if self.training else answer


class BumpTask(Task):
    name, dataset, kind, split = "bumps", "memory", "multilabel", "none"
    classes = {"A": "first", "B": "second"}  # noqa: RUF012

    def examples(self, records):
        raise AssertionError("these tests say themselves which recordings there are")


class OneBumpTask(BumpTask):
    kind = "multiclass"


def trained(method_class=Bumps, mode="scratch", task_class=BumpTask, **settings):
    store = Recordings()
    if task_class is OneBumpTask:
        store.targets = store.targets[:, 0]
    settings = {"epochs": 15, "batch_size": 16, "lr": 1e-2, "precision": "32-true"} | settings
    with seeded(0):
        method = method_class()
    test = np.arange(80, 120)
    blanked = store.targets.copy()
    blanked[test] = 0
    with track("test") as progress:
        cell = ModeInput(
            method=method,
            task=task_class(),
            mode=mode,
            config=finetune.Config(**settings),
            source=BatchSource(SignalView(store, SPEC), targets=blanked),
            targets=blanked,
            train=np.arange(60),
            validation=np.arange(60, 80),
            test=test,
            features=lambda: np.empty(0),
            seed=1,
            progress=progress,
        )
        return finetune.run(cell), method, store.targets[test]


def auroc(outcome, targets):
    from bench.scoring import classification

    return float(classification.macro(classification.auroc(targets, outcome.test)))


STRODTHOFF = finetune.Config.presets["strodthoff"]


def test_precision_reaches_the_training_step_and_learns_all_the_same():
    exact, mixed = (trained(precision=precision)[0] for precision in ("32-true", "bf16-mixed"))
    losses = [[epoch["loss"] for epoch in outcome.history] for outcome in (exact, mixed)]
    assert losses[0] != losses[1]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.1)


def test_whole_recordings_as_the_method_asks_and_the_best_epoch():
    outcome, method, _ = trained()
    assert method.lengths == {200}
    assert outcome.test.shape == (40, 2)
    values = [epoch["validation"] for epoch in outcome.history]
    assert outcome.selection["value"] == max(values)
    assert outcome.selection["epoch"] == 1 + int(np.argmax(values))


@pytest.mark.parametrize("select", ["best", "last"])
def test_of_several_rates_the_one_that_validation_prefers(select):
    each = {rate: trained(epochs=6, select=select, lr=rate)[0] for rate in (1e-5, 1e-2)}
    both, _, _ = trained(epochs=6, select=select, lr=(1e-5, 1e-2))
    assert each[1e-2].selection["value"] > each[1e-5].selection["value"]
    assert both.selection == each[1e-2].selection | {"lr": 1e-2}
    np.testing.assert_array_equal(both.test, each[1e-2].test)
    swapped, _, _ = trained(epochs=6, select=select, lr=(1e-2, 1e-5))
    np.testing.assert_array_equal(swapped.test, each[1e-2].test)
    assert [epoch["lr"] for epoch in swapped.history] == [1e-2] * 6 + [1e-5] * 6


def test_windows_see_what_the_first_seconds_do_not():
    """The bump lies anywhere in 4 s; the method's own window has 2."""
    short, _, targets = trained(epochs=40, patience=40)
    preset = STRODTHOFF | {"epochs": 60, "batch_size": 16, "lr": 2e-2, "crop_seconds": 3.5, "stride_seconds": 0.25}
    windows, method, _ = trained(**preset)
    assert method.lengths == {350}
    assert auroc(windows, targets) > 0.9
    assert auroc(windows, targets) > auroc(short, targets)


def test_a_recording_scores_as_the_highest_or_the_mean_of_its_windows():
    settings = STRODTHOFF | {"epochs": 2, "crop_seconds": 1.0, "stride_seconds": 0.5}
    highest, _, _ = trained(**settings)
    mean, _, _ = trained(**settings | {"windows": "mean"})
    one, method, _ = trained(**settings | {"stride_seconds": 9.0})
    assert method.lengths == {100}
    rounding = 1e-6  # windows of one recording and of several are batches of different size
    assert (highest.test >= mean.test - rounding).all()
    assert (highest.test >= one.test - rounding).all()
    assert (highest.test > one.test + 0.01).any()
    assert not np.allclose(highest.test, mean.test)


def test_the_last_epoch_looks_at_validation_data_once():
    outcome, _, _ = trained(**STRODTHOFF | {"epochs": 3, "crop_seconds": 1.0})
    assert [set(epoch) for epoch in outcome.history] == [{"epoch", "loss"}] * 3
    assert outcome.selection["epoch"] == 3
    assert 0 <= outcome.selection["value"] <= 1


def test_batches_have_shares_where_a_recording_has_one_label_and_are_shuffled_where_it_has_several():
    """LLM-DAN's protocol asks for shares whatever the task; a table of it must not break off at the first multilabel one."""
    several, one = ([trained(task_class=task, epochs=1, batches=how)[0] for how in ("shuffled", "stratified")]
                    for task in (BumpTask, OneBumpTask))  # fmt: skip
    assert several[0].history == several[1].history
    assert one[0].history != one[1].history


def test_losses_of_several_answers_are_added():
    one, _, _ = trained(epochs=1)
    two, _, _ = trained(TwoAnswers, epochs=1)
    assert two.history[0]["loss"] == pytest.approx(2 * one.history[0]["loss"], rel=0.1)
    assert two.test.shape == one.test.shape


def test_one_cycle_rises_to_the_peak_and_falls_to_nothing():
    parameter = nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.AdamW([{"params": [parameter], "lr": 0.01}], betas=(0.9, 0.99))
    scheduler = finetune._scheduler(optimiser, finetune.Config(schedule="one-cycle", warmup=0.3), 100)
    rates, momenta = [], []
    for _ in range(100):
        rates.append(optimiser.param_groups[0]["lr"])
        momenta.append(optimiser.param_groups[0]["betas"])
        optimiser.step()
        scheduler.step()
    assert rates[0] == pytest.approx(0.01 / 25)
    assert max(rates) == pytest.approx(0.01)
    assert rates.index(max(rates)) == 29
    assert rates[-1] == pytest.approx(0.01 / 25 / 1e4)
    assert momenta[0] == pytest.approx((0.95, 0.99))
    assert momenta[29] == pytest.approx((0.85, 0.99))


def test_the_same_cell_twice_gives_the_same_predictions():
    first, second = (trained(**STRODTHOFF | {"epochs": 2, "crop_seconds": 1.0})[0] for _ in range(2))
    np.testing.assert_array_equal(first.test, second.test)


def test_one_class_of_several_is_learned_and_selected_too():
    windows = {"crop_seconds": 3.5, "stride_seconds": 0.25, "lr": 2e-2, "schedule": "one-cycle", "warmup": 0.3}
    outcome, _, labels = trained(task_class=OneBumpTask, epochs=60, patience=60, **windows)
    assert outcome.test.shape == (40, 2)
    np.testing.assert_allclose(outcome.test.sum(axis=1), 1)
    assert outcome.selection["value"] == max(epoch["validation"] for epoch in outcome.history)
    assert ovr_auroc(labels, outcome.test).min() > 0.9


def test_training_stops_when_validation_no_longer_gains():
    outcome, _, _ = trained(epochs=40, patience=3, lr=1e-7)
    best = outcome.selection["epoch"]
    assert len(outcome.history) == best + 3 < 40


def test_layers_nearer_the_input_learn_more_slowly():
    with seeded(0):
        start = Bumps()

    def moved(**settings):
        _, method, _ = trained(epochs=1, mode="finetune", select="last", clip_norm=None, weight_decay=0.0, **settings)
        return (method.net[0].weight - start.net[0].weight).abs().max().item()

    assert moved(layer_decay=1e-4) < 1e-2 * moved(layer_decay=1.0)
    assert moved(layer_decay=1.0) == pytest.approx(moved(encoder_lr=1e-2))  # lr of the head


def test_rates_follow_what_is_stated_of_them():
    def rates(whole=False, **fields):
        return finetune._rates(finetune.Config(**fields), whole)

    assert rates(lr=1e-3) == (1e-3, 1e-4)
    assert rates(lr=1e-3, whole=True) == (1e-3, 1e-3)
    assert rates(lr=1e-3, encoder_lr=5e-6) == (1e-3, 5e-6)
    assert rates(lr=1e-3, encoder_lr="lr") == (1e-3, 1e-3)
    assert rates(lr=1e-5, encoder_lr="lr", batch_size=32, lr_batch=4) == pytest.approx((8e-5, 8e-5))  # MMCL's rule


def test_a_cpu_scores_few_recordings_at_once():
    """Activations of a large transformer for 128 recordings take up to 5 GiB."""
    sizes = []

    class Sizes(Bumps):
        def encode(self, batch):
            sizes.append(len(batch))
            return super().encode(batch)

    trained(Sizes, epochs=1)
    assert max(sizes) == 32  # of 40 in test; training has batches of 16
