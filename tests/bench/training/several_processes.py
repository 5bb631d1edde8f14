"""Scenarios that test_several_processes.py runs in two processes."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from bench.batch import ECGBatch
from bench.data.batches import BatchSource
from bench.errors import BenchError
from bench.method import Corpus, Method, MethodConfig
from bench.method.pretrain_config import PretrainConfig
from bench.training.checkpoint import CheckpointSpec, pretrain
from bench.training.devices import Devices, full
from bench.training.distributed import agreed, gather_list, rank
from bench.training.loop import train


class View:
    """Sixty-four random recordings."""

    def __init__(self):
        self.ecg = np.random.default_rng(0).normal(size=(64, 12, 50)).astype(np.float32)

    def batch(self, positions, rng=None):
        return self.ecg[positions], np.ones((len(positions), 12), bool)


class Denoiser(Method):
    """Predicts a recording from a noisy copy, with dropout and BatchNorm. Source: this test."""

    name = "denoiser"

    def build(self, config):
        layers = (torch.nn.Linear(50, 8), torch.nn.BatchNorm1d(12), torch.nn.Dropout(0.2), torch.nn.Linear(8, 50))
        self.net = torch.nn.Sequential(*layers)

    def pretraining_loss(self, batch):
        return {"mse": ((self.net(batch.ecg + torch.randn_like(batch.ecg)) - batch.ecg) ** 2).mean()}


class Failing(Denoiser):
    """Fails in one process, at its third step. Source: this test."""

    name = "failing"

    def pretraining_loss(self, batch: ECGBatch):
        self.steps = getattr(self, "steps", 0) + 1
        if rank() == 1 and self.steps == 3:
            if os.environ["HOW"] == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise BenchError("the recording lies beyond the end of the file.")
        return super().pretraining_loss(batch)


def ignore(done: int, total: int, note: str = "") -> None:
    pass


def trained(folder: Path, epochs: int, devices: Devices) -> dict[str, torch.Tensor]:
    """Weights after so many epochs, begun again or taken up in the folder."""
    folder.mkdir(exist_ok=True)
    config = PretrainConfig(epochs=epochs, batch_size=16, min_steps_per_epoch=2, lr=1e-2, schedule="constant")
    torch.manual_seed(1)
    method = Denoiser(MethodConfig(pretrain=config))
    source = BatchSource(View())
    train(method, source, np.arange(48), np.arange(48, 64), config, folder, ignore, devices)
    return {name: full(value).detach() for name, value in method.state_dict().items()}


def alike(folder: Path) -> None:
    """Runs that must end alike: undisturbed, taken up, of the other process, in parts."""
    ddp, fsdp = Devices(2), Devices(2, strategy="fsdp")
    whole = trained(folder / "whole", 4, ddp)
    trained(folder / "broken", 2, ddp)
    taken_up = trained(folder / "broken", 4, ddp)
    parts = trained(folder / "parts", 2, fsdp)
    parts = trained(folder / "parts", 4, fsdp)

    first = agreed(whole)
    equal = {
        "processes": all(torch.equal(first[name], value) for name, value in whole.items()),
        "taken up": all(torch.equal(taken_up[name], value) for name, value in whole.items()),
        "in parts": max((parts[name] - value).abs().max().item() for name, value in whole.items()),
        "draws": torch.rand(()).item(),
    }
    message = gather_list([equal])
    if rank() == 0:
        (folder / "found.json").write_text(json.dumps(message))


def failing(folder: Path, how: str) -> None:
    os.environ["HOW"] = how
    about = pd.DataFrame({"patient_id": [str(i) for i in range(64)]})
    corpus = Corpus("made-up", about, np.ones(64, bool), np.zeros(64, bool))
    spec = CheckpointSpec(
        Failing, Failing.Config(pretrain=PretrainConfig(epochs=2, batch_size=16)), {"dataset": "made-up"}
    )
    source = BatchSource(View())
    pretrain(spec, folder / "checkpoints", corpus, source, np.arange(64), np.arange(0), Devices(2))
