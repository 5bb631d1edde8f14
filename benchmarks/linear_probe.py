"""Linear evaluation as in K-MERL's table: ours against one plain PyTorch probe after the other, on the same features.

    python benchmarks/linear_probe.py            # 17,084 x 512 features; 5 and 23 classes; 1, 10, 100 %; 5 seeds
    python benchmarks/linear_probe.py --epochs 5 # a few minutes less; the ratio is the same

Both run K-MERL Table 4: AdamW, batch 16, 100 epochs, cosine after 5 steps of warm-up, the epoch with the best validation
AUROC kept. Both draw the same initial weights and orders, so that they must choose the same epoch and reach the same test
AUROC (to 1e-3). The plain side is timed on ``--plain-epochs`` of its epochs and multiplied, unless it is as long as ours.
What bounds it: arithmetic; a step of 16 x 512 x 23 is 0.75 MFLOP of products and an update of 12,000 weights. ``bound`` is
the products alone, as torch computes them, without scores on validation data.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from bench.modes.linear import Config
from bench.training.linear_head import LinearHead
from bench.training.objective import objective_for
from bench.training.schedule import warmup_cosine

RECORDS, VALIDATION, TEST, DIM = 17_084, 2_146, 2_158, 512


def data(classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of a made-up encoder and labels that a linear head can partly tell from them."""
    rng = np.random.default_rng(classes)
    n = RECORDS + VALIDATION + TEST
    features = rng.normal(size=(n, DIM)).astype(np.float32)
    logits = features @ rng.normal(size=(DIM, classes)).astype(np.float32) / 12 + rng.normal(size=(n, classes)) * 2 - 2
    return torch.from_numpy(features), torch.from_numpy((logits > 0).astype(np.uint8))


def parts(fraction: float) -> tuple[slice, slice, slice]:
    return slice(0, round(RECORDS * fraction)), slice(RECORDS, RECORDS + VALIDATION), slice(RECORDS + VALIDATION, None)


def plain(x, y, fraction, seed, config, epochs, total_epochs):
    """The protocol as one would write it: returns (best epoch, validation, test AUROC) after ``epochs`` of its epochs."""
    train, validation, test = parts(fraction)
    objective, generator = objective_for("multilabel", y.shape[1]), torch.Generator().manual_seed(seed)
    head = torch.nn.Linear(DIM, y.shape[1])
    with torch.no_grad():
        for p in (head.weight, head.bias):
            p.uniform_(-(DIM**-0.5), DIM**-0.5, generator=generator)
    optimiser = torch.optim.AdamW(head.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    features, targets = x[train], y[train].float()
    steps = -(-len(features) // config.batch_size)
    best = (-1.0, 0, None)
    for epoch in range(epochs):
        order = torch.randperm(len(features), generator=generator)
        for i in range(steps):
            rows = order[i * config.batch_size : (i + 1) * config.batch_size]
            for group in optimiser.param_groups:
                group["lr"] = config.lr * warmup_cosine(epoch * steps + i, steps * total_epochs, config.warmup_steps)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(head(features[rows]), targets[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            value = objective.selection_value(y[validation].numpy(), objective.scores(head(x[validation])))
            if value > best[0]:
                best = (value, epoch, objective.scores(head(x[test])))
    return best[1], best[0], objective.selection_value(y[test].numpy(), best[2])


def ours(x, y, fraction, seed, config, epochs, total_epochs):
    """The same, as ``bench.modes.linear`` runs it."""
    train, validation, test = parts(fraction)
    objective, generator = objective_for("multilabel", y.shape[1]), torch.Generator().manual_seed(seed)
    head = LinearHead(DIM, y.shape[1], "binary", generator)
    features, targets = x[train].numpy(), y[train].numpy()
    steps = -(-len(features) // config.batch_size)
    best = (-1.0, 0, None)
    for epoch in range(epochs):
        order = torch.randperm(len(features), generator=generator).numpy()
        at = range(epoch * steps, (epoch + 1) * steps)
        rates = np.array([config.lr * warmup_cosine(i, steps * total_epochs, config.warmup_steps) for i in at])
        head.train_epoch(features, targets, order, config.batch_size, rates, config.weight_decay)
        value = objective.selection_value(y[validation].numpy(), objective.scores(head.outputs(x[validation])))
        if value > best[0]:
            best = (value, epoch, head.state())
    head.load(best[2])
    return best[1], best[0], objective.selection_value(y[test].numpy(), objective.scores(head.outputs(x[test])))


def products_alone(classes: int, steps: int, batch: int, repeats: int = 300) -> float:
    """Seconds of the two products of each step."""
    x, weight = torch.randn(batch, DIM), torch.randn(classes, DIM)
    started = time.perf_counter()
    for _ in range(repeats):
        (x @ weight.T).T @ x
    return (time.perf_counter() - started) / repeats * steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=Config().epochs, help="of ours (default: the protocol's)")
    parser.add_argument("--plain-epochs", type=int, default=3, help="of the plain side, its time multiplied")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    config = Config(epochs=arguments.epochs)
    x, y = data(3)
    ours(x, y, 0.01, 0, config, 1, 1)  # compile
    plain(x, y, 0.01, 0, config, 1, 1)
    print(
        f"{'classes':>7} {'labels':>6} {'plain s':>9} {'ours s':>8} {'ratio':>6}   same epoch, test AUROC plain / ours"
    )
    sums, bound = [0.0, 0.0], 0.0
    for classes in (5, 23):
        x, y = data(classes)
        for fraction in (0.01, 0.1, 1.0):
            timed = min(arguments.epochs, arguments.plain_epochs if fraction > 0.05 else arguments.epochs)
            started = time.perf_counter()
            theirs = plain(x, y, fraction, 0, config, timed, arguments.epochs)
            slow = (time.perf_counter() - started) * arguments.epochs / timed * arguments.seeds
            same = ours(x, y, fraction, 0, config, timed, arguments.epochs)
            started = time.perf_counter()
            for seed in range(arguments.seeds):
                ours(x, y, fraction, seed, config, arguments.epochs, arguments.epochs)
            fast = time.perf_counter() - started
            sums = [sums[0] + slow, sums[1] + fast]
            steps = -(-round(RECORDS * fraction) // config.batch_size) * arguments.epochs * arguments.seeds
            bound += products_alone(classes, steps, config.batch_size)
            agree = f"{theirs[0] == same[0]}, {theirs[2]:.5f} / {same[2]:.5f}"
            print(f"{classes:>7} {fraction:>6.0%} {slow:>9.1f} {fast:>8.1f} {slow / fast:>6.1f}   {agree}")
    print(f"{'all':>7} {'':>6} {sums[0]:>9.1f} {sums[1]:>8.1f} {sums[0] / sums[1]:>6.1f}   one thread each")
    print(f"bound {bound:.1f} s; ours takes {sums[1] / bound:.1f} times that")


if __name__ == "__main__":
    main()
