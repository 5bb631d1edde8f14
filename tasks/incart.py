"""The rhythm of ten-second windows of INCART, from its annotated beats; patients never on both sides.

A window has a class for each kind of ectopic beat in it, in the groups of the AAMI. Folds 1-6 train, 7 and 8 validate, 9 and
10 test: six or seven of 32 patients test, so that intervals over patients are wide. The task about single beats waits for a
kind for events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.task import Examples, Task
from tasks.label_columns import multi_hot

if TYPE_CHECKING:
    import pandas as pd


class INCARTRhythm(Task):
    """Ectopic beats in windows of ten seconds: supraventricular, ventricular, fusion, a ventricular run, none of them."""

    name = "incart-rhythm"
    kind = "multilabel"
    dataset = "incart"
    split = "incart-rhythm"
    classes: ClassVar[dict[str, str]] = {
        "none": "regular rhythm without ectopic beats",
        "S": "supraventricular premature beats",
        "V": "ventricular premature beats",
        "F": "fusion of ventricular and normal beats",
        "run": "ventricular tachycardia, three or more ventricular beats in a row",
    }
    source = "Tihonenko et al., PhysioNet 2008; groups of beats as the AAMI has them"
    seconds: ClassVar[float] = 10.0

    def examples(self, records: pd.DataFrame) -> Examples:
        n_windows = records["windows"].str.len().to_numpy(np.int64)
        row = np.repeat(np.arange(len(records)), n_windows)
        window = np.concatenate([np.arange(n) for n in n_windows]) if len(records) else row
        labels = np.array([text for some in records["windows"] for text in some], dtype=object)
        annotated = labels != ""
        row, window, labels = row[annotated], window[annotated], labels[annotated]
        chosen = records.iloc[row]
        return Examples(
            record_ids=chosen.index.to_numpy(dtype=str),
            patient_ids=chosen["patient_id"].to_numpy(dtype=str),
            targets=multi_hot([text.split("+") for text in labels], self.classes),
            columns=chosen[["fold"]].reset_index(drop=True),
            start=window * self.seconds,
            seconds=self.seconds,
        )
