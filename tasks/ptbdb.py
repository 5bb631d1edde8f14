"""Tasks on PTBDB: infarction against healthy, and the diagnosis at admission; patients never on both sides.

Folds 1-6 train, 7 and 8 validate, 9 and 10 test: a fifth of 290 patients tests, so that intervals are wide. Additional
diagnoses and the age of an infarction, which ecg-fm-benchmarking makes 18 classes of, are not asked: their spellings are
merged there by hand, and most of those classes have some ten recordings.
"""

from __future__ import annotations

from bench.task import SingleLabelTask

SOURCE = "Bousseljot et al., Biomedizinische Technik 40(s1):317, 1995"

DIAGNOSES = {
    "MI": "myocardial infarction",
    "HC": "healthy control",
    "CM": "cardiomyopathy",
    "BBB": "bundle branch block",
    "DYS": "dysrhythmia",
}
"""Reasons for admission that ten or more recordings have: 368, 80, 17, 17 and 16."""

INFARCTION = {"HC": "healthy control", "MI": "myocardial infarction"}


class PTBDBInfarction(SingleLabelTask):
    """Myocardial infarction against healthy controls: 448 recordings of 200 patients of PTBDB."""

    name = "ptbdb-mi"
    kind = "multiclass"
    dataset = "ptbdb"
    split = "ptbdb-mi"
    column = "diagnosis"
    classes = INFARCTION
    source = SOURCE


class PTBDBDiagnosis(SingleLabelTask):
    """The diagnosis at admission, one of the five that ten or more recordings of PTBDB have."""

    name = "ptbdb"
    kind = "multiclass"
    dataset = "ptbdb"
    split = "ptbdb"
    column = "diagnosis"
    classes = DIAGNOSES
    source = SOURCE
