"""Plots of outcomes: survival of risk groups, and predicted against measured values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from bench.explain.figure import HIGH, INK, LOW, MUTED, new_figure
from bench.scoring.survival_curves import high_risk, kaplan_meier, log_rank


def draw_kaplan_meier(
    times: Float[np.ndarray, " record"], events: np.ndarray, log_risk: Float[np.ndarray, " record"], title: str
) -> Any:
    """Curves of the low- and the high-risk group with 95 % intervals, numbers at risk and the log-rank test.

    The cut-off is that of LLM-DAN's Figure 3: the share of events, rounded up to a whole percent.
    """
    group = high_risk(log_risk, events)
    figure = new_figure(6.2, 4.9)
    panel, table = figure.subplots(2, 1, height_ratios=(4.6, 1), sharex=True)
    end = float(times.max())
    ticks = np.arange(0, np.ceil(end) + 1, 1.0 if end <= 10 else 2.0)
    floor = 1.0
    for row, (member, colour, label) in enumerate(((~group, LOW, "low risk"), (group, HIGH, "high risk"))):
        if not member.any():
            continue
        curve = kaplan_meier(times[member], events[member])
        x = np.concatenate([[0], curve.times])
        panel.step(x, np.concatenate([[1], curve.survival]), where="post", color=colour, lw=1.6, label=label)
        low, high = (np.concatenate([[1], np.nan_to_num(edge, nan=1.0)]) for edge in (curve.low, curve.high))
        panel.fill_between(x, low, high, step="post", color=colour, alpha=0.15, lw=0)
        censored = np.unique(times[member & (events == 0)])
        at = [curve.at(t) for t in censored]
        panel.plot(censored, at, "|", color=colour, ms=4, mew=0.6)
        floor = min(floor, float(np.nanmin(low)))
        for tick in ticks:
            table.text(tick, 1 - row, f"{int((times[member] >= tick).sum()):,}", ha="center", va="center", fontsize=8)
        table.text(-0.09, 1 - row, label, transform=table.get_yaxis_transform(), ha="right", va="center", color=colour)
    panel.set(ylim=(max(0.0, floor - 0.05), 1.01), xlim=(0, ticks[-1]), ylabel="free of the event")
    panel.legend(loc="lower left")
    p = log_rank(times, events, group) if group.any() and not group.all() else float("nan")
    significance = "log-rank p < 0.001" if p < 0.001 else f"log-rank p = {p:.3f}"
    if np.isfinite(p):
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 2}
        panel.text(0.98, 0.04, significance, transform=panel.transAxes, ha="right", va="bottom", bbox=box)
    table.set(ylim=(-0.6, 2.0), yticks=[], xlabel="years since the ECG", xticks=ticks)
    table.set_title("at risk", loc="left", fontsize=8, color=MUTED, pad=1)
    for side in ("left", "top", "right"):
        table.spines[side].set_visible(False)
    figure.suptitle(title, fontsize=10.5, fontweight="bold", x=0.01, ha="left")
    return figure


def draw_predicted_measured(
    measured: Float[np.ndarray, "record target"],
    predicted: Float[np.ndarray, "record target"],
    names: Sequence[str],
    title: str,
    shown: int = 500,
) -> Any:
    """One panel per target: ``shown`` records, the regression line of all of them, and Pearson's r (MMCL, Figure 4). Records
    whose value is unknown (NaN) are left out."""
    columns = min(5, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(2.15 * columns + 0.5, 2.15 * rows + 0.6)
    axes = figure.subplots(rows, columns, squeeze=False)
    some = np.random.default_rng(0).permutation(len(measured))[:shown]
    for i, panel in enumerate(axes.flat):
        if i >= len(names):
            panel.set_visible(False)
            continue
        known = ~np.isnan(measured[:, i])
        panel.set_title(names[i], fontsize=8.5, loc="left")
        if not known.any():
            continue
        x, y = measured[known, i], predicted[known, i]
        drawn = some[known[some]]
        panel.plot(measured[drawn, i], predicted[drawn, i], ".", color=LOW, ms=3.5, alpha=0.55, mew=0)
        span = np.quantile(np.concatenate([x, y]), (0.002, 0.998))
        pad = 0.05 * max(float(np.diff(span)[0]), 1e-9)
        limits = (span[0] - pad, span[1] + pad)
        panel.plot(limits, limits, color=MUTED, lw=0.6, ls=(0, (3, 2)))
        r = float("nan")
        if x.std() > 0 and y.std() > 0:
            slope, offset = np.polyfit(x, y, 1)
            panel.plot(limits, np.array(limits) * slope + offset, color=HIGH, lw=1.2)
            r = float(np.corrcoef(x, y)[0, 1])
        panel.set(xlim=limits, ylim=limits, aspect="equal")
        panel.locator_params(nbins=4)
        panel.text(0.97, 0.04, f"r = {r:.2f}", transform=panel.transAxes, ha="right", fontsize=8, color=INK)
    figure.supxlabel("measured", fontsize=9)
    figure.supylabel("predicted", fontsize=9)
    figure.suptitle(title, fontsize=10.5, fontweight="bold", x=0.01, ha="left")
    return figure


def draw_similarity(
    image: Float[np.ndarray, "phase height width"], similarity: Float[np.ndarray, "row column"], title: str
) -> Any:
    """The three phases of the heart, and the cosine of the ECG with each place laid over the second (MMCL, Figure 6)."""
    figure = new_figure(9.6, 2.9)
    axes = figure.subplots(1, 4)
    phases = ("end-systole", "end-diastole", "mid-phase")
    for panel, name, phase in zip(axes, phases, image, strict=False):
        panel.imshow(phase, cmap="gray", vmin=0, vmax=1)
        panel.set_title(name)
    size = image.shape[1:]
    axes[3].imshow(image[1], cmap="gray", vmin=0, vmax=1)
    drawn = axes[3].imshow(
        similarity,
        cmap="inferno",
        alpha=0.5,
        extent=(-0.5, size[1] - 0.5, size[0] - 0.5, -0.5),
        interpolation="bicubic",
    )
    axes[3].set_title("similarity to the ECG")
    bar = figure.colorbar(drawn, ax=axes[3], shrink=0.85)
    bar.set_label("cosine")
    bar.solids.set_alpha(1)
    for panel in axes:
        panel.set(xticks=[], yticks=[])
        for side in panel.spines.values():
            side.set_visible(False)
    figure.suptitle(title, fontsize=10.5, fontweight="bold", x=0.01, ha="left")
    return figure
