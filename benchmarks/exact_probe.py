"""The exact probe (L2 logistic regression, a path of seven penalties) against scikit-learn, class by class in a loop.

    python benchmarks/exact_probe.py                        # 17,084 x 512; 5 and 23 classes; 1, 10, 100 % of the labels
    python benchmarks/exact_probe.py --classes 5 --timed 1  # a minute

scikit-learn runs twice on ``--timed`` of the classes, and its times are multiplied: as it comes (lbfgs, tolerance 1e-4, as
many iterations as it asks for), which stops short of the optimum, and with its solver that reaches the optimum
soonest here (newton-cholesky, tolerance 1e-12). ``off`` is the largest difference of a coefficient from the latter, as a
share of the largest coefficient, worst over the penalties.
Seeds are not counted: the optimum depends on none, so that a loop over five seeds is five times slower for nothing.
What bounds it: arithmetic. ``bound`` is the time of its matrix products alone, timed here on the same shapes.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from bench.modes.linear import Config
from bench.training.exact_head import exact_path

RECORDS, DIM = 17_084, 512


def data(classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Standardised features whose variances fall off as a representation's do, and labels that partly depend on them."""
    rng = np.random.default_rng(classes)
    turn = np.linalg.qr(rng.normal(size=(DIM, DIM)))[0]
    x = (rng.normal(size=(RECORDS, DIM)) * np.arange(1, DIM + 1) ** -0.5) @ turn
    x = (x - x.mean(0)) / x.std(0)
    rarity = np.linspace(1, 4, classes)
    return x, (x @ rng.normal(size=(DIM, classes)) / 12 + rng.normal(size=(RECORDS, classes)) > rarity).astype(np.uint8)


def loop(x, y, cs, timed, **settings) -> tuple[float, np.ndarray]:
    """scikit-learn over ``timed`` classes and all penalties: seconds for all classes, coefficients [c, class, dim]."""
    started = time.process_time()
    fits = [[LogisticRegression(C=c, **settings).fit(x, y[:, k]).coef_[0] for k in range(timed)] for c in sorted(cs)]
    return (time.process_time() - started) * y.shape[1] / timed, np.array(fits)


def off(weights: np.ndarray, exact: np.ndarray) -> float:
    return float((np.abs(weights - exact).max(-1) / np.abs(exact).max(-1)).max())


def products_alone(x: torch.Tensor, classes: int, passes: int) -> float:
    """Seconds of the products: two a pass, and the turn to the principal axes (two as wide as the features)."""
    weight = torch.zeros(classes, x.shape[1], dtype=torch.float64)

    def seconds(repeats: int, product) -> float:
        product()
        started = time.process_time()
        for _ in range(repeats):
            product()
        return (time.process_time() - started) / repeats

    one_product = seconds(5, lambda: (x @ weight.T).T @ x)
    axes = x.shape[1] if len(x) >= x.shape[1] else len(x)
    return one_product * passes + 2 * seconds(1, lambda: x @ x[:axes].T)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, nargs="+", default=[5, 23])
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.01, 0.1, 1.0])
    parser.add_argument("--timed", type=int, default=2, help="classes that scikit-learn is timed on")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.simplefilter("ignore", FutureWarning)
    cs = Config().c
    print("one thread; seconds for all classes and penalties")
    head = (
        f"{'classes':>7} {'labels':>6} | {'lbfgs':>8} {'off':>7} | {'newton':>8} | {'ours':>7} {'off':>7} {'bound':>6}"
    )
    print(f"{head} | ratio to lbfgs, to newton")
    sums = np.zeros(3)
    for classes in arguments.classes:
        everything = data(classes)
        for fraction in arguments.fractions:
            x, y = (part[: round(RECORDS * fraction)] for part in everything)
            learned = [k for k in range(classes) if 0 < y[:, k].mean() < 1]
            timed = min(arguments.timed, len(learned))
            y = y[:, learned]
            started = time.process_time()
            fits = list(exact_path(torch.from_numpy(x), torch.from_numpy(y), "binary", len(learned), cs))
            ours = time.process_time() - started
            lbfgs, rough = loop(x, y, cs, timed, max_iter=10_000)
            newton, exact = loop(x, y, cs, timed, tol=1e-12, max_iter=1000, solver="newton-cholesky")
            weights = np.stack([fit.weight[:timed].numpy() for fit in fits])
            bound = products_alone(torch.from_numpy(x), len(learned), sum(fit.iterations for fit in fits))
            sums += lbfgs, newton, ours
            print(
                f"{classes:>7} {fraction:>6.0%} | {lbfgs:>8.2f} {off(rough, exact):>7.0e} | {newton:>8.2f} | "
                f"{ours:>7.2f} {off(weights, exact):>7.0e} {bound:>6.2f} | {lbfgs / ours:.1f}, {newton / ours:.1f}"
            )
    print(
        f"all: {sums[0] / sums[2]:.1f} times as fast as lbfgs as it comes, {sums[1] / sums[2]:.1f} at the same optimum"
    )


if __name__ == "__main__":
    main()
