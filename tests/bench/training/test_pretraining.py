"""The training loop: resumable to the bit, and loud about what goes wrong."""

import math

import numpy as np
import pytest
import torch

from bench.batch import ECGBatch
from bench.errors import BenchError, DataError
from bench.method import Method, MethodConfig
from bench.method.pretrain_config import PretrainConfig
from bench.progress import Progress
from bench.training.loop import STATE, make_fabric, train
from bench.training.schedule import warmup_cosine


class Source:
    """Sixty-four random recordings."""

    def __init__(self, fill: float | None = None):
        rng = np.random.default_rng(0)
        self.ecg = torch.from_numpy(rng.normal(size=(64, 12, 50)).astype(np.float32))
        if fill is not None:
            self.ecg[:] = fill

    def shuffled(self, rows, batch_size, seed, rank=0, ranks=1):
        order = np.random.default_rng(seed).permutation(rows)
        for i in range(0, len(order) // batch_size * batch_size, batch_size):
            chosen = torch.from_numpy(order[i : i + batch_size])
            yield ECGBatch(self.ecg[chosen], torch.ones(len(chosen), 12, dtype=torch.bool), chosen)


class Denoiser(Method):
    """Predicts a recording from a noisy copy; draws noise and dropout from torch's global generator."""

    name = "denoiser"

    def build(self, config):
        self.net = torch.nn.Sequential(torch.nn.Linear(50, 8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 50))

    def pretraining_loss(self, batch):
        return {"mse": ((self.net(batch.ecg + torch.randn_like(batch.ecg)) - batch.ecg) ** 2).mean()}


def ignore(done: int, total: int, note: str = "") -> None:
    pass


def run(folder, epochs, progress: Progress = ignore, **settings):
    config = PretrainConfig(epochs=epochs, batch_size=16, min_steps_per_epoch=2, lr=1e-2, **settings)
    torch.manual_seed(1)
    method = Denoiser(MethodConfig(pretrain=config))
    history = train(method, Source(), np.arange(48), np.arange(48, 64), config, folder, progress)
    return method.state_dict(), history


class Killed(Exception):
    pass


@pytest.mark.parametrize("kill_at", [1, 4, 7, 11])
def test_a_run_killed_anywhere_and_taken_up_again_ends_with_the_same_bits(tmp_path, kill_at):
    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    whole, history = run(tmp_path / "whole", 5)

    def kill(done, total, note=""):
        if done == kill_at:
            raise Killed

    with pytest.raises(Killed):
        run(tmp_path / "broken", 5, kill)
    resumed, resumed_history = run(tmp_path / "broken", 5)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert [h["mse"] for h in history] == [h["mse"] for h in resumed_history]
    assert history[-1]["mse"] < history[0]["mse"]


def test_a_loss_that_is_not_finite_stops_with_the_place_and_keeps_the_epoch_before(tmp_path):
    config = PretrainConfig(epochs=2, batch_size=16, min_steps_per_epoch=2)
    method = Denoiser(MethodConfig(pretrain=config))
    with pytest.raises(BenchError, match=r"denoiser.*not finite at epoch 1, step 1 \(mse nan\).*pretrain.lr"):
        train(method, Source(math.nan), np.arange(48), np.arange(0), config, tmp_path, ignore)
    assert not (tmp_path / STATE).exists()


def test_one_recording_is_too_few(tmp_path):
    with pytest.raises(DataError, match="at least 2 recordings; the corpus has 1"):
        train(Denoiser(), Source(), np.arange(1), np.arange(0), PretrainConfig(), tmp_path, ignore)


def test_a_state_that_cannot_be_written_says_so_and_keeps_the_one_before(tmp_path, monkeypatch):
    run(tmp_path, 1)
    before = (tmp_path / STATE).read_bytes()
    monkeypatch.setattr(torch, "save", _disk_full)
    with pytest.raises(BenchError, match="could not be written.*No space left"):
        run(tmp_path, 2)
    assert (tmp_path / STATE).read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [STATE]


def _disk_full(*_args, **_kwargs):
    raise OSError(28, "No space left on device")


def test_the_published_batch_is_kept_where_the_corpus_allows_it_and_cut_where_not():
    config = PretrainConfig(batch_size=4096)
    assert config.batch_for(771_693) == 4096
    assert config.batch_for(1_282) == 64
    assert config.batch_for(3) == 2


def test_warm_up_then_half_a_cosine():
    rates = [warmup_cosine(step, 100, 10) for step in range(100)]
    assert rates[:10] == pytest.approx(np.linspace(0.1, 1, 10))
    assert rates[10] == 1
    assert rates[55] == pytest.approx(0.5)
    assert all(a >= b for a, b in zip(rates[10:], rates[11:], strict=False))
    assert rates[-1] < 1e-3


def test_several_threads_add_gradients_in_one_order():
    torch.manual_seed(0)
    embedding = torch.randn(12, 64, requires_grad=True)
    index, weights = torch.randint(12, (64, 114)), torch.randn(64, 114, 64)
    threads = torch.get_num_threads()
    make_fabric()
    torch.set_num_threads(2)
    try:
        gradients = [torch.autograd.grad((embedding[index] * weights).sum(), embedding)[0] for _ in range(20)]
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(gradients[0], gradient) for gradient in gradients)


def test_no_epochs_leave_the_initial_weights(tmp_path):
    weights, history = run(tmp_path, 0)
    torch.manual_seed(1)
    fresh = Denoiser(MethodConfig()).state_dict()

    assert history == []
    assert all(torch.equal(weights[name], fresh[name]) for name in fresh)


def test_mixed_precision_reaches_the_method_on_one_device(tmp_path):
    seen = []

    class Looking(Denoiser):
        name = "looking"

        def pretraining_loss(self, batch):
            seen.append(self.net[0](batch.ecg).dtype)
            return super().pretraining_loss(batch)

    config = PretrainConfig(epochs=1, batch_size=16, min_steps_per_epoch=2, precision="bf16-mixed")
    train(Looking(MethodConfig(pretrain=config)), Source(), np.arange(48), np.arange(0), config, tmp_path, ignore)
    assert set(seen) == {torch.bfloat16}
