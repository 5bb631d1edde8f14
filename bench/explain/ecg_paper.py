"""Plot an ECG as clinicians print it: 25 mm/s, 10 mm/mV, three rows of four leads and a rhythm strip on pink paper.

Axes are in millimetres of paper, so that a ruler laid on a print at full size reads right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from bench.explain.figure import INK, MUTED, SEQUENTIAL, new_figure
from bench.signals.leads import LEADS

SPEED, GAIN = 25.0, 10.0
"""mm/s and mm/mV."""
ROW = 30.0
"""mm from one row to the next: 3 mV."""
TALLEST = 6.0
"""mV beyond which a trace is cut: complexes stay below it, what an electrode does when it comes off need not."""
LAYOUT = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
MINOR, MAJOR = "#f7d4d4", "#eda9a9"
PULSE = 5.0
"""mm, width of the calibration pulse of 1 mV."""
LEFT = 12.0
"""mm of paper before the first sample."""


def draw_recording(
    signal: Float[np.ndarray, "lead time"],
    fs: float,
    title: str,
    activation: Float[np.ndarray, "lead time"] | None = None,
    rhythm: str = "II",
) -> Any:
    """A ten-second recording: columns of 2.5 s, and the rhythm strip below.

    Args:
        signal: mV, twelve leads.
        activation: 0 or more, on the same samples or on the first of them; drawn as colour under the trace.
    """
    seconds = min(signal.shape[1] / fs, 10.0)
    column = seconds / 4
    figure, axes = _paper(seconds * SPEED, 4, title, activation is not None, _room(signal))
    limit = _limit(activation)
    for row, names in enumerate((*LAYOUT, (rhythm,))):
        level = (3 - row) * ROW + ROW / 2
        _pulse(axes, level)
        for i, name in enumerate(names):
            first, last = (0.0, seconds) if row == 3 else (i * column, (i + 1) * column)
            span = slice(round(first * fs), round(last * fs))
            lead = LEADS.index(name)
            x = LEFT + np.arange(span.start, span.stop) / fs * SPEED
            values = signal[lead, span]
            _trace(axes, x[: len(values)], level, values, _part(activation, lead, span), limit)
            _name(axes, x[0], level, name)
            if i:
                axes.plot([x[0], x[0]], [level - 3, level + 3], color=INK, lw=0.6)
    _legend(figure, axes, activation)
    return figure


def draw_window(
    signal: Float[np.ndarray, "lead time"], fs: float, title: str, activation: Float[np.ndarray, "lead time"]
) -> Any:
    """Five seconds or less that a method saw, all of them in every lead: limb leads next to chest leads, six rows of two.

    Args:
        signal: mV, twelve leads; its beginning is drawn, as long as ``activation``.
    """
    signal = signal[:, : activation.shape[1]]
    width = signal.shape[1] / fs * SPEED
    figure, axes = _paper(2 * width + 6, 6, title, True, _room(signal))
    limit = _limit(activation)
    for lead, name in enumerate(LEADS):
        column, row = divmod(lead, 6)
        level = (5 - row) * ROW + ROW / 2
        if not column:
            _pulse(axes, level)
        x = LEFT + column * (width + 6) + np.arange(signal.shape[1]) / fs * SPEED
        _trace(axes, x, level, signal[lead], activation[lead], limit)
        _name(axes, x[0], level, name)
    _legend(figure, axes, activation)
    return figure


def draw_beats(
    beat: Float[np.ndarray, "lead time"],
    fs: float,
    title: str,
    activation: Float[np.ndarray, "lead time"] | None = None,
) -> Any:
    """A median beat in every lead, in the same three rows of four, at the same scale."""
    width = beat.shape[1] / fs * SPEED
    figure, axes = _paper(4 * (width + 6), 3, title, activation is not None, _room(beat))
    limit = _limit(activation)
    for row, names in enumerate(LAYOUT):
        level = (2 - row) * ROW + ROW / 2
        _pulse(axes, level)
        for i, name in enumerate(names):
            lead = LEADS.index(name)
            x = LEFT + i * (width + 6) + np.arange(beat.shape[1]) / fs * SPEED
            part = None if activation is None else activation[lead]
            _trace(axes, x, level, beat[lead], part, limit)
            _name(axes, x[0], level, name)
    _legend(figure, axes, activation)
    return figure


def _room(signal: Float[np.ndarray, "lead time"]) -> tuple[float, float]:
    """mm of paper that the deepest wave needs below the last row, and the tallest above the first: whole large squares."""
    below, above = (
        5 * np.ceil(max(0.0, GAIN * min(float(np.nanmax(side * signal, initial=0.0)), TALLEST) + 2 - ROW / 2) / 5)
        for side in (-1, 1)
    )
    return below, above


def _paper(width: float, rows: int, title: str, coloured: bool, room: tuple[float, float]) -> tuple[Any, Any]:
    (below, above), across = room, LEFT + width + 3
    down = below + rows * ROW + above
    figure = new_figure((across + (21 if coloured else 2)) / 25.4, (down + 16) / 25.4)
    figure.set_layout_engine("none")
    whole_width, whole_height = figure.get_size_inches() * 25.4
    axes = figure.add_axes((1 / whole_width, 7 / whole_height, across / whole_width, down / whole_height))
    axes.set(xlim=(0, across), ylim=(-below, down - below), xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)
    for step, colour, weight in ((1, MINOR, 0.3), (5, MAJOR, 0.5)):
        axes.vlines(np.arange(0, across + 0.1, step), -below, down - below, color=colour, lw=weight, zorder=0)
        axes.hlines(np.arange(-below, down - below + 0.1, step), 0, across, color=colour, lw=weight, zorder=0)
    figure.text(1 / whole_width, 1 - 2 / whole_height, title, fontsize=10, va="top", fontweight="bold")
    figure.text(1 / whole_width, 2 / whole_height, f"{SPEED:g} mm/s   {GAIN:g} mm/mV", fontsize=8, color=MUTED)
    return figure, axes


def _pulse(axes: Any, level: float) -> None:
    x = np.array([1, 2, 2, 2 + PULSE, 2 + PULSE, 3 + PULSE])
    axes.plot(x, level + GAIN * np.array([0, 0, 1, 1, 0, 0]), color=INK, lw=0.8)


def _name(axes: Any, x: float, level: float, name: str) -> None:
    """Of a lead, above its trace, legible over whatever lies under it."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.5, foreground="white")]
    axes.text(x + 0.5, level + 10.8, name, fontsize=9, fontweight="bold", va="bottom", path_effects=halo, zorder=3)


def _trace(axes: Any, x: np.ndarray, level: float, values: np.ndarray, part: np.ndarray | None, limit: float) -> None:
    """The trace, and under it the activation as a band of colour. Tall waves reach into other rows, as on paper."""
    y = level + GAIN * values
    if part is not None and len(part):
        axes.imshow(
            part[None],
            extent=(x[0], x[len(part) - 1], level - 0.42 * ROW, level + 0.42 * ROW),
            aspect="auto",
            cmap=_transparent(),
            vmin=0,
            vmax=limit,
            interpolation="bilinear",
            zorder=1,
        )
    reach = GAIN * TALLEST
    axes.plot(x, np.clip(y, level - reach, level + reach), color=INK, lw=0.8, zorder=2, solid_joinstyle="round")


def _transparent() -> Any:
    """The sequential colours, clear at zero."""
    import matplotlib
    from matplotlib.colors import ListedColormap

    colours = matplotlib.colormaps[SEQUENTIAL](np.linspace(0.05, 0.75, 256))
    colours[:, 3] = np.linspace(0, 0.65, 256)
    return ListedColormap(colours)


def _legend(figure: Any, axes: Any, activation: np.ndarray | None) -> None:
    if activation is None:
        return
    from matplotlib.cm import ScalarMappable

    box = axes.get_position()
    bar = figure.add_axes((box.x1 + 0.008, box.y0 + 0.2 * box.height, 0.008, 0.6 * box.height))
    figure.colorbar(ScalarMappable(cmap=_transparent()), cax=bar, ticks=[0, 1])
    bar.set_yticklabels(["none", "most"], fontsize=7)
    bar.set_title("raises\nthe score", fontsize=7, loc="left")
    bar.tick_params(length=0)


def _part(activation: np.ndarray | None, lead: int, span: slice) -> np.ndarray | None:
    return None if activation is None else activation[lead, span]


def _limit(activation: np.ndarray | None) -> float:
    """The value that is drawn at full strength: the 99.5th percentile, so that one sample does not dim the rest."""
    return 1.0 if activation is None else max(float(np.quantile(activation, 0.995)), 1e-12)
