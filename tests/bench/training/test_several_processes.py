"""Processes that train together: they end alike, and they end together."""

import importlib
import json
import signal
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data.batches import BatchSource
from bench.errors import BenchError, ConfigError
from bench.method import Method
from bench.method.pretrain_config import PretrainConfig
from bench.training import loop
from bench.training.devices import Devices, make_fabric
from bench.training.distributed import agreed, average, gather, gather_list, total
from bench.training.launch import _failure, in_processes


@pytest.fixture
def scenarios(forked_processes, monkeypatch):
    """The module of scenarios, under a name that the processes can import too."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("several_processes")


def test_they_end_alike_also_when_taken_up_and_with_weights_in_parts(scenarios, tmp_path):
    in_processes(Devices(2), scenarios.alike, tmp_path)
    first, second = json.loads((tmp_path / "found.json").read_text())
    assert first["processes"] and second["processes"]
    assert first["taken up"]
    assert first["in parts"] < 1e-5
    assert first["draws"] != second["draws"]  # each draws its own noise


@pytest.mark.timeout(120)  # and not when the others' patience ends
@pytest.mark.parametrize(
    ("how", "message"),
    [("error", "^the recording lies beyond the end of the file.$"), ("killed", "process 1 of 2 was killed")],
)
def test_one_that_fails_takes_the_others_down(scenarios, tmp_path, how, message):
    with pytest.raises(BenchError, match=message):
        in_processes(Devices(2), scenarios.failing, tmp_path, how)
    assert not [folder for folder in (tmp_path / "checkpoints").iterdir() if not folder.name.startswith(".")]


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ([1, -signal.SIGSEGV], "process 1 of 2 was killed by signal 11. The state of the last whole epoch"),
        ([1, -signal.SIGKILL], "process 1 of 2 was killed by signal 9, as the system does for lack of memory"),
        ([1, -signal.SIGABRT], "process 0 of 2 failed"),
    ],
)
def test_a_crash_is_told_and_not_what_the_others_made_of_it(tmp_path, codes, message):
    (tmp_path / "0.trace").write_text("RuntimeError: connection closed by tcp://lab:hunter2@peer")
    assert message in _failure(Devices(2), tmp_path, codes)
    assert "hunter2" not in _failure(Devices(2), tmp_path, codes)


class Rows:
    """A view whose signal is the number of the row, moved by a draw."""

    def batch(self, positions, rng=None):
        ecg = np.repeat(positions.astype(np.float32), 12 * 4).reshape(-1, 12, 4)
        return ecg + rng.random(len(ecg), np.float32)[:, None, None] / 2, np.ones((len(positions), 12), bool)


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_each_batch_is_shared_out_as_one_process_would_have_it(ranks):
    source, rows = BatchSource(Rows()), np.arange(100, 131)
    alone = [batch.index.tolist() for batch in source.shuffled(rows, 8, (3, 1))]
    parts = [
        [batch.index.tolist() for batch in source.shuffled(rows, 8, (3, 1), rank=rank, ranks=ranks)]
        for rank in range(ranks)
    ]
    together = [list(chain(*batch)) for batch in zip(*parts, strict=True)]
    assert together == alone
    seen = list(chain(*together))
    assert len(seen) == len(set(seen)) == 24  # the seven of the tail wait for another epoch
    assert set(seen) <= set(rows.tolist())
    assert alone != [batch.index.tolist() for batch in source.shuffled(rows, 8, (3, 2))]


def test_processes_crop_each_by_draws_of_their_own_the_same_every_time():
    def crops(rank):
        (batch,) = BatchSource(Rows()).shuffled(np.arange(8), 8, (0, 0), rank=rank, ranks=2)
        return batch.ecg[:, 0, 0] - batch.index

    assert torch.equal(crops(1), crops(1))
    assert not torch.equal(crops(0), crops(1))


def test_a_batch_that_cannot_be_shared_out_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(loop, "ranks", lambda: 3)
    with pytest.raises(ConfigError, match=r"batch of 16 recordings cannot be divided evenly over 3 devices"):
        loop.train(
            Frozen(),
            None,
            np.arange(64),
            np.arange(0),
            PretrainConfig(batch_size=16, min_steps_per_epoch=2),
            tmp_path,
            None,
        )
    with pytest.raises(ConfigError, match="over 3 processes"):
        next(BatchSource(Rows()).shuffled(np.arange(8), 8, (0,), ranks=3))


class Frozen(Method):
    """Source: this test."""

    name = "frozen"

    def build(self, config):
        self.slow = torch.nn.Linear(2, 2).requires_grad_(False)


def test_weights_that_follow_others_cannot_lie_in_parts(tmp_path):
    config, fsdp = PretrainConfig(batch_size=4), Devices(2, strategy="fsdp")
    with pytest.raises(ConfigError, match=r"frozen keeps weights that do not train or follow others \(slow.weight\)"):
        loop.train(Frozen(), None, np.arange(64), np.arange(0), config, tmp_path, None, fsdp)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("two", 1, "ddp"), "--devices 'two': expected a number"),
        (("0", 1, "ddp"), "--devices '0'"),
        (("2", 1, "deepspeed"), "--strategy 'deepspeed': expected one of auto, ddp, fsdp"),
    ],
)
def test_devices_that_cannot_be(given, message):
    with pytest.raises(ConfigError, match=message):
        Devices.of(*given)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU has 16-mixed")
def test_half_precision_needs_a_gpu():
    with pytest.raises(ConfigError, match="16-mixed needs a GPU"):
        make_fabric("16-mixed")


def test_several_machines_must_be_told_of_each_other(monkeypatch):
    for name in ("LOCAL_RANK", "NODE_RANK", "SLURM_NTASKS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=r"torchrun --nnodes 2 --nproc-per-node 4"):
        in_processes(Devices(4, nodes=2), print)


def test_one_process_speaks_for_itself():
    x = torch.randn(3, 2, requires_grad=True)
    assert gather(x) is x and total(x) is x and average(x) is x
    assert agreed("word") == "word"
    assert gather_list("ab") == ["a", "b"]
