"""Zero-shot scores the recordings that somebody needs, each once."""

import numpy as np
import pytest
import torch

from bench.batch import ECGBatch
from bench.modes.mode_io import ModeInput, unreported
from bench.modes.zeroshot import Config, run


class Asked:
    """Just enough of a task."""

    def __init__(self, kind):
        self.kind, self.classes = kind, {"A": "one", "B": "two"}


class Rows:
    """Batches whose ECG is the number of its row, which the method answers."""

    def __init__(self):
        self.read: list[int] = []

    def in_order(self, rows, size):
        self.read += rows.tolist()
        ecg = torch.as_tensor(rows, dtype=torch.float32)[:, None, None]
        yield ECGBatch(ecg, torch.ones(len(rows), 1, dtype=torch.bool), torch.as_tensor(rows))


class RowNumber(torch.nn.Module):
    name = "row-number"

    def __init__(self):
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def zero_shot(self, batch, names):
        return batch.ecg[:, 0].repeat(1, len(names))


@pytest.mark.parametrize(
    ("kind", "report", "test", "read"),
    [
        ("multilabel", unreported, [4, 5, 6], [2, 3, 4, 5, 6]),  # thresholds are chosen on validation recordings
        ("multiclass", unreported, [4, 5, 6], [4, 5, 6]),
        ("multiclass", lambda epoch, value: None, [2, 3], [2, 3]),  # a search: validation instead of test
    ],
)
def test_only_needed_recordings_are_scored(kind, report, test, read):
    source = Rows()
    outcome = run(
        ModeInput(
            method=RowNumber(), task=Asked(kind), mode="zeroshot", config=Config(), source=source, targets=np.zeros(7),
            train=np.arange(2), validation=np.array([2, 3]), test=np.array(test), features=lambda: None, seed=0,
            progress=lambda *_: None, prompts=["one", "two"], report=report,
        )
    )  # fmt: skip
    assert source.read == read
    assert outcome.test[:, 1].tolist() == test
    assert outcome.validation[:, 1].tolist() == [row for row in read if row < 4]
