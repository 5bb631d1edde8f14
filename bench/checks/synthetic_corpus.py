"""A corpus of a few synthetic ECGs, to examine a method without data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from bench.batch import ECGBatch
from bench.method import Corpus
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS

REPORTS = (
    "sinus rhythm. normal ecg.",
    "atrial fibrillation with rapid ventricular response.",
    "sinus bradycardia. left bundle branch block.",
    "sinus rhythm. left ventricular hypertrophy.",
)


def synthetic_corpus(spec: InputSpec, records: int = 8, seed: int = 0) -> tuple[Corpus, ECGBatch]:
    """A Corpus and one ECGBatch of all of it, as an InputSpec asks.

    Recordings are trains of two bumps with a rate, a phase and an axis each, two recordings per patient.
    """
    draw = torch.Generator().manual_seed(seed)
    seconds = torch.arange(spec.length) / spec.fs
    rate, phase = (torch.rand(records, 1, 1, generator=draw) for _ in range(2))
    cycle = (seconds * (0.8 + rate) + phase) % 1
    beats = torch.exp(-(((cycle - 0.4) / 0.02) ** 2)) + 0.3 * torch.exp(-(((cycle - 0.7) / 0.06) ** 2))
    axis = torch.randn(records, len(LEADS), 1, generator=draw)
    ecg = axis * beats + 0.02 * torch.randn(records, len(LEADS), spec.length, generator=draw)
    if spec.normalise == "minmax":
        low, high = ecg.amin((1, 2), keepdim=True), ecg.amax((1, 2), keepdim=True)
        ecg = (ecg - low) / (high - low)
    elif spec.normalise != "none":
        over = 2 if spec.normalise == "zscore-lead" else (1, 2)
        ecg = (ecg - ecg.mean(over, keepdim=True)) / ecg.std(over, keepdim=True)
    text = [REPORTS[i % len(REPORTS)] for i in range(records)]
    wanted = {*spec.modalities, *spec.downstream}
    size = spec.image_size
    batch = ECGBatch(
        ecg=ecg,
        leads=torch.ones(records, len(LEADS), dtype=torch.bool),
        index=torch.arange(records),
        text=text if "text" in wanted else None,
        image=torch.rand(records, 3, size, size, generator=draw) if "image" in wanted else None,
        tabular=torch.randn(records, 4, generator=draw) if "tabular" in wanted else None,
    )
    about = pd.DataFrame({"record_id": range(records), "patient_id": [f"p{i // 2}" for i in range(records)]})
    everyone = np.ones(records, bool)
    return Corpus("made-up", about, everyone, ~everyone, batch.text), batch
