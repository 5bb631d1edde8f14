"""Recordings in memory (arrays, a DataFrame), with the interface of a prepared store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import DataError
from bench.signals.leads import LEADS, canonical_lead
from bench.signals.store import SignalStore

MOST_MILLIVOLTS = 50
"""No ECG reaches this; microvolts do."""


class ArrayStore(SignalStore):
    """Recordings that were never on disk: float32 mV, twelve leads in ``LEADS`` order, of any lengths.

    Args:
        signals: [12, time] each; absent leads are zero.
        fs: Hz.
    """

    def __init__(self, signals: Sequence[np.ndarray], fs: float):
        self.path, self.manifest, self.fs = Path("memory"), {}, float(fs)
        self.digest = self.signals_digest = ""
        self._gains = np.ones((len(signals), len(LEADS)), np.float32)
        self._beats = None
        self._checked = np.ones(len(signals), bool)
        self.lengths = np.array([signal.shape[1] for signal in signals], np.int64)
        if len(set(self.lengths.tolist())) == 1:
            self._signals, self._offsets = np.stack(signals), None
        else:
            self._signals = np.concatenate([np.ascontiguousarray(signal).ravel() for signal in signals])
            self._offsets = np.concatenate([[0], np.cumsum(self.lengths)])


def in_leads_order(recordings: Iterable[Any], leads: Sequence[str]) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Recordings [lead, time] with ``leads`` as rows -> [12, time] with absent leads zero; and the leads there are.

    Raises:
        DataError: shape, values or unit cannot be right; the message names the record. UnknownName: a lead that does not
            exist.
    """
    order = [canonical_lead(lead) for lead in leads]
    if len(set(order)) != len(order):
        raise DataError(f"leads = {', '.join(leads)}: a lead is named twice.")
    rows = [LEADS.index(lead) for lead in order]
    arranged = []
    for i, recording in enumerate(recordings):
        signal = np.asarray(recording)
        if signal.ndim != 2 or len(signal) != len(order):
            raise DataError(
                f"record {i} has shape {list(signal.shape)}; expected [{len(order)}, time], its leads "
                f"{', '.join(order)}. Name others with leads=[...]; transpose if time comes first."
            )
        if signal.dtype.kind not in "fiu" or not signal.shape[1]:
            raise DataError(f"record {i} holds {signal.dtype} of {signal.shape[1]} samples; expected numbers in mV.")
        if not np.isfinite(signal).all():
            lead = order[int(np.argmin(np.isfinite(signal).all(axis=1)))]
            raise DataError(
                f"record {i}, lead {lead}, holds a value that is not finite; fill it or leave the record out."
            )
        if np.abs(signal).max() > MOST_MILLIVOLTS:
            raise DataError(
                f"record {i} reaches {np.abs(signal).max():g} mV; expected millivolts. Divide by 1000 if these are "
                f"microvolts, or by the gain if they are the recorder's units."
            )
        twelve_leads = np.zeros((len(LEADS), signal.shape[1]), np.float32)
        twelve_leads[rows] = signal
        arranged.append(twelve_leads)
    return arranged, tuple(lead for lead in LEADS if lead in order)
