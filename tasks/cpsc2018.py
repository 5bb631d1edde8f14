"""Tasks on CPSC2018: nine labels on MERL's kind of partition and on ten folds, and ETP's single-label question.

Two partitions exist. ``cpsc2018`` is ours: label-stratified, deterministic, of the sizes of MERL's. ``cpsc2018-merl``
is the one that MERL drew at random and released as lists; it takes the place of the other once a user has imported it
with ``bench splits import merl``. Results on the two never share a column.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bench.task import Examples, MultilabelTask, SingleLabelTask
from tasks.class_vocabulary import meanings
from tasks.wordings import wordings

if TYPE_CHECKING:
    import pandas as pd

CLASSES = {
    "AFIB": "atrial fibrillation",
    "VPC": "ventricular premature complex",
    "NORM": "normal ECG",
    "1AVB": "first degree atrioventricular block",
    "CRBBB": "complete right bundle branch block",
    "STE": "ST segment elevation",
    "PAC": "premature atrial complex",
    "CLBBB": "complete left bundle branch block",
    "STD": "ST segment depression",
}
"""In the order of the columns of MERL's released files."""


class CPSC2018Labels(MultilabelTask):
    """Nine rhythm, conduction and ST labels of CPSC2018; up to three at once."""

    name = "cpsc2018"
    dataset = "cpsc2018"
    split = "cpsc2018"
    released_split = "cpsc2018-merl"
    column = "labels"
    classes = CLASSES
    meanings = meanings("cpsc2018")
    wordings = wordings("cpsc2018")
    source = "Liu et al., J Med Imaging Health Inform 8:1368, 2018; as a benchmark: Liu et al. (MERL), ICML 2024"


class CPSC2018FirstSeconds(CPSC2018Labels):
    """The nine labels of CPSC2018 from the first 5 s of each recording, which is what MERL's released loader reads."""

    # It then pads to 10 s before scaling, as merl and kmerl do. Its comment says that METS cuts there too.
    name = "cpsc2018-5s"
    seconds = 5.0
    source = "Liu et al. (MERL), ICML 2024, released code"

    def examples(self, records: pd.DataFrame) -> Examples:
        import numpy as np

        examples = super().examples(records)
        return replace(examples, start=np.zeros(len(examples)), seconds=self.seconds)


class CPSC2018Single(SingleLabelTask):
    """The one label of CPSC2018's recordings that have only one: nine classes, multiclass."""

    # ETP's own partition is not stated ("as ASTCL"), so this one follows ours.
    name = "cpsc2018-single"
    kind = "multiclass"
    dataset = "cpsc2018"
    split = "cpsc2018-single"
    column = "labels"
    classes = CLASSES
    meanings = meanings("cpsc2018")
    source = "Liu et al. (ETP), ICASSP 2024"


class ICBEB(MultilabelTask):
    """The nine labels of CPSC2018 on ten stratified folds: 1-8 train, 9 validates, 10 tests."""

    # Their models see 100 Hz and windows of 2.5 s, which a method's InputSpec asks for. Where the root holds the
    # icbeb_database.csv that their script wrote, its folds take the place of ours.
    name = "icbeb"
    dataset = "cpsc2018"
    split = "icbeb"
    released_split = "icbeb-released"
    column = "labels"
    classes = CLASSES
    meanings = meanings("cpsc2018")
    source = "Strodthoff et al., IEEE JBHI 25:1519, 2021"
