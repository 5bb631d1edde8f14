"""Further questions of PTB-XL: age, sex, intervals, and the classes of ecg-fix, without the rarest ones.

ecg-fix ("PTBXL_C") leaves out thirteen classes that have few positives in the test fold, and then the recordings that are
left without a class. Labels, folds and prompts are those of the tasks with all classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.task import ColumnTask, Examples, MultilabelTask, Task
from tasks.class_vocabulary import meanings
from tasks.label_columns import examples_of
from tasks.wordings import wordings

if TYPE_CHECKING:
    import pandas as pd

ECG_FIX = "ecg-fix, tasks PTBXL_C: the classes with enough positives in the test fold"

SUBCLASSES_19 = {
    "AMI": "anterior myocardial infarction",
    "LAFB/LPFB": "left anterior or left posterior fascicular block",
    "LVH": "left ventricular hypertrophy",
    "STTC": "ST/T change",
    "IMI": "inferior myocardial infarction",
    "CRBBB": "complete right bundle branch block",
    "LAO/LAE": "left atrial overload or enlargement",
    "NORM": "normal ECG",
    "AVB": "atrioventricular block",
    "RAO/RAE": "right atrial overload or enlargement",
    "ISC": "non-specific ischemia",
    "LMI": "lateral myocardial infarction",
    "ISCI": "ischemia in inferior leads",
    "ISCA": "ischemia in anterior leads",
    "NST": "non-specific ST changes",
    "CLBBB": "complete left bundle branch block",
    "IRBBB": "incomplete right bundle branch block",
    "RVH": "right ventricular hypertrophy",
    "IVCD": "non-specific intraventricular conduction disturbance",
}

FORM_15 = {
    "PAC": "atrial premature complex",
    "DIG": "digitalis effect",
    "STD": "non-specific ST depression",
    "LPR": "prolonged PR interval",
    "QWAVE": "Q waves present",
    "VCLVH": "voltage criteria for left ventricular hypertrophy",
    "NDT": "non-diagnostic T abnormalities",
    "LOWT": "low amplitude T-waves",
    "ABQRS": "abnormal QRS",
    "LNGQT": "long QT interval",
    "NT": "non-specific T-wave changes",
    "NST": "non-specific ST changes",
    "PVC": "ventricular premature complex",
    "INVT": "inverted T-waves",
    "LVOLT": "low QRS voltages in the frontal and horizontal leads",
}

RHYTHM_7 = {
    "SVARR": "supraventricular arrhythmia",
    "STACH": "sinus tachycardia",
    "SARRH": "sinus arrhythmia",
    "SBRAD": "sinus bradycardia",
    "AFIB": "atrial fibrillation",
    "SR": "sinus rhythm",
    "PACE": "normal functioning artificial pacemaker",
}


class PTBXLSubclass19(MultilabelTask):
    """19 diagnostic subclasses of PTB-XL: without ILBBB, PMI, WPW and SEHYP."""

    name = "ptbxl-sub-19"
    dataset = "ptbxl"
    split = "ptbxl-sub-19"
    column = "subclass"
    classes = SUBCLASSES_19
    meanings = meanings("ptbxl-sub")
    source = ECG_FIX


class PTBXLForm15(MultilabelTask):
    """15 statements on the form of the ECG in PTB-XL: without HVOLT, PRC(S), STE and TAB."""

    name = "ptbxl-form-15"
    dataset = "ptbxl"
    split = "ptbxl-form-15"
    column = "form"
    classes = FORM_15
    meanings = meanings("ptbxl")
    source = ECG_FIX


class PTBXLRhythm7(MultilabelTask):
    """Seven rhythm statements of PTB-XL: without AFLT, BIGU, PSVT, SVTAC and TRIGU."""

    name = "ptbxl-rhythm-7"
    dataset = "ptbxl"
    split = "ptbxl-rhythm-7"
    column = "rhythm"
    classes = RHYTHM_7
    meanings = meanings("ptbxl")
    wordings = wordings()
    source = ECG_FIX


class PTBXLAge(Task):
    """Age in years, from recordings of patients up to 89; PTB-XL writes 300 for any age above."""

    name = "ptbxl-age"
    kind = "regression"
    dataset = "ptbxl"
    split = "ptbxl-age"
    classes: ClassVar[dict[str, str]] = {"age": "age in years"}
    source = "Wagner et al., Scientific Data 7:154, 2020; BenchECG asks for age too, on other datasets"

    def examples(self, records: pd.DataFrame) -> Examples:
        chosen = records[records["age"].between(0, 89).to_numpy(bool)]
        return examples_of(chosen, chosen[["age"]].to_numpy(np.float64))


class PTBXLSex(Task):
    """Sex as PTB-XL records it, male or female."""

    name = "ptbxl-sex"
    kind = "multiclass"
    dataset = "ptbxl"
    split = "ptbxl-sex"
    classes: ClassVar[dict[str, str]] = {"male": "ECG of a man", "female": "ECG of a woman"}
    source = "Wagner et al., Scientific Data 7:154, 2020 (0 male, 1 female)"

    def examples(self, records: pd.DataFrame) -> Examples:
        chosen = records[records["sex"].isin((0, 1)).to_numpy(bool)]
        return examples_of(chosen, chosen["sex"].to_numpy(np.int64))


class PTBXLIntervals(ColumnTask):
    """RR, PR, QRS and QT of PTB-XL's recordings in ms, as 12SL measured them; what it could not measure is unknown."""

    name = "ptbxl-intervals"
    kind = "regression"
    dataset = "ptbxl-features"
    split = "ptbxl-intervals"
    classes: ClassVar[dict[str, str]] = {
        "rr": "RR interval in ms",
        "pr": "PR interval in ms",
        "qrs": "QRS duration in ms",
        "qt": "QT interval in ms",
    }
    source = "Strodthoff et al., Scientific Data 10:279, 2023 (PTB-XL+)"
