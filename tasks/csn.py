"""Tasks on CSN: MERL's 38 labels, rebuilt from whole acronyms, and as released.

Which recordings take part: those that MERL's released lists name once a user has imported them (``bench splits import
merl``), else those that its rule keeps. Partitions: MERL's, or our label-stratified one of the same sizes; results on
the two never share a column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.task import Examples, Task
from tasks.datasets.csn import CLASSES

if TYPE_CHECKING:
    import pandas as pd


class CSNTask(Task):
    """The kept recordings with the labels of one column. Recordings without any of the 38 labels stay, as in MERL's
    lists: they are negatives of every class."""

    kind = "multilabel"
    column: ClassVar[str]

    def examples(self, records: pd.DataFrame) -> Examples:
        listed = records["merl_partition"].ne("") if "merl_partition" in records else records["kept"]
        chosen = records[listed.to_numpy(bool)]
        position = {name: k for k, name in enumerate(self.classes)}
        targets = np.zeros((len(chosen), len(position)), np.uint8)
        for row, labels in enumerate(chosen[self.column]):
            targets[row, [position[label] for label in labels]] = 1
        return Examples(
            record_ids=chosen.index.to_numpy(dtype=str),
            patient_ids=chosen["patient_id"].to_numpy(dtype=str),
            targets=targets,
            columns=chosen.reset_index(drop=True),
        )


class CSNLabels(CSNTask):
    """38 rhythm, conduction and waveform labels of CSN, rebuilt from whole acronyms."""

    name = "csn"
    dataset = "csn"
    split = "csn"
    released_split = "csn-merl"
    column = "labels"
    classes = CLASSES
    source = "Zheng et al., PhysioNet 2022; labels and sizes as in Liu et al. (MERL), ICML 2024, their defect mended"


class CSNReleasedLabels(CSNTask):
    """The same 38 labels as MERL released them: seven hold too often. Only for comparison with published numbers."""

    # A class was given to a recording when its acronym occurs anywhere in the text of the recording's acronyms: VB has
    # 916 positives instead of 3, ST 6,338 instead of 5,154.
    name = "csn-merl"
    dataset = "csn"
    split = "csn-substring"
    released_split = "csn-merl-substring"
    column = "labels_merl"
    classes = CLASSES
    source = "Liu et al. (MERL), ICML 2024: released label files"
