"""Reliability diagrams and decision curves of one cell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bench.explain.figure import HIGH, LOW, MUTED, new_figure
from bench.scoring.clinical_curves import THRESHOLDS, Calibrated, decision_curve, reliability

SHOWN = 20
"""Classes that are drawn, those with the most positives."""


def draw_reliability(classes: Calibrated, title: str) -> Any:
    """A panel per class: the observed share against the probability, in tenths of the records, with 95 % intervals."""
    figure, panels = _panels(classes)
    for panel, c in zip(panels, _most_frequent(classes), strict=False):
        points = reliability(classes.targets[:, c], classes.probabilities[:, c], classes.weights)
        end = float(min(1.0, 1.08 * max(points.high.max(), points.mean.max())))
        panel.plot((0, end), (0, end), color=MUTED, lw=0.8, ls=(0, (3, 2)))
        panel.vlines(points.mean, points.low, points.high, color=LOW, lw=1.0, alpha=0.6)
        panel.plot(points.mean, points.observed, "o-", color=LOW, ms=3.5, lw=1.2)
        panel.set(xlim=(0, end), ylim=(0, end), aspect="equal")
    figure.supxlabel("probability, calibrated on validation records", fontsize=9)
    figure.supylabel("observed share", fontsize=9)
    figure.suptitle(title, fontsize=10.5, fontweight="bold", x=0.01, ha="left")
    return figure


def draw_decision_curves(classes: Calibrated, title: str) -> Any:
    """A panel per class: net benefit against the threshold probability, next to treating all and treating none."""
    figure, panels = _panels(classes)
    for panel, c in zip(panels, _most_frequent(classes), strict=False):
        one = replace(
            classes,
            names=[classes.names[c]],
            targets=classes.targets[:, [c]],
            probabilities=classes.probabilities[:, [c]],
        )
        own, everyone = decision_curve(one)
        panel.plot(THRESHOLDS, np.zeros(len(THRESHOLDS)), color=MUTED, lw=0.8, label="treat none")
        panel.plot(THRESHOLDS, everyone, color=HIGH, lw=1.0, ls=(0, (3, 2)), label="treat all")
        panel.plot(THRESHOLDS, own, color=LOW, lw=1.4, label="treat by probability")
        top = float(max(own.max(), everyone.max(), 1e-3))
        panel.set(xlim=(0, 1), ylim=(-0.25 * top, 1.08 * top))
    panels[0].legend(fontsize=7, frameon=False)
    figure.supxlabel("threshold probability", fontsize=9)
    figure.supylabel("net benefit per recording", fontsize=9)
    figure.suptitle(title, fontsize=10.5, fontweight="bold", x=0.01, ha="left")
    return figure


def _most_frequent(classes: Calibrated) -> list[int]:
    positives = np.nansum(classes.targets, axis=0)
    return sorted(np.argsort(-positives, kind="stable")[:SHOWN].tolist())


def _panels(classes: Calibrated) -> tuple[Any, list[Any]]:
    shown = _most_frequent(classes)
    columns = min(5, len(shown))
    rows = -(-len(shown) // columns)
    figure = new_figure(2.3 * columns + 0.6, 2.3 * rows + 0.7)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, c in zip(axes, shown, strict=False):
        panel.set_title(classes.names[c], fontsize=8.5, loc="left")
        panel.tick_params(labelsize=7)
    for panel in axes[len(shown) :]:
        panel.set_visible(False)
    return figure, list(axes)
