"""Compare attributions of people with low and with high scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from bench.explain.figure import DIVERGING, HIGH, INK, LOW, MUTED, SEQUENTIAL, new_figure
from bench.signals.leads import LEADS


def draw_lead_attention(matrices: Sequence[tuple[str, Float[np.ndarray, "lead lead"]]], title: str) -> Any:
    """Attention matrices side by side; one whose title begins with "difference" has a separate scale."""
    figure = new_figure(3.3 * len(matrices) + 0.6, 4.1)
    axes = figure.subplots(1, len(matrices), squeeze=False)[0]
    plain = [m for name, m in matrices if not name.startswith("difference")]
    low, high = min(m.min() for m in plain), max(m.max() for m in plain)
    for panel, (name, matrix) in zip(axes, matrices, strict=True):
        if name.startswith("difference"):
            reach = max(float(np.abs(matrix).max()), 1e-12)
            image = panel.imshow(matrix, cmap=DIVERGING, vmin=-reach, vmax=reach)
        else:
            image = panel.imshow(matrix, cmap=SEQUENTIAL, vmin=low, vmax=high)
        panel.set_xticks(range(12), LEADS, rotation=90)
        panel.set_yticks(range(12), LEADS)
        panel.tick_params(length=0)
        panel.set_title(name)
        panel.set_xlabel("attended lead")
        for side in panel.spines.values():
            side.set_visible(False)
        figure.colorbar(image, ax=panel, orientation="horizontal", shrink=0.8, pad=0.02, aspect=30)
    axes[0].set_ylabel("reading lead")
    figure.suptitle(title, fontsize=11, fontweight="bold", x=0.01, ha="left")
    return figure


def draw_groups(
    low: Float[np.ndarray, "record lead time"],
    high: Float[np.ndarray, "record lead time"],
    fs: float,
    unit: str,
    title: str,
    activation: tuple[Float[np.ndarray, "lead time"], Float[np.ndarray, "lead time"]] | None = None,
) -> Any:
    """The mean of every lead in both groups with its 95 % interval, their difference, and where activation differs."""
    figure = new_figure(11, 6.6)
    axes = figure.subplots(3, 4, sharex=True)
    time = np.arange(low.shape[2]) / fs * 1000
    means = [group.mean(axis=0) for group in (low, high)]
    errors = [1.96 * group.std(axis=0) / np.sqrt(max(len(group), 1)) for group in (low, high)]
    reach = max(float(np.abs(np.concatenate(means)).max()) * 1.15, 1e-9)
    order = ("I", "aVR", "V1", "V4", "II", "aVL", "V2", "V5", "III", "aVF", "V3", "V6")
    more = None if activation is None else activation[1] - activation[0]
    scale = 1.0 if more is None else max(float(np.quantile(np.abs(more), 0.99)), 1e-12)
    for panel, name in zip(axes.flat, order, strict=True):
        lead = LEADS.index(name)
        if more is not None:
            panel.imshow(
                more[lead][None],
                extent=(time[0], time[-1], -reach, reach),
                aspect="auto",
                cmap=DIVERGING,
                vmin=-scale,
                vmax=scale,
                alpha=0.45,
                interpolation="bilinear",
            )
        for mean, error, colour, label in zip(
            means, errors, (LOW, HIGH), (f"low (n = {len(low)})", f"high (n = {len(high)})"), strict=True
        ):
            panel.fill_between(time, mean[lead] - error[lead], mean[lead] + error[lead], color=colour, alpha=0.2, lw=0)
            panel.plot(time, mean[lead], color=colour, lw=1.2, label=label)
        panel.plot(time, means[1][lead] - means[0][lead], color=INK, lw=0.8, ls=(0, (3, 2)), label="high minus low")
        panel.axhline(0, color=MUTED, lw=0.4)
        panel.set(xlim=(time[0], time[-1]), ylim=(-reach, reach))
        panel.text(0.02, 0.97, name, transform=panel.transAxes, va="top", fontweight="bold")
    for panel in axes[-1]:
        panel.set_xlabel("ms")
    for panel in axes[:, 0]:
        panel.set_ylabel(unit)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    if more is not None:
        from matplotlib.patches import Patch

        colours = ((0.84, 0.38, 0.3, 0.45), (0.26, 0.58, 0.76, 0.45))
        handles += [Patch(color=colour) for colour in colours]
        labels += ["activation stronger in high", "activation stronger in low"]
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.suptitle(title, fontsize=10.5, fontweight="bold", x=0.01, ha="left")
    return figure
