"""A contrastive pretraining step, batch 64, against a straightforward one with the text encoder in the loop.

    python benchmarks/pretraining_step.py PTBXL_ROOT [--methods merl,kmerl] [--batch 64] [--steps 3]

Both take the paper's network at 500 Hz (MERL: ResNet18; K-MERL: tiny) and AdamW, in float32, on the recordings' own reports
under the packaged text encoder. The straightforward step tokenises and encodes the batch's reports, without gradient, as the
released code of MERL does; ours looks them up, since a frozen encoder says the same of a report every time.
``published`` is ours with the text encoder that the papers name in the loop, Med-CPT: a BERT-base (here with random weights,
which take the same time) over reports padded to 256 tokens, as MERL's released code pads; eight are timed, and scaled.
``bf16`` is ours under ``--set METHOD.pretrain.precision=bf16-mixed``: what a GPU gets by default, an option on a processor.
Rounds take turns, so that a busy machine slows all of them; there the ratio of processor time, which counts all threads, is
the steadier one. Data come from the same reader; its ``waiting`` is part of ours.
What bounds it: arithmetic. ``peak`` is the share that a step's products and convolutions have of the rate of one large
matrix product, measured here in the same precision. On a GPU the same script reports bf16 and the card.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import bench  # isort: skip - before torch, whose threads then sleep while they wait  # noqa: F401
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from bench import registry
from bench.data.batches import BatchSource
from bench.method import Corpus
from bench.seeding import seed_global
from bench.signals.build_store import prepare
from bench.signals.windows import SignalView
from bench.training.loop import make_fabric, make_optimiser
from methods.text.torchvision_operators import declare_missing_operators
from tasks.datasets.ptbxl import PTBXL


class Stepper:
    """One method in training; each call is a step and returns its seconds and those of all processors."""

    def __init__(self, name: str, store, reports: list[str], batch: int, precision: str, in_the_loop: bool):
        method_class = registry.load(registry.METHODS, name)
        config = method_class.Config()
        seed_global(0)
        self.fabric = make_fabric(precision)
        method = method_class(config)
        every = np.ones(len(reports), bool)
        method.prepare_corpus(Corpus("ptbxl", store.records, every, ~every, reports, device=str(self.fabric.device)))
        if in_the_loop:
            method.text._table = None
        self.source = BatchSource(SignalView(store, method_class.input_for(config)), text=reports)
        self.batch, self.epoch, self.batches, self.waited = batch, 0, iter(()), 0.0
        self.optimiser = make_optimiser(method, config.pretrain)
        self.model, self.optimiser = self.fabric.setup(method, self.optimiser)
        self.model.mark_forward_method("pretraining_loss")
        self.model.train()

    def _next(self):
        if (batch := next(self.batches, None)) is None:
            self.epoch += 1
            self.batches = self.source.shuffled(np.arange(len(self.source.view)), self.batch, (self.epoch,))
            batch = next(self.batches)
        return batch.to(self.fabric.device)

    def _synchronise(self) -> float:
        if self.fabric.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def loss(self, batch):
        with self.fabric.autocast():
            return torch.stack(list(self.model.pretraining_loss(batch).values())).sum()

    def __call__(self) -> tuple[float, float]:
        started, busy = self._synchronise(), time.process_time()
        batch = self._next()
        self.waited += time.perf_counter() - started
        loss = self.loss(batch)
        self.optimiser.zero_grad()
        self.fabric.backward(loss)
        self.optimiser.step()
        loss.item()
        return self._synchronise() - started, time.process_time() - busy

    def flops(self) -> float:
        """Of a step's products and convolutions, forward and backward."""
        batch = self._next()
        with FlopCounterMode(display=False) as counter:
            self.fabric.backward(self.loss(batch))
        self.optimiser.zero_grad()
        return float(counter.get_total_flops())


class PublishedText:
    """Seconds, and those of all processors, of a frozen BERT-base on a batch of reports of 256 tokens."""

    def __init__(self, device: torch.device, timed: int = 8):
        declare_missing_operators()
        from transformers import BertConfig, BertModel

        self.model = BertModel(BertConfig()).to(device).eval()
        self.ids = torch.randint(1000, 30_000, (timed, 256), device=device)

    def __call__(self, batch: int) -> tuple[float, float]:
        started, busy = time.perf_counter(), time.process_time()
        with torch.no_grad():
            self.model(self.ids).pooler_output.sum().item()
        scale = batch / len(self.ids)
        return (time.perf_counter() - started) * scale, (time.process_time() - busy) * scale


def product_rate(device: torch.device, kind: torch.dtype) -> float:
    """Operations a second of one large matrix product."""
    n = 8192 if device.type == "cuda" else 2048
    a = torch.randn(n, n, device=device, dtype=kind)
    seconds = []
    for _ in range(4):
        if device.type == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        (a @ a)[0, 0].item()
        seconds.append(time.perf_counter() - started)
    return 2 * n**3 / min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="a PTB-XL data root with records500/")
    parser.add_argument("--methods", default="merl,kmerl")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3)
    arguments = parser.parse_args()
    dataset = PTBXL(arguments.root)
    with tempfile.TemporaryDirectory() as folder:
        store = prepare(dataset, Path(folder) / "store", rate=500)
        reports = [str(text) for text in store.records["report"]]
        device = make_fabric().device
        where = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} threads"
        rates = {
            "32-true": product_rate(device, torch.float32),
            "bf16-mixed": product_rate(device, torch.bfloat16),
        }
        print(
            f"{where}; one product: {rates['32-true'] / 1e9:.0f} GFLOP/s float32, {rates['bf16-mixed'] / 1e9:.0f} bf16"
        )
        published = PublishedText(device)
        published(arguments.batch)
        for name in arguments.methods.split(","):
            kinds = {
                "straightforward": Stepper(name, store, reports, arguments.batch, "32-true", True),
                "ours": Stepper(name, store, reports, arguments.batch, "32-true", False),
                "bf16": Stepper(name, store, reports, arguments.batch, "bf16-mixed", False),
            }
            flops = kinds["ours"].flops()
            for step in kinds.values():
                step()
                step.waited = 0.0
            times: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
            text: list[tuple[float, float]] = []
            for _ in range(arguments.steps):
                for kind, step in kinds.items():
                    times[kind].append(step())
                text.append(published(arguments.batch))
            plain = times["straightforward"]
            alone = [1 + t[1] / own[1] for t, own in zip(text, times["ours"], strict=True)]
            print(
                f"{name:6} published        ratio {statistics.median(alone):.2f} (processor time) to ours", flush=True
            )
            for kind, step in kinds.items():
                took = statistics.median(seconds for seconds, _ in times[kind])
                ratio, processor = (
                    statistics.median(a[k] / b[k] for a, b in zip(plain, times[kind], strict=True)) for k in (0, 1)
                )
                share = flops / took / rates["bf16-mixed" if kind == "bf16" else "32-true"]
                waited = step.waited / sum(seconds for seconds, _ in times[kind])
                print(
                    f"{name:6} {kind:16} {took:6.2f} s a step, {arguments.batch / took:6.1f} recordings/s, "
                    f"ratio {ratio:.2f} (processor time {processor:.2f}), peak {share:.0%}, waiting {waited:.1%}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
