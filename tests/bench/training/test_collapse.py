"""Measures of representations during pretraining, and the report of a collapse."""

import math

import numpy as np
import pytest
import torch

from bench.batch import ECGBatch
from bench.method import Method, MethodConfig
from bench.method.pretrain_config import PretrainConfig
from bench.training.collapse import collapse_of, spread_of
from bench.training.contrast import contrasts, note_contrast
from bench.training.loop import train
from methods.losses.contrastive import clocs, info_nce, nt_xent
from methods.losses.predictive import cpc, draw_negatives

ONES = np.ones(64, bool)


def test_an_offset_that_all_share_hides_a_collapse_from_the_plain_rank_alone():
    rng = np.random.default_rng(0)
    spread = rng.normal(size=(200, 16))
    line = rng.normal(size=(200, 1)) * rng.normal(size=16) + 100 * rng.normal(size=16)
    assert spread_of(spread)["centred_rank"] > 14
    assert spread_of(spread)["feature_sd"] == pytest.approx(1, abs=0.05)
    assert spread_of(spread + 1000)["centred_rank"] == pytest.approx(spread_of(spread)["centred_rank"])
    assert spread_of(spread + 1000)["effective_rank"] < 1.2
    assert spread_of(line)["centred_rank"] == pytest.approx(1, abs=1e-6)
    assert spread_of(line)["feature_sd"] < 0.05
    same = spread_of(np.full((50, 4), 0.1))
    assert (same["centred_rank"], same["feature_sd"]) == (1.0, pytest.approx(0, abs=1e-12))
    assert math.isnan(spread_of(np.full((3, 2), np.nan))["centred_rank"])


@pytest.mark.parametrize(
    ("untrained", "rank", "collapsed"),
    [(80.0, 30.0, False), (80.0, 7.9, True), (15.0, 1.9, True), (1.5, 1.2, False), (15.0, math.nan, False)],
)
def test_a_collapse_is_a_fall_below_two_or_below_a_tenth(untrained, rank, collapsed):
    history = [{"centred_rank": 50.0, "untrained_rank": untrained}, {"centred_rank": rank, "untrained_rank": untrained}]
    assert (collapse_of(history) is not None) is collapsed
    assert collapse_of([]) is None


def losses(first, second):
    yield info_nce(first, second)
    yield nt_xent(first, second)
    yield clocs([first, second], list(range(len(first))))


def test_contrastive_losses_count_the_partners_that_they_find():
    torch.manual_seed(0)
    one, other = torch.randn(32, 8), torch.randn(32, 8)
    for first, second, right in ((one, one + 0.01 * other, 1.0), (one, other, None)):
        for i in range(3):
            with contrasts() as counts:
                list(losses(first, second))[i]
                counts_of_all = counts.measured()
            if right is not None:
                assert counts_of_all["contrast_accuracy"] == right
            else:
                assert counts_of_all["contrast_accuracy"] < 0.2
    with contrasts() as counts:
        nt_xent(one, other)
    assert counts.measured()["contrast_chance"] == pytest.approx(1 / 63)
    with contrasts() as counts:
        info_nce(torch.ones(16, 4), torch.ones(16, 4))
    assert counts.measured() == {"contrast_accuracy": 1 / 16, "contrast_chance": 1 / 16}  # all the same: chance
    encoded = torch.randn(4, 30, 8)
    with contrasts() as counts:
        cpc(encoded.roll(-2, 1), encoded, draw_negatives(4, 30, steps=2, count=5), steps=2)
    assert counts.measured()["contrast_chance"] == pytest.approx(1 / 6)
    assert counts.measured()["contrast_accuracy"] > 0.5  # the context is the encoding two steps later


def test_nothing_is_counted_outside_and_a_masked_candidate_is_none():
    note_contrast(torch.eye(3))
    with contrasts() as counts:
        assert counts.measured() == {}
        note_contrast(torch.tensor([[0.0, 1.0, -torch.inf]]), torch.tensor([1]))
    note_contrast(torch.eye(3))
    assert counts.measured() == {"contrast_accuracy": 1.0, "contrast_chance": 0.5}


class Source:
    """Sixty-four random recordings."""

    ecg = torch.from_numpy(np.random.default_rng(0).normal(size=(64, 12, 20)).astype(np.float32))

    def _batch(self, rows):
        chosen = torch.from_numpy(np.asarray(rows))
        return ECGBatch(self.ecg[chosen], torch.ones(len(chosen), 12, dtype=torch.bool), chosen)

    def shuffled(self, rows, batch_size, seed, rank=0, ranks=1):
        order = np.random.default_rng(seed).permutation(rows)
        for i in range(0, len(order) // batch_size * batch_size, batch_size):
            yield self._batch(order[i : i + batch_size])

    def in_order(self, rows, batch_size):
        for i in range(0, len(rows), batch_size):
            yield self._batch(rows[i : i + batch_size])


class Shrinking(Method):
    """Pulls all representations to one vector, or two views of a recording together and apart from others."""

    name = "shrinking"

    def build(self, config):
        self.net = torch.nn.Linear(240, 6)

    def encode(self, batch):
        return self.net(batch.ecg.flatten(1))

    def pretraining_loss(self, batch):
        vectors = self.encode(batch)
        loss = info_nce(vectors, vectors.roll(1, 0))  # a partner that nothing tells apart
        return {"pull": (vectors - vectors[:, :1].detach().mean()).square().mean(), "contrast": 0 * loss}


def course(folder, probe=None, epochs=3):
    config = PretrainConfig(epochs=epochs, batch_size=16, min_steps_per_epoch=2, lr=0.05)
    torch.manual_seed(0)
    method = Shrinking(MethodConfig(pretrain=config))
    folder.mkdir()
    history = train(method, Source(), np.arange(48), np.arange(48, 64), config, folder, lambda *_: None, probe=probe)
    return method.state_dict(), history


def test_every_epoch_has_the_measures_and_a_probe_changes_no_weight(tmp_path):
    calls = []

    def probe(method, epoch, epochs):
        calls.append((epoch, epochs, torch.rand(3).sum()))
        return {"probe": 0.5} if epoch % 2 == 0 else {}

    plain, history = course(tmp_path / "plain")
    probed, with_probe = course(tmp_path / "probed", probe)
    assert all(torch.equal(plain[name], probed[name]) for name in plain)
    assert [(epoch, epochs) for epoch, epochs, _ in calls] == [(1, 3), (2, 3), (3, 3)]
    assert [entry.get("probe") for entry in with_probe] == [None, 0.5, None]
    assert len({entry["untrained_rank"] for entry in history}) == 1
    assert all(1 < entry[name] <= 6 for entry in history for name in ("untrained_rank", "centred_rank"))
    assert history[-1]["contrast_chance"] == 1 / 16
    assert history[-1]["feature_sd"] >= 0
