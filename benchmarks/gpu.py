"""Speed of pretraining and of a linear table on a GPU: step time, recordings/s, share of peak, memory.

    python benchmarks/gpu.py [--methods kmerl,merl,mae,transformer] [--batch 64] [--steps 10]

Needs no data: recordings and reports are synthetic. Each network has the paper's settings; ``transformer`` is SimCLR with a
vision transformer of 86 million weights. Each one is timed in float32, tf32, bf16, bf16 with ``torch.compile``, and bf16 with
channels-last weights (only for networks with two-dimensional convolutions, that is on images: one-dimensional ones have no
such layout). ``peak`` is the share that a step's products and convolutions have of the rate of one large matrix product,
measured here in the same precision. The batch stays on the device, so that these times are those of the step alone;
``benchmarks/loader.py`` times the batches. Then a complete linear table (three fractions, five seeds) is timed as
``bench run`` computes it, and pretraining on two devices (NCCL) where there are two.

Without a GPU this script says so and runs its smallest case on the processor: small networks, two steps.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import bench  # isort: skip - before torch, whose threads then sleep while they wait
import torch
from pretraining_step import product_rate
from torch.utils.flop_counter import FlopCounterMode

from bench import registry
from bench.checks.synthetic_corpus import synthetic_corpus
from bench.seeding import seed_global
from bench.training.devices import make_fabric
from bench.training.loop import make_optimiser
from bench.training.method_calls import set_up

CASES = {
    "kmerl": ("kmerl", {}),
    "merl": ("merl", {}),
    "mae": ("mae", {}),
    "transformer": ("simclr", {"encoder": "vit-base"}),
}
SMALLEST = ("kmerl", "mae")


@dataclass(frozen=True)
class Variant:
    name: str
    precision: str = "32-true"
    products: str = "highest"
    compiled: bool = False
    channels_last: bool = False

    @property
    def number(self) -> torch.dtype:
        return torch.bfloat16 if self.precision == "bf16-mixed" else torch.float32


VARIANTS = (
    Variant("float32"),
    Variant("tf32", products="high"),
    Variant("bf16", "bf16-mixed"),
    Variant("bf16, compiled", "bf16-mixed", compiled=True),
    Variant("bf16, channels-last", "bf16-mixed", channels_last=True),
)


def config_of(method: type, settings: dict[str, object], smallest: bool):
    """The paper's config; for the smallest case, that of the smoke profile."""
    values: dict[str, object] = dict(settings)
    for path, value in method.smoke.items() if smallest else ():
        field, _, inner = path.partition(".")
        if inner:
            values[field] = {**values.get(field, {}), inner: value}  # type: ignore[dict-item]
        else:
            values.setdefault(field, value)
    return method.Config.model_validate(values)


def synchronise(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def steps_of(case: str, variant: Variant, batch_size: int, steps: int, smallest: bool) -> str:
    """A line on the steps of one network under one variant."""
    name, settings = CASES[case]
    cls = registry.load(registry.METHODS, name)
    config = config_of(cls, settings, smallest)
    seed_global(0)
    torch.set_float32_matmul_precision(variant.products)
    fabric = make_fabric(variant.precision)
    corpus, batch = synthetic_corpus(cls.input_for(config), batch_size)
    method = cls(config)
    method.prepare_corpus(corpus)
    if variant.channels_last:
        if not any(weight.ndim == 4 for weight in method.parameters()):
            return "not run: no two-dimensional convolutions"
        method.to(memory_format=torch.channels_last)
    if variant.compiled:
        for part in method.children():
            part.compile()
    model = set_up(fabric, method)
    optimiser = fabric.setup_optimizers(make_optimiser(method, config.pretrain))
    batch, device = batch.to(fabric.device), fabric.device
    method.train()

    def forward() -> torch.Tensor:
        return torch.stack(list(model.pretraining_loss(batch).values())).sum()

    forward()  # embeds the reports once
    with FlopCounterMode(display=False) as counter:
        fabric.backward(forward())
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = []
    for _ in range(steps + 3):  # three to warm up
        started = synchronise(device)
        optimiser.zero_grad()
        loss = forward()
        fabric.backward(loss)
        optimiser.step()
        seconds.append(synchronise(device) - started)
    took = statistics.median(seconds[3:])
    share = counter.get_total_flops() / took / product_rate(device, variant.number)
    weights = sum(weight.numel() for weight in method.parameters()) / 1e6
    return (
        f"{1e3 * took:8.1f} ms per step, {batch_size / took:8.1f} recordings/s, peak {share:4.0%}, "
        f"{memory(device):6.2f} GiB, {weights:.1f} M weights, loss {loss.item():.3f}"
    )


def memory(device: torch.device) -> float:
    """GiB: of the device since the last reset; on a processor the largest that this process has had."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def linear_table(records: int, smallest: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        table = bench.run(
            methods="random-resnet,random-vit" if not smallest else "random-vit",
            tasks="ptbxl-super",
            modes="linear",
            fractions=[0.1, 1.0] if smallest else [0.01, 0.1, 1.0],
            seeds=range(1 if smallest else 5),
            profile="smoke" if smallest else "paper",
            settings={"linear.epochs": 2} if smallest else {},
            simulated_records=records,
            track=False,
            workspace=folder,
        )
        cells = table[["method", "fraction", "seed"]].drop_duplicates()
        print(f"linear table: {len(cells)} cells on {records} recordings in {time.perf_counter() - started:.1f} s")


def two_devices() -> None:
    """Pretraining on one device and on two (NCCL), by the command, with its own history of recordings per second."""
    if torch.cuda.device_count() < 2:
        print(f"two devices: not run: this machine has {torch.cuda.device_count()} GPU(s)")
        return
    for devices in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "bench.cli.main", "pretrain", "--method", "mae", "--corpus", "ptbxl"]
            command += ["--workspace", folder, "--devices", str(devices), "--set", "pretrain.epochs=3"]
            started = time.perf_counter()
            environment = os.environ | {"BENCH_SIMULATED_RECORDS": "4096"}
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
            (history,) = Path(folder).glob("checkpoints/*/history.csv")
            print(f"{devices} device(s): {time.perf_counter() - started:.1f} s, simulation included")
            print(history.read_text("utf-8").rstrip())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", default=",".join(CASES), help=f"of {', '.join(CASES)}")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--records", type=int, default=2000, help="recordings of the linear table")
    arguments = parser.parse_args()
    smallest = not torch.cuda.is_available()
    cases, variants, batch, steps, records = (
        arguments.methods.split(","),
        VARIANTS,
        arguments.batch,
        arguments.steps,
        arguments.records,
    )
    if smallest:
        print(f"no GPU: the smallest case on the processor, {torch.get_num_threads()} threads")
        cases, variants, batch, steps, records = list(SMALLEST), VARIANTS[:3], 4, 2, 120
    else:
        print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    for case in cases:
        for variant in variants:
            try:
                line = steps_of(case, variant, batch, steps, smallest)
            except (RuntimeError, torch.cuda.OutOfMemoryError) as error:  # no compiler, or too little memory
                line = f"not run: {str(error).splitlines()[0]}"
            print(f"{case:12} {variant.name:20} {line}", flush=True)
    linear_table(records, smallest)
    two_devices()


if __name__ == "__main__":
    main()
