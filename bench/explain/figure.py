"""Settings of all plots: matplotlib without a screen, one style, PNG and SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

INK, MUTED, LOW, HIGH = "#1a1a1a", "#6b6b6b", "#2a6f97", "#c1440e"
"""Text, secondary text, and the low- and high-risk groups; apart for every kind of colour vision."""

DIVERGING, SEQUENTIAL = "RdBu_r", "magma_r"

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "bench",
}


def new_figure(width: float, height: float) -> Any:
    """An empty figure; sides in inches."""
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams.update(_STYLE)
    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Any, folder: Path, name: str) -> list[Path]:
    """``name.png`` at 200 dots an inch and ``name.svg``; the same bytes for the same picture."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    figure.savefig(paths[0], dpi=200, metadata={"Software": None})
    figure.savefig(paths[1], metadata={"Date": None})
    return paths
