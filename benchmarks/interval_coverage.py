"""Coverage of 95 % intervals: the plain percentile interval next to ours, in simulated experiments.

    python benchmarks/interval_coverage.py [--experiments 500] [--replicates 400]

The numbers in the opening of bench/scoring/bootstrap.py come from here. Scores are normal,
shifted by an effect for positives; the truth is the mean, over the classes that the sample could score, of each class's
value in 300,000 records. 500 experiments leave a standard error of about 1 %.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from bench.scoring import classification
from bench.scoring.score import score_replicates

# Test positives of PTB-XL's form task (fold 10, 880 records), and effects from an AUROC of 0.64 to one of 0.98.
FORM = np.array([183, 77, 18, 12, 333, 114, 101, 88, 55, 44, 42, 40, 34, 30, 18, 6, 4, 3, 1.5]) / 880
FORM_EFFECTS = np.tile([0.5, 1.2, 2.0, 2.8], 5)[:19]

# name: records, prevalence of each class, effect of each class, recordings per patient
SCENARIOS: dict[str, tuple[int, list[float] | np.ndarray, list[float] | np.ndarray, int]] = {
    "5 frequent classes": (2158, [0.45, 0.25, 0.24, 0.23, 0.12], [2.0, 1.8, 1.5, 1.5, 1.3], 1),
    "5 classes, 2 recordings a patient": (500, [0.1, 0.15, 0.2, 0.3, 0.4], [1.0] * 5, 2),
    "5 classes, all AUROC 0.99": (500, [0.05] * 5, [3.3] * 5, 1),
    "10 classes of 6 positives": (500, [0.012] * 10, [1.47] * 10, 1),
    "10 classes of 2 to 200 positives": (500, np.geomspace(0.005, 0.4, 10), [1.47] * 10, 1),
    "19 classes as in PTB-XL form": (880, FORM, FORM_EFFECTS, 1),
    "1 class, AUROC 0.95": (200, [0.1], [2.33], 1),
    "1 class, AUROC 0.99": (200, [0.1], [3.29], 1),
    "1 class of 6 positives, AUROC 0.90": (200, [0.03], [1.81], 1),
}


def sample(
    rng: np.random.Generator, records: int, prevalence: np.ndarray, effects: np.ndarray, recordings: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    patient = np.arange(records) // recordings
    shape = (int(patient[-1]) + 1, len(prevalence))
    targets = (rng.random(shape) < prevalence)[patient].astype(int)
    shared = np.sqrt(0.5) if recordings > 1 else 0.0
    noise = shared * rng.normal(size=shape)[patient] + np.sqrt(1 - shared**2) * rng.normal(size=targets.shape)
    return targets, noise + targets * effects, patient


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=500)
    parser.add_argument("--replicates", type=int, default=400)
    options = parser.parse_args()
    metrics = {"macro_auroc": classification.auroc, "macro_auprc": classification.average_precision}
    print(f"{'':36}{'macro AUROC':>22}{'macro AUPRC':>22}")
    print(f"{'':36}" + 2 * f"{'percentile':>11}{'ours':>11}")
    for name, (records, prevalence, effects, recordings) in SCENARIOS.items():
        start = time.perf_counter()
        setting = (np.asarray(prevalence), np.asarray(effects), recordings)
        population = sample(np.random.default_rng(10**9), 300_000, *setting)
        truths = {metric: plain(*population[:2]) for metric, plain in metrics.items()}
        held: dict[tuple[str, str], list[bool]] = {(m, how): [] for m in metrics for how in ("percentile", "ours")}
        for seed in range(options.experiments):
            targets, scores, patient = sample(np.random.default_rng(seed), records, *setting)
            if not classification.scorable(targets).any():
                continue
            names = [str(c) for c in range(targets.shape[1])]
            drawn = score_replicates(
                "multilabel",
                targets,
                scores,
                names,
                patient,
                bootstrap=options.replicates,
                seed=seed,
                metrics=list(metrics),
            )
            for metric, replicates in drawn.items():
                truth = truths[metric][replicates.present].mean()
                for how, (low, high) in (
                    ("percentile", np.nanquantile(classification.macro(replicates.values), [0.025, 0.975])),
                    ("ours", replicates.interval("logit")),
                ):
                    held[metric, how].append(bool(low <= truth <= high))
        shares = "".join(f"{100 * np.mean(h):11.1f}" for h in held.values())
        print(f"{name:36}{shares}   % ({time.perf_counter() - start:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
