"""The course of a pretraining, epoch by epoch: losses, how much representations differ, and whether they collapsed."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import ConfigError
from bench.explain.figure import HIGH, LOW, MUTED, new_figure
from bench.training.checkpoint_files import read_provenance
from bench.training.collapse import MEASURES, collapse_line, collapse_of

HISTORY = "history.csv"
SHOWN = 12
"""Epochs of a table, at most: the first, the last, and others at equal distances."""
WORDS = {
    "loss": "loss",
    "validation_loss": "validation loss",
    "centred_rank": "centred rank",
    "effective_rank": "effective rank",
    "feature_sd": "feature SD",
    "contrast_accuracy": "contrast accuracy",
    "contrast_chance": "chance",
    "probe": "probe",
}
"""Column of the table -> its heading."""
_NO_TERMS = ("epoch", "lr", "seconds", "recordings_per_second", "waiting", "devices", "gradient_norm", "memory_gb")

Epoch = Mapping[str, Any]


def epochs_of(folder: Path) -> list[Epoch]:
    """The epochs of a checkpoint, with the sums of the loss terms as ``loss`` and ``validation_loss``.

    Args:
        folder: of a finished checkpoint.

    Raises:
        ConfigError: it was imported, or made with no epoch, so that it has no history.
    """
    path = folder / HISTORY
    rows = list(csv.DictReader(path.open(newline="", encoding="utf-8"))) if path.is_file() else []
    if not rows:
        raise ConfigError(f"{folder.name} has no {HISTORY}: it was imported, or pretrained for 0 epochs.")
    return [_epoch(row) for row in rows]


def _epoch(row: Mapping[str, str]) -> Epoch:
    values: dict[str, Any] = {name: float(text) for name, text in row.items() if text and name != "stage"}
    terms = [name for name in values if name not in (*_NO_TERMS, *MEASURES)]
    values["stage"] = row.get("stage") or ""
    values["loss"] = sum(values[name] for name in terms if not name.startswith("validation_"))
    validation = [values[name] for name in terms if name.startswith("validation_")]
    return values | ({"validation_loss": sum(validation)} if validation else {})


def lines_of(folder: Path) -> Iterator[str]:
    """What happened in a pretraining, as text: facts, a table of epochs, and the verdict."""
    facts, epochs = read_provenance(folder), epochs_of(folder)
    records = (facts.get("records") or {}).get("train")
    yield f"{facts['method']}, checkpoint {folder.name}: {len(epochs)} epochs" + (
        f", {records:,} recordings" if records else ""
    )
    columns = [name for name in WORDS if any(name in epoch for epoch in epochs)]
    heads = ["epoch", *(WORDS[name] for name in columns)]
    widths = [max(len(head), 8) for head in heads]
    yield "  ".join(head.rjust(width) for head, width in zip(heads, widths, strict=True))
    for i in _shown(len(epochs)):
        epoch = epochs[i]
        cells = [f"{epoch['stage']} {epoch['epoch']:.0f}".strip(), *(_number(epoch.get(name)) for name in columns)]
        yield "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
    last = epochs[-1]
    if (untrained := last.get("untrained_rank")) is not None:
        yield f"before pretraining: centred rank {untrained:.1f}"
    if collapsed := collapse_of(epochs):
        yield collapse_line(folder.name, collapsed) + "."
    elif "centred_rank" in last:
        yield "The representations have not collapsed."
    if "contrast_accuracy" in last:
        yield (
            f"The validation loss finds the right partner in {last['contrast_accuracy']:.0%} of the cases; chance is "
            f"{last['contrast_chance']:.1%}."
        )


def draw_pretraining(folder: Path) -> Any:
    """Loss, centred rank and, where they were measured, contrast accuracy and probe, by epoch: a matplotlib figure."""
    epochs = epochs_of(folder)
    panels = [
        ("loss", ("loss", "validation_loss")),
        ("rank of centred features", ("centred_rank", "untrained_rank")),
        ("contrast", ("contrast_accuracy", "contrast_chance")),
        ("probe on validation records", ("probe",)),
    ]
    panels = [(title, names) for title, names in panels if any(name in epoch for epoch in epochs for name in names)]
    figure = new_figure(3.2 * len(panels), 2.6)
    for i, (title, names) in enumerate(panels):
        axis = figure.add_subplot(1, len(panels), i + 1)
        for name, colour in zip(names, (LOW, HIGH), strict=False):
            points = [
                (n + 1, epoch[name]) for n, epoch in enumerate(epochs) if math.isfinite(epoch.get(name, math.nan))
            ]
            if points:
                at, values = zip(*points, strict=True)
                axis.plot(at, values, color=colour, marker="o", markersize=2.5, label=name.replace("_", " "))
        axis.set_title(title)
        axis.set_xlabel("epoch", color=MUTED)
        if len(names) > 1:
            axis.legend(fontsize=7)
    return figure


def _shown(count: int) -> Sequence[int]:
    if count <= SHOWN:
        return range(count)
    return sorted({round(i * (count - 1) / (SHOWN - 1)) for i in range(SHOWN)})


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
