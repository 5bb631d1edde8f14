"""Coverage of 95 % intervals and type I error of tests, in simulated experiments with a known truth.

    python benchmarks/interval_coverage.py [--experiments 500] [--draws 200] [--only WORDS]

The numbers in the opening of bench/scoring/bootstrap.py and in docs/explanation/statistics.md come from here. 500 experiments
leave a standard error of about 1 %.

Table 1 is of one trained model: the plain percentile interval and ours. Scores are normal, shifted by an effect for
positives; the truth is the mean, over the classes that the sample could score, of each class's value in 300,000 records.

Table 2 is of two methods alike, with 1, 3 and 5 replicates each. Trainings move the AUROC of all classes by a normal number
whose deviation is given in points; half of a score's noise is common to both methods, a fifth differs from one replicate to
the next. The truth is the mean over all possible trainings. Compared are

- ours: patients' covariance + S / R (bench/scoring/replication.py), Student's t
- pooled: bootstrap variance of the mean + S / R, Student's t
- both drawn: percentiles of a bootstrap that draws patients and replicates
- half-widths: mean of the squared half-widths of the runs + S / R, symmetric, Student's t

and two tests of the difference: ours, and the bootstrap of patients alone. With one replicate there is no S: a table of one
replicate each is wrong as often as its row says.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from bench.scoring import classification
from bench.scoring.bootstrap import Covariance, Replicates
from bench.scoring.comparison import paired_difference
from bench.scoring.replication import average, components, difference
from bench.scoring.score import score_replicates

# Test positives of PTB-XL's form task (fold 10, 880 records), and effects from an AUROC of 0.64 to one of 0.98.
FORM = np.array([183, 77, 18, 12, 333, 114, 101, 88, 55, 44, 42, 40, 34, 30, 18, 6, 4, 3, 1.5]) / 880
FORM_EFFECTS = np.tile([0.5, 1.2, 2.0, 2.8], 5)[:19]

# name: records, prevalence of each class, effect of each class, recordings per patient
ONE_MODEL: dict[str, tuple[int, list[float] | np.ndarray, list[float] | np.ndarray, int]] = {
    "5 frequent classes": (2158, [0.45, 0.25, 0.24, 0.23, 0.12], [2.0, 1.8, 1.5, 1.5, 1.3], 1),
    "5 classes, 2 recordings a patient": (500, [0.1, 0.15, 0.2, 0.3, 0.4], [1.0] * 5, 2),
    "5 classes, all AUROC 0.99": (500, [0.05] * 5, [3.3] * 5, 1),
    "10 classes of 6 positives": (500, [0.012] * 10, [1.47] * 10, 1),
    "10 classes of 2 to 200 positives": (500, np.geomspace(0.005, 0.4, 10), [1.47] * 10, 1),
    "19 classes as in PTB-XL form": (880, FORM, FORM_EFFECTS, 1),
    "1 class, AUROC 0.95": (200, [0.1], [2.33], 1),
    "1 class, AUROC 0.99": (200, [0.1], [3.29], 1),
    "1 class, AUROC 0.999": (200, [0.1], [4.37], 1),
    "1 class of 6 positives, AUROC 0.90": (200, [0.03], [1.81], 1),
}

# name: records, prevalence of each class, AUROC, recordings per patient, deviations between trainings (points)
REPLICATED: dict[str, tuple[int, list[float], float, int, list[float]]] = {
    "5 frequent classes": (600, [0.45, 0.25, 0.24, 0.23, 0.12], 0.85, 1, [0, 1, 2.5, 5]),
    "5 classes of 10 positives": (500, [0.02] * 5, 0.85, 1, [0, 1, 2.5, 5]),
    "2 recordings a patient": (500, [0.1, 0.2, 0.4], 0.80, 2, [0, 1, 2.5, 5]),
    "AUROC 0.99, 5 classes of 25": (500, [0.05] * 5, 0.99, 1, [0, 0.3]),
    "AUROC 0.99, 1 class of 30": (300, [0.1], 0.99, 1, [0, 0.3]),
}
COUNTS = (1, 3, 5)


def cohort(rng: np.random.Generator, records: int, prevalence: np.ndarray, recordings: int) -> tuple[np.ndarray, ...]:
    """Targets and the patient of each record; a patient's recordings share the labels."""
    patient = np.arange(records) // recordings
    return (rng.random((int(patient[-1]) + 1, len(prevalence))) < prevalence)[patient].astype(int), patient


def noise(rng: np.random.Generator, classes: int, patient: np.ndarray) -> np.ndarray:
    """Standard normal [record, class], half of it shared by the recordings of a patient who has several."""
    own = rng.normal(size=(len(patient), classes))
    if patient[-1] + 1 == len(patient):
        return own
    return np.sqrt(0.5) * (own + rng.normal(size=(int(patient[-1]) + 1, classes))[patient])


def drawn(targets: np.ndarray, scores: np.ndarray, patient: np.ndarray, draws: int, seed: int, metrics: list[str]):
    names = [str(c) for c in range(targets.shape[1])]
    return score_replicates(
        "multilabel", targets, scores, names, patient, bootstrap=draws, seed=seed, metrics=metrics
    )  # fmt: skip


def one_model(experiments: int, draws: int, only: str) -> None:
    metrics = {"macro_auroc": classification.auroc, "macro_auprc": classification.average_precision}
    print(f"{'1. One model':36}{'macro AUROC':>22}{'macro AUPRC':>22}")
    print(f"{'':36}" + 2 * f"{'percentile':>11}{'ours':>11}")
    for name, (records, prevalence, effects, recordings) in ONE_MODEL.items():
        if only not in name:
            continue
        start = time.process_time()
        rng = np.random.default_rng(10**9)
        targets, patient = cohort(rng, 300_000, np.asarray(prevalence), recordings)
        scores = noise(rng, len(prevalence), patient) + targets * effects
        truths = {metric: plain(targets, scores) for metric, plain in metrics.items()}
        held: dict[tuple[str, str], list[bool]] = {(m, how): [] for m in metrics for how in ("percentile", "ours")}
        for seed in range(experiments):
            rng = np.random.default_rng(seed)
            targets, patient = cohort(rng, records, np.asarray(prevalence), recordings)
            if not classification.scorable(targets).any():
                continue
            scores = noise(rng, len(prevalence), patient) + targets * effects
            for metric, run in drawn(targets, scores, patient, draws, seed, list(metrics)).items():
                truth = truths[metric][run.present].mean()
                for how, (low, high) in (
                    ("percentile", np.nanquantile(classification.macro(run.values), [0.025, 0.975])),
                    ("ours", run.interval("logit")),
                ):
                    held[metric, how].append(bool(low <= truth <= high))
        shares = "".join(f"{100 * np.mean(h):11.1f}" for h in held.values())
        print(f"{name:36}{shares}   % ({time.process_time() - start:.0f} s)", flush=True)


def auroc_of_a_training(rng: np.random.Generator, auroc: float, deviation: float, size: int | None = None):
    return np.clip(auroc + deviation / 100 * rng.normal(size=size), 0.501, 0.9999)


def experiment(
    rng: np.random.Generator, setting: tuple, deviation: float, draws: int, seed: int
) -> list[list[Replicates]] | None:
    """Two methods alike, each in as many replicates as are needed; None where no class can be scored."""
    records, prevalence, auroc, recordings, _ = setting
    targets, patient = cohort(rng, records, np.asarray(prevalence), recordings)
    if not classification.scorable(targets).any():
        return None
    common = noise(rng, len(prevalence), patient)
    methods = []
    for _ in range(2):
        own, runs = noise(rng, len(prevalence), patient), []
        for _ in range(max(COUNTS)):
            mixed = np.sqrt(0.5) * common + np.sqrt(0.3) * own + np.sqrt(0.2) * noise(rng, len(prevalence), patient)
            effect = np.sqrt(2) * norm.ppf(auroc_of_a_training(rng, auroc, deviation))
            runs.append(drawn(targets, mixed + effect * targets, patient, draws, seed, ["macro_auroc"])["macro_auroc"])
        methods.append(runs)
    return methods


def intervals(runs: list[Replicates], rng: np.random.Generator) -> Iterator[tuple[str, float, float]]:
    """Each way to an interval of the mean over replicates."""
    ours = components(runs)
    yield ("ours", *ours.interval("logit"))
    if (count := len(runs)) == 1:
        return
    covariance, between = Covariance.of(runs), float(np.var([run.value for run in runs], ddof=1)) / count
    mean = covariance.spread(np.full(count, 1 / count))
    for name, patients in (
        ("pooled", mean.standard_error**2),
        ("half-widths", float(np.mean(np.diag(covariance.total)))),
    ):
        total = patients + between
        freedom = total**2 / (patients**2 / mean.freedom + between**2 / (count - 1))
        half = student.ppf(0.975, freedom) * total**0.5
        yield name, ours.value - half, ours.value + half
    values = np.stack([np.nanmean(run.values, axis=1) for run in runs])
    chosen = rng.integers(count, size=values.shape)
    yield ("both drawn", *np.nanquantile(np.take_along_axis(values, chosen, axis=0).mean(axis=0), [0.025, 0.975]))


def replicated(experiments: int, draws: int, only: str) -> None:
    ways = ("ours", "pooled", "both drawn", "half-widths")
    print(f"\n{'2. Replicates':32}{'coverage':>48}   {'type I error':>22}")
    print(f"{'':32}{'R':>4}" + "".join(f"{w:>12}" for w in ways) + f"{'width':>8}{'ours':>11}{'patients':>11}")
    for name, setting in REPLICATED.items():
        if only not in name:
            continue
        for deviation in setting[-1]:
            start = time.process_time()
            many = auroc_of_a_training(np.random.default_rng(1), setting[2], deviation, 10**6)
            truth = float(np.mean(many))
            held, widths, significant = defaultdict(list), defaultdict(list), defaultdict(list)
            for seed in range(experiments):
                rng = np.random.default_rng([seed, 3])
                methods = experiment(rng, setting, deviation, draws, seed)
                if methods is None:
                    continue
                for count in COUNTS:
                    first, second = (runs[:count] for runs in methods)
                    for way, low, high in intervals(first, rng):
                        held[count, way].append(low <= truth <= high)
                        if way == "ours":
                            widths[count].append(high - low)
                    patients = paired_difference(average(first), average(second))
                    significant[count, "patients"].append(patients.p_value < 0.05)
                    if count > 1:
                        significant[count, "ours"].append(difference(first, second).p_value < 0.05)
            for count in COUNTS:
                label = f"{name}, sd {deviation:g}" if count == 1 else ""
                line = "".join(
                    f"{100 * np.mean(held[count, w]):12.1f}" if (count, w) in held else f"{'':12}" for w in ways
                )
                errors = "".join(
                    f"{100 * np.mean(significant[count, w]):11.1f}" if (count, w) in significant else f"{'':11}"
                    for w in ("ours", "patients")
                )
                seconds = f"   ({time.process_time() - start:.0f} s)" if count == COUNTS[-1] else ""
                print(f"{label:32}{count:4}{line}{100 * np.mean(widths[count]):8.1f}{errors}{seconds}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=500)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--only", default="", help="words that a scenario's name holds")
    options = parser.parse_args()
    one_model(options.experiments, options.draws, options.only)
    replicated(options.experiments, options.draws, options.only)


if __name__ == "__main__":
    main()
