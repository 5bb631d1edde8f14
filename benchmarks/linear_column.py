"""A whole linear column on real recordings, encoder included: features once, against the encoder in the loop.

    python benchmarks/linear_column.py PTBXL_ROOT [--records 500] [--epochs 100] [--their-epochs 1]

K-MERL's Table 4 (AdamW, batch 16, 100 epochs, the best epoch on validation data) for the fractions 1, 10 and 100 % and
``--seeds`` seeds, on MERL's ResNet18 at 500 Hz with untrained weights (time does not ask for more). Theirs keeps the encoder
frozen and runs it over training and validation recordings in every epoch, as released probes do; ``--their-epochs`` of its
epochs at 100 % are measured and multiplied, also for the smaller fractions (by their recordings). Both read the same store.
What bounds it: arithmetic. ``bound`` is the encoder once over all recordings, below which no column can go.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from bench.data.batches import BatchSource
from bench.modes.linear import Config
from bench.signals.build_store import prepare
from bench.signals.input_spec import InputSpec
from bench.signals.windows import SignalView
from bench.training.linear_head import LinearHead
from bench.training.objective import objective_for
from bench.training.schedule import warmup_cosine
from methods.nets.backbones import backbone
from tasks.datasets.ptbxl import PTBXL

SUPERCLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
FRACTIONS = (0.01, 0.1, 1.0)


def encode(encoder, source, rows, batch_size=64) -> torch.Tensor:
    with torch.inference_mode():
        return torch.cat([encoder(batch.ecg) for batch in source.in_order(rows, batch_size)]).clone()


def probe(features, targets, train, validation, seed, config) -> float:
    """Ours on features; returns the best validation AUROC."""
    generator, objective = torch.Generator().manual_seed(seed), objective_for("multilabel", targets.shape[1])
    head = LinearHead(features.shape[1], targets.shape[1], "binary", generator)
    x, steps, best = features[train].numpy(), -(-len(train) // config.batch_size), -1.0
    for epoch in range(config.epochs):
        order = torch.randperm(len(train), generator=generator).numpy()
        at = range(epoch * steps, (epoch + 1) * steps)
        rates = np.array([config.lr * warmup_cosine(i, steps * config.epochs, config.warmup_steps) for i in at])
        head.train_epoch(x, targets[train], order, config.batch_size, rates, config.weight_decay)
        scores = objective.scores(head.outputs(features[validation]))
        best = max(best, objective.selection_value(targets[validation], scores))
    return best


def in_the_loop(encoder, source, targets, train, validation, config, epochs) -> float:
    """Seconds an epoch of the head on the frozen encoder, which runs in every step and over the validation recordings."""
    head = torch.nn.Linear(encoder.dim, targets.shape[1])
    optimiser = torch.optim.AdamW(head.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    objective = objective_for("multilabel", targets.shape[1])
    started = time.perf_counter()
    for epoch in range(epochs):
        for batch in source.shuffled(train, min(config.batch_size, len(train)), (epoch,)):
            with torch.no_grad():
                features = encoder(batch.ecg)
            wanted = torch.from_numpy(targets[batch.index.numpy()]).float()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(head(features), wanted)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            scores = objective.scores(head(encode(encoder, source, validation, config.batch_size)))
        objective.selection_value(targets[validation], scores)
    return (time.perf_counter() - started) / epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="a PTB-XL data root with records500/")
    parser.add_argument("--records", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=Config().epochs)
    parser.add_argument("--their-epochs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    config, dataset = Config(epochs=arguments.epochs), PTBXL(arguments.root)
    torch.manual_seed(0)
    encoder = backbone("resnet18", 5000).eval()
    with tempfile.TemporaryDirectory() as folder:
        store = prepare(dataset, Path(folder) / "store", rate=500)
        labels = store.records["superclass"][: arguments.records]
        targets = np.array([[name in record_labels for name in SUPERCLASSES] for record_labels in labels]).astype(
            np.uint8
        )
        source = BatchSource(SignalView(store, InputSpec(fs=500, seconds=10, normalise="minmax")))
        rows = np.arange(len(targets))
        validation, test, train = np.split(rows, [len(rows) // 10, len(rows) // 5])
        encode(encoder, source, rows[:64])
        warm = LinearHead(encoder.dim, len(SUPERCLASSES), "binary", torch.Generator().manual_seed(0))
        warm.train_epoch(np.zeros((16, encoder.dim), np.float32), targets[:16], rows[:16], 16, np.array([1e-3]), 0.0)

        started = time.perf_counter()
        features = encode(encoder, source, rows)
        encoding = time.perf_counter() - started
        started = time.perf_counter()
        probe(features, targets, train, validation, 0, config)
        one_probe = time.perf_counter() - started
        started = time.perf_counter()
        for fraction in FRACTIONS:
            for seed in range(arguments.seeds):
                probe(features, targets, train[: max(2, round(fraction * len(train)))], validation, seed, config)
        column = time.perf_counter() - started
        epoch = in_the_loop(encoder, source, targets, train, validation, config, arguments.their_epochs)
    seen = len(train) + len(validation)
    shares = [(fraction * len(train) + len(validation)) / seen for fraction in FRACTIONS]
    their_one = epoch * arguments.epochs + encoding * len(test) / len(rows)
    their_column = arguments.seeds * sum(
        epoch * arguments.epochs * s + encoding * len(test) / len(rows) for s in shares
    )
    print(f"{len(rows)} recordings, {torch.get_num_threads()} threads, MERL's ResNet18; theirs: {epoch:.1f} s an epoch")
    print(
        f"one probe, 100 %:  theirs {their_one:.0f} s, ours {encoding + one_probe:.1f} s: "
        f"{their_one / (encoding + one_probe):.0f}"
    )
    n = len(FRACTIONS) * arguments.seeds
    ours = encoding + column
    print(f"the column, {n} probes: theirs {their_column:.0f} s, ours {ours:.1f} s: {their_column / ours:.0f}")
    print(f"bound: the encoder once, {encoding:.1f} s; ours is {ours / encoding:.2f} times that")


if __name__ == "__main__":
    main()
