"""Figures of a result, from its stored predictions: one page that MLflow shows, without anything from the network.

The page draws the numbers itself: values under the pointer, series that can be hidden. A page with plotly's library in it
would be 5 MB per run. What is drawn depends on what the kind of task states about itself.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench import kinds
from bench.cells.result import Result
from bench.scoring.classification import cumulative_counts

PAGE = "figures.html"
_POINTS = 150
"""Points of a curve that are drawn, at most."""
_CLASSES = 24
"""Classes that are drawn, at most: the most frequent."""
_RECORDS = 500
_MATRIX = 60
_BINS = 10
Chart = dict[str, Any]


def figures_page(result: Result) -> str:
    """The page as HTML; empty for a result that nothing can be drawn of."""
    charts = list(charts_of(result))
    if not charts:
        return ""
    data = json.dumps({"title": str(result.cell), "charts": charts}, separators=(",", ":"), allow_nan=False)
    return _template().replace("DATA", data.replace("<", "\\u003c"), 1)


def charts_of(result: Result) -> Iterator[Chart]:
    """What the page draws, as JSON: training, classes with intervals, and what test predictions show."""
    yield from _training(result)
    yield from _forest(result)
    kind = kinds.load(result.score["kind"])
    table = result.prediction_columns()
    test = table["partition"] == "test"
    targets = {name.removeprefix("target_"): v[test] for name, v in table.items() if name.startswith("target")}
    scores = {name.removeprefix("score_"): v[test] for name, v in table.items() if name.startswith("score")}
    if kind.several_at_once:
        yield from _classes(targets, scores)
    elif kind.one_class_each and "target" in targets:
        names = list(scores)
        labels = targets["target"].astype(int)
        yield from _confusion(labels, scores, names)
        yield from _classes({name: labels == i for i, name in enumerate(names)}, scores)
    elif kind.follow_up and {"years", "event"} <= targets.keys():
        yield from _survival(targets["years"], targets["event"], next(iter(scores.values())))
    elif kind.measured_values:
        yield from _measured(targets, scores)


def _training(result: Result) -> Iterator[Chart]:
    """Loss and validation value by epoch, with the chosen epoch."""
    rows = [row for row in result.history() if "epoch" in row]
    chosen = result.selection.get("epoch")
    for name, label in (("loss", "training loss"), ("validation", f"validation {result.selection.get('metric', '')}")):
        points = [(row["epoch"], row[name]) for row in rows if math.isfinite(row.get(name, math.nan))]
        if len(points) > 1:
            x, y = np.array(points).T[:, _thinned(len(points))]
            chart = _lines(f"{label} by epoch", "epoch", label, [_series(label, x, y)], None, None)
            yield chart | ({"mark": {"x": chosen, "label": f"chosen: {chosen}"}} if chosen else {})


def _forest(result: Result) -> Iterator[Chart]:
    """AUROC of each class with its interval by the formula of Hanley and McNeil (Radiology 1982), without clusters."""
    support, total = result.score.get("support") or {}, result.score.get("n_records") or 0
    rows = []
    for name, values in (result.score.get("per_class") or {}).items():
        if (value := values.get("auroc")) is not None:
            positives = int(support.get(name) or 0)
            known = total if values.get("known") is None else int(values["known"])
            low, high = hanley_mcneil(value, positives, known - positives)
            rows.append({"name": name, "value": value, "low": low, "high": high, "n": positives})
    if rows:
        rows = sorted(rows, key=lambda row: -row["n"])[:_MATRIX]
        lowest = min(0.5, *(row["low"] if row["low"] is not None else row["value"] for row in rows))
        note = "95 % intervals (Hanley and McNeil), records taken as independent. Move over a row for its numbers."
        yield {
            "kind": "forest", "title": "AUROC per class", "x": "AUROC", "rows": rows, "reference": 0.5,
            "xlim": [math.floor(10 * lowest) / 10, 1.0], "note": note,
        }  # fmt: skip


def hanley_mcneil(auroc: float, positives: int, negatives: int) -> tuple[float | None, float | None]:
    """95 % interval of an AUROC in [0, 1]; None where a class has fewer than two records."""
    if positives < 2 or negatives < 2:
        return None, None
    q1, q2 = auroc / (2 - auroc), 2 * auroc**2 / (1 + auroc)
    spread = auroc * (1 - auroc) + (positives - 1) * (q1 - auroc**2) + (negatives - 1) * (q2 - auroc**2)
    half = 1.96 * math.sqrt(max(spread, 0.0) / (positives * negatives))
    return max(0.0, auroc - half), min(1.0, auroc + half)


def _classes(targets: dict[str, np.ndarray], scores: dict[str, np.ndarray]) -> Iterator[Chart]:
    """ROC, precision-recall and calibration per class; calibration only of scores that are all in [0, 1]."""
    counts, known = {}, {}
    for name in scores:
        if name in targets:
            target = np.asarray(targets[name], np.float64)
            at = np.isfinite(target) & np.isfinite(scores[name])
            counts[name], known[name] = int(target[at].sum()), (target[at] != 0, scores[name][at])
    drawn = [name for name in sorted(counts, key=lambda n: -counts[n]) if 0 < counts[name] < len(known[name][0])]
    roc, precision, calibration = [], [], []
    unit = all(known[name][1].min() >= 0 and known[name][1].max() <= 1 for name in drawn)
    for name in drawn[:_CLASSES]:
        positive, score = known[name]
        _, true, predicted = cumulative_counts(positive, score)
        false = predicted - true
        at = _thinned(len(true) + 1)
        roc.append(_series(name, np.append(0, false)[at] / false[-1], np.append(0, true)[at] / true[-1]))
        recalled = true > 0
        at = _thinned(int(recalled.sum()))
        precision.append(_series(name, (true[recalled] / true[-1])[at], (true[recalled] / predicted[recalled])[at]))
        if unit:
            parts = np.array_split(np.argsort(score, kind="stable"), min(_BINS, len(score)))
            expected = np.array([score[part].mean() for part in parts])
            calibration.append(_series(name, expected, np.array([positive[part].mean() for part in parts])))
    if roc:
        yield _lines("ROC", "false positive rate", "sensitivity", roc) | {"diagonal": True}
        yield _lines("Precision and recall", "recall", "precision", precision)
    if calibration:
        title = "Calibration (tenths of the records by score)"
        yield _lines(title, "mean score", "share of positives", calibration) | {"diagonal": True}


def _confusion(labels: np.ndarray, scores: dict[str, np.ndarray], names: Sequence[str]) -> Iterator[Chart]:
    if len(names) > _MATRIX:
        return
    predicted = np.stack(list(scores.values())).argmax(axis=0)
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (labels, predicted), 1)
    yield {"kind": "matrix", "title": "Confusion", "names": list(names), "values": counts.tolist()}


def _survival(years: np.ndarray, event: np.ndarray, risk: np.ndarray) -> Iterator[Chart]:
    """Kaplan-Meier curves of three groups of equal size by predicted risk."""
    from bench.scoring.survival_curves import kaplan_meier

    groups = zip(("low risk", "middle", "high risk"), np.array_split(np.argsort(risk, kind="stable"), 3), strict=True)
    series = []
    for name, group in groups:
        if len(group):
            curve = kaplan_meier(years[group], event[group])
            x, y = np.append(0, curve.times), np.append(1, curve.survival)
            at = _thinned(len(x))
            series.append(_series(f"{name} ({len(group)})", x[at], y[at]) | {"step": True})
    if series:
        title = "Kaplan-Meier curves by predicted risk"
        yield _lines(title, "years", "free of the event", series, (0.0, float(years.max())))


def _measured(targets: dict[str, np.ndarray], scores: dict[str, np.ndarray]) -> Iterator[Chart]:
    """Predicted against measured values of each target."""
    for name in list(targets)[:_CLASSES]:
        both = np.stack([targets[name], scores.get(name, np.full(len(targets[name]), np.nan))]).astype(float)
        both = both[:, np.isfinite(both).all(axis=0)]
        some = np.random.default_rng(0).permutation(both.shape[1])[:_RECORDS]
        if len(some) > 1:
            x, y = both[:, some]
            span = (float(both[:, some].min()), float(both[:, some].max()))
            title = f"{'value' if name == 'target' else name}: predicted against measured"
            series = [_series(f"{len(some)} records", x, y) | {"points": True}]
            yield _lines(title, "measured", "predicted", series, span, span) | {"diagonal": True}


def _series(name: str, x: np.ndarray, y: np.ndarray) -> Chart:
    return {"name": name, "x": _rounded(x), "y": _rounded(y)}


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.4g}") for value in values]


def _lines(
    title: str,
    x: str,
    y: str,
    series: list[Chart],
    xlim: tuple[float, float] | None = (0.0, 1.0),
    ylim: tuple[float, float] | None = (0.0, 1.0),
) -> Chart:
    """A chart of lines or points; limits that are None are those of the values."""
    limits = {}
    for name, stated in (("x", xlim), ("y", ylim)):
        values = [value for chart in series for value in chart[name]]
        low, high = stated or (min(values), max(values))
        limits[f"{name}lim"] = [low, high if high > low else low + 1]
    return {"kind": "lines", "title": title, "x": x, "y": y, "series": series} | limits


def _thinned(n: int) -> np.ndarray:
    """Places of at most 150 of n points, first and last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, _POINTS)).astype(int)) if n else np.zeros(0, int)


@functools.cache
def _template() -> str:
    return Path(__file__).with_name(PAGE).read_text(encoding="utf-8")
