"""Targets from list-valued columns of records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np


def multi_hot(labels: Iterable[Iterable[str]], classes: Mapping[str, str]) -> np.ndarray:
    """uint8 [record, class]: whether each class is among the labels of each record; other labels are left out."""
    position = {name: column for column, name in enumerate(classes)}
    rows = [[position[label] for label in record_labels if label in position] for record_labels in labels]
    targets = np.zeros((len(rows), len(position)), np.uint8)
    for row, columns in enumerate(rows):
        targets[row, columns] = 1
    return targets
