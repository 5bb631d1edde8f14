"""Tasks on CSN: MERL's 38 labels, rebuilt from whole acronyms, and as released.

Once a user has imported MERL's released lists (``bench splits import merl``), they say which recordings take part,
how they are partitioned and which acronyms each has: copies of CSN differ in a few codes (CinC 2021's has more).
Without them the recordings are those that MERL's rule keeps, with the codes of their headers, in our label-stratified
partition of the same sizes. Results on the two never share a column.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.task import Examples, Task
from tasks.class_vocabulary import meanings
from tasks.label_columns import examples_of
from tasks.wordings import wordings

if TYPE_CHECKING:
    import pandas as pd


CLASSES = {
    "AQW": "abnormal Q wave",
    "UW": "U wave",
    "SR": "sinus rhythm",
    "WPW": "Wolff-Parkinson-White syndrome",
    "2AVB": "second degree atrioventricular block",
    "AT": "atrial tachycardia",
    "VB": "ventricular bigeminy",
    "ARS": "right axis deviation",
    "STTC": "ST-T change",
    "SA": "sinus irregularity",
    "STE": "ST segment elevation",
    "VPB": "ventricular premature beat",
    "TWO": "inverted T wave",
    "STTU": "upsloping ST segment",
    "ALS": "left axis deviation",
    "APB": "atrial premature beat",
    "2AVB1": "second degree atrioventricular block, type one",
    "PRIE": "prolonged PR interval",
    "CCR": "counterclockwise rotation",
    "CR": "clockwise rotation",
    "AF": "atrial flutter",
    "AVB": "atrioventricular block",
    "QTIE": "prolonged QT interval",
    "LBBB": "left bundle branch block",
    "VEB": "ventricular escape beat",
    "SVT": "supraventricular tachycardia",
    "RBBB": "right bundle branch block",
    "1AVB": "first degree atrioventricular block",
    "STDD": "ST segment depression",
    "MI": "myocardial infarction",
    "AFIB": "atrial fibrillation",
    "TWC": "T wave change",
    "PWC": "P wave change",
    "ERV": "early repolarization of the ventricles",
    "RVH": "right ventricular hypertrophy",
    "LVH": "left ventricular hypertrophy",
    "ST": "sinus tachycardia",
    "JEB": "junctional escape beat",
}
"""The 38 labels of MERL's released files, in the order of their columns."""


def whole_labels(acronyms: Sequence[str]) -> list[str]:
    """The classes that are among a recording's acronyms."""
    return [label for label in CLASSES if label in acronyms]


def substring_labels(acronyms: Sequence[str]) -> list[str]:
    """The classes whose acronym is part of any of them: MERL's released labels, to the letter."""
    return [label for label in CLASSES if any(label in acronym for acronym in acronyms)]


class CSNTask(Task):
    """The kept recordings with the labels of one column. Recordings without any of the 38 labels stay, as in MERL's
    lists: they are negatives of every class."""

    kind = "multilabel"
    column: ClassVar[str]

    @staticmethod
    @abstractmethod
    def labels_of(acronyms: Sequence[str]) -> list[str]:
        """From the acronyms of a recording to its labels, as the reader makes the column."""

    def examples(self, records: pd.DataFrame) -> Examples:
        if "merl_partition" in records:
            chosen = records[records["merl_partition"].ne("").to_numpy(bool)]
            labels_per_record = [self.labels_of(text.split(",")) for text in chosen["merl_acronyms"]]
        else:
            chosen = records[records["kept"].to_numpy(bool)]
            labels_per_record = chosen[self.column].tolist()
        position = {name: k for k, name in enumerate(self.classes)}
        targets = np.zeros((len(chosen), len(position)), np.uint8)
        for row, labels in enumerate(labels_per_record):
            targets[row, [position[label] for label in labels]] = 1
        return examples_of(chosen, targets)


class CSNLabels(CSNTask):
    """38 rhythm, conduction and waveform labels of CSN, rebuilt from whole acronyms.

    Fibrillation against flutter (``AFIB``, ``AF``) is partly the question which hospital recorded: of the 34,905 recordings
    of Ningbo none is coded fibrillation and 7,615 are coded flutter, of the 10,247 of Chapman-Shaoxing 1,780 and 445. Do not
    transfer CSN's flutter to other datasets.
    """

    name = "csn"
    dataset = "csn"
    split = "csn"
    released_split = "csn-merl"
    column = "labels"
    classes = CLASSES
    meanings = meanings("csn")
    wordings = wordings("csn")
    source = "Zheng et al., PhysioNet 2022; labels and sizes as in Liu et al. (MERL), ICML 2024, their defect repaired"

    @staticmethod
    def labels_of(acronyms: Sequence[str]) -> list[str]:
        return whole_labels(acronyms)


class CSNReleasedLabels(CSNTask):
    """CSN's 38 labels as MERL released them: seven are set too often. Only for comparison with published numbers."""

    # A class was given to a recording when its acronym occurs anywhere in the text of the recording's acronyms: VB has
    # 916 positives instead of 3, ST 6,338 instead of 5,154.
    name = "csn-merl"
    dataset = "csn"
    split = "csn-substring"
    released_split = "csn-merl-substring"
    column = "labels_merl"
    classes = CLASSES
    meanings = meanings("csn")
    source = "Liu et al. (MERL), ICML 2024: released label files"

    @staticmethod
    def labels_of(acronyms: Sequence[str]) -> list[str]:
        return substring_labels(acronyms)
