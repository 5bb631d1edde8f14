"""Draw one recording after each step by which the harness makes a method's input."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from bench import registry
from bench.data.source import DataSource
from bench.errors import ConfigError, DataError
from bench.explain.figure import INK, LOW, MUTED, new_figure
from bench.signals.derived import Transform
from bench.signals.in_memory import ArrayStore
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from bench.signals.store import SignalStore
from bench.signals.windows import SignalView

LEAD = "II"
USUAL = "ptbxl"
CLOSE = 1.0
"""Seconds that the right column shows, large enough to see the samples."""


@dataclass(frozen=True)
class Step:
    """A recording after one step.

    Attributes:
        name: of the step; signal: twelve leads; fs: Hz; unit: of the signal, empty where it has none.
    """

    name: str
    signal: Float[np.ndarray, "lead time"]
    fs: float
    unit: str = "mV"


def input_steps(store: SignalStore, row: int, spec: InputSpec) -> list[Step]:
    """A recording as it is stored, and after each step that changes it; the last is what the method is given in a batch."""
    recorded = store.read(np.array([row]), 0, int(store.lengths[row]))[0]
    steps = [Step("as recorded", recorded, store.fs)]
    fs, unit = float(spec.fs), "" if "zscore-groups" in spec.filters else "mV"
    resampled = f"resampled ({spec.resampling})"
    if spec.filters_at == "recorded" and spec.filters:
        filtered = Transform(store.fs, spec.filters)(recorded, store.fs)
        steps.append(Step("filtered", filtered, store.fs, unit))
    if store.fs != fs:
        signal = Transform(fs, resampling=spec.resampling)(steps[-1].signal, store.fs)
        steps.append(Step(resampled, signal, fs, steps[-1].unit))
    if spec.filters_at == "fs" and spec.filters:
        steps.append(Step("filtered", Transform(fs, spec.filters)(steps[-1].signal, fs), fs, unit))
    name = "median beat" if spec.median_beat else "window"
    steps.append(Step(name, _given(store, row, replace(spec, normalise="none")), fs, unit))
    if spec.normalise != "none":
        steps.append(Step(f"scaled ({spec.normalise})", _given(store, row, spec), fs, ""))
    return steps


class _OneRecording(ArrayStore):
    """One recording of a store, with the recorder's median beat where there is one."""

    def __init__(self, store: SignalStore, row: int):
        super().__init__([store.read(np.array([row]), 0, int(store.lengths[row]))[0]], store.fs)
        self._one = store, row

    def recorder_beats(self, rows: np.ndarray) -> np.ndarray | None:
        store, row = self._one
        return store.recorder_beats(np.full(len(rows), row))


def _given(store: SignalStore, row: int, spec: InputSpec) -> np.ndarray:
    """What a batch holds of a recording: rounded as in a run, whose transformed recordings come from a cache."""
    if not spec.median_beat and not Transform(float(spec.fs), spec.filters).changes(store.fs):
        return SignalView(store, spec, rows=np.array([row])).batch(np.zeros(1, np.int64))[0][0]
    with tempfile.TemporaryDirectory() as folder:
        view = SignalView(_OneRecording(store, row), spec, cache=Path(folder))
        return view.batch(np.zeros(1, np.int64))[0][0].copy()


def draw_steps(steps: list[Step], title: str) -> Any:
    """One row per step: lead II whole, and its first second."""
    figure = new_figure(9.0, 0.5 + 1.35 * len(steps))
    grid = figure.subplots(len(steps), 2, width_ratios=(2.2, 1), squeeze=False)
    figure.suptitle(f"{title}, lead {LEAD}", fontsize=10, color=INK)
    for number, (step, (whole, close)) in enumerate(zip(steps, grid, strict=True), 1):
        values = step.signal[LEADS.index(LEAD)]
        seconds = np.arange(len(values)) / step.fs
        whole.plot(seconds, values, color=LOW, lw=0.7)
        part = seconds < CLOSE
        close.plot(seconds[part], values[part], color=LOW, lw=0.9, marker=".", ms=2)
        whole.set_title(f"{number}  {step.name}", loc="left", fontsize=9)
        close.set_title(f"{step.fs:g} Hz, {len(values):,} samples", loc="left", fontsize=8, color=MUTED)
        whole.set_ylabel(step.unit or "no unit")
        for axes in (whole, close):
            axes.margins(x=0.01)
            axes.grid(True, color="#e6e6e6", lw=0.5)
    for axes in grid[-1]:
        axes.set_xlabel("s")
    return figure


def recording_of(
    source: DataSource, dataset: str | None, record: str | None, say: Callable[[str], None]
) -> tuple[SignalStore, int, str]:
    """A store, the row of a recording in it, and its id; the first recording if none is named.

    Args:
        dataset: its name; by default PTB-XL, or the first one that is available.

    Raises:
        DataError: no such record, or no data. ConfigError: no dataset is available.
    """
    if dataset is None:
        names = sorted(registry.entries(registry.DATASETS), key=lambda name: (name != USUAL, name))
        dataset = next((name for name in names if source.has(name)), None)
        if dataset is None:
            raise ConfigError(
                "no dataset is available. Name its folder with --data-root, or leave it out (simulated data)."
            )
    store = source.store(dataset, say=say)
    ids = store.records.index
    record = str(ids[0]) if record is None else record
    if record not in ids:
        some = ", ".join(map(str, ids[:3]))
        raise DataError(f"--record {record}: {dataset} has no such record. Name one of its {len(ids):,} ({some}, ...).")
    return store, int(store.rows([record])[0]), f"{record} of {dataset}"
