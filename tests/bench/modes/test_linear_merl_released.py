"""MERL's probe as released: what it sees that ours does not, and that what comes of it is kept apart."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from bench import modes, registry
from bench.batch import ECGBatch
from bench.errors import ConfigError
from bench.leaderboard.collect import collect_all
from bench.leaderboard.statistics.inflation import inflation
from bench.method import Method
from bench.modes import linear, linear_merl_released
from bench.modes.mode_io import ModeInput
from bench.scoring import classification


class Encoder(Method):
    """One convolution with BatchNorm."""

    name = "encoder"

    def build(self, config):
        self.net = nn.Sequential(nn.Conv1d(12, 6, 5), nn.BatchNorm1d(6), nn.ReLU(), nn.AdaptiveAvgPool1d(1))

    def encode(self, batch):
        return self.net(batch.ecg).flatten(1)


class Source:
    """Noise, a little of which is about the label."""

    def __init__(self, n: int = 150):
        rng = np.random.default_rng(0)
        self.targets = rng.integers(0, 2, (n, 3)).astype(np.uint8)
        self.ecg = rng.normal(0.5, 1, (n, 12, 40)).astype(np.float32)
        self.ecg[:, :3] += 0.4 * self.targets[:, :, None]

    def batch(self, rows, rng=None):
        ecg = torch.from_numpy(self.ecg[rows])
        return ECGBatch(ecg, torch.ones(len(rows), 12, dtype=torch.bool), torch.from_numpy(np.asarray(rows)))

    def in_order(self, rows, size):
        return (self.batch(rows[i : i + size]) for i in range(0, len(rows), size))


def cell(mode: str, kind: str = "multilabel", **settings) -> ModeInput:
    source = Source()
    train, validation, test = np.split(np.arange(150), [60, 100])
    torch.manual_seed(0)
    method = Encoder().eval()
    with torch.no_grad():
        features = method.encode(source.batch(np.arange(150))).numpy()
    blanked = source.targets.copy()
    blanked[test] = 0
    task = SimpleNamespace(kind=kind, name="made-up", classes=dict.fromkeys("abc", ""), metric="macro_auroc")
    return ModeInput(
        method=method,
        task=task,
        mode=mode,
        config=modes.load(mode).Config(epochs=12, **settings),
        source=source,
        targets=blanked,
        train=train,
        validation=validation,
        test=test,
        features=lambda: features,
        seed=3,
        progress=lambda *_: None,
        test_targets=source.targets[test] if modes.facts(mode).released_protocol else None,
    )


RELEASED = "linear-merl-released"


def test_only_the_released_mode_passes_the_door_to_test_targets():
    known = list(map(modes.facts, registry.entries(registry.MODES)))
    assert {mode.name for mode in known if mode.looks_at_test} == {RELEASED}
    assert {mode.honest for mode in known} == {mode.name for mode in known if not mode.released_protocol}
    assert modes.facts(RELEASED).honest == "linear"


def test_the_best_epoch_on_the_test_set_is_reported_and_can_only_flatter():
    run = cell(RELEASED, batch_statistics="fixed")
    outcome = linear_merl_released.run(run)
    tested = [entry["test"] for entry in outcome.history]
    assert outcome.selection["value"] == max(tested) == outcome.selection["released"]["auroc"]
    assert outcome.selection["epoch"] == 1 + int(np.argmax(tested))
    reported = classification.macro(classification.auroc(run.test_targets, outcome.test))
    assert reported == pytest.approx(max(tested))
    validated = [entry["validation"] for entry in outcome.history]
    fair = tested[int(np.argmax(validated))]
    assert outcome.selection["auroc_where_validation_is_best"] == fair <= max(tested)
    assert set(outcome.selection["released"]) == {"auroc", "f1", "accuracy"}


def test_our_probe_gets_no_test_target():
    run = cell("linear")
    assert run.test_targets is None
    assert not run.targets[run.test].any()
    assert "released" not in linear.run(run).selection


def test_the_rate_drops_after_forty_steps_and_not_epochs(monkeypatch):
    rates = []

    class Watched(torch.optim.Adam):
        def step(self, closure=None):
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    monkeypatch.setattr(torch.optim, "Adam", Watched)
    linear_merl_released.run(cell(RELEASED, batch_statistics="fixed"))
    assert len(rates) == 12 * 4  # 60 recordings in steps of 16, the last one short
    assert rates[:40] == [1e-3] * 40
    assert rates[40:] == pytest.approx([1e-4] * 8)


def test_batch_statistics_move_while_weights_stand():
    run = cell(RELEASED)
    weight, mean = (run.method.state_dict()[name].clone() for name in ("net.0.weight", "net.1.running_mean"))
    moving = linear_merl_released.run(run)
    assert torch.equal(run.method.net[0].weight, weight)
    assert not torch.allclose(run.method.net[1].running_mean, mean)
    fixed = linear_merl_released.run(cell(RELEASED, batch_statistics="fixed"))
    assert not np.allclose(moving.test, fixed.test)
    again = linear_merl_released.run(cell(RELEASED))
    assert np.array_equal(moving.test, again.test)


def test_other_kinds_of_task_are_refused():
    with pytest.raises(ConfigError, match="for multilabel tasks only; made-up is multiclass"):
        linear_merl_released.run(cell(RELEASED, kind="multiclass"))


def stamped(make_result, **keywords):
    result = make_result(mode=RELEASED, protocol={"epochs": 100}, **keywords)
    result.provenance["protocol"] = "merl-released"
    result.selection.update(value=0.84, auroc_where_validation_is_best=0.83)
    return result


def test_its_results_never_share_a_table_with_honest_ones(make_result):
    ours, theirs = make_result(value=0.80), stamped(make_result, value=0.84)
    tables = collect_all([ours, theirs])
    assert [str(table.stamp) for table in tables] == [
        "real data, complete splits · profile paper",
        "real data, complete splits · profile paper · protocol merl-released, chosen on the test set",
    ]
    assert tables[0].stamp.comparable
    assert not tables[1].stamp.comparable


def test_the_inflation_of_a_cell_is_told(make_result):
    ours, theirs = make_result(value=0.80), stamped(make_result, value=0.84)
    (line,) = inflation([theirs, ours])
    assert line.endswith(
        "macro_auroc 0.840 under merl-released, 0.800 under ours, +0.040; picking the epoch on the test set alone adds +0.010"
    )
    assert inflation([theirs]) == []
    assert inflation([ours]) == []
    assert inflation([theirs, make_result(value=0.8, seed=1)]) == []
