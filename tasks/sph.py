"""Tasks on SPH (Shandong): AHA statements, on the authors' 80/20 split and on ECGBench's ten folds.

Statements are counted by their primary code, whatever their modifiers. "Normal" is normal among these 44 statements.
The authors' split has no validation part: a tenth of its training part, label-stratified, validates here.
"""

from __future__ import annotations

from tasks.class_vocabulary import meanings
from tasks.label_columns import CodedTask

SOURCE = "Liu et al., Scientific Data 9:272, 2022"

COMMON = {
    "1": "normal ECG",
    "22": "sinus bradycardia",
    "147": "T-wave abnormality",
    "145": "ST deviation",
    "23": "sinus arrhythmia",
    "105": "incomplete right bundle branch block",
    "60": "ventricular premature complexes",
    "146": "ST deviation with T-wave change",
    "21": "sinus tachycardia",
    "106": "right bundle branch block",
    "50": "atrial fibrillation",
    "30": "atrial premature complexes",
    "125": "low voltage",
    "82": "prolonged PR interval",
    "142": "left ventricular hypertrophy",
    "120": "right axis deviation",
    "101": "left anterior fascicular block",
    "121": "left axis deviation",
    "161": "inferior myocardial infarction",
    "51": "atrial flutter",
    "165": "anteroseptal myocardial infarction",
    "153": "ST-T change due to ventricular hypertrophy",
    "104": "left bundle branch block",
    "36": "junctional premature complexes",
    "160": "anterior myocardial infarction",
    "86": "atrioventricular block, varying conduction",
    "85": "2:1 atrioventricular block",
    "155": "early repolarization",
    "108": "ventricular preexcitation",
    "148": "prolonged QT interval",
    "88": "third degree (complete) atrioventricular block",
    "37": "junctional escape complexes",
    "140": "left atrial enlargement",
    "54": "junctional tachycardia",
    "80": "short PR interval",
}
"""The 35 statements that ten or more recordings have, most frequent first, in the words of the AHA/ACC/HRS list of 2007."""

RARE = {
    "83": "second degree atrioventricular block, Mobitz type I",
    "152": "TU fusion",
    "166": "extensive anterior myocardial infarction",
    "102": "left posterior fascicular block",
    "143": "right ventricular hypertrophy",
    "31": "atrial premature complexes, nonconducted",
    "81": "atrioventricular conduction ratio N:D",
    "84": "second degree atrioventricular block, Mobitz type II",
    "87": "atrioventricular block, advanced (high-grade)",
}
"""The nine others."""


class SPHStatements(CodedTask):
    """35 AHA statements of SPH that ten or more recordings have, on the authors' 80/20 split of patients."""

    name = "sph"
    dataset = "sph"
    split = "sph"
    column = "codes"
    classes = COMMON
    meanings = meanings("sph")
    source = SOURCE


class SPHAllStatements(CodedTask):
    """All 44 AHA statements of SPH, on the authors' split, which has every one on both sides."""

    name = "sph-44"
    dataset = "sph"
    split = "sph-44"
    column = "codes"
    classes = COMMON | RARE
    meanings = meanings("sph")
    source = SOURCE


class SPHFolds(CodedTask):
    """35 AHA statements of SPH, on ECGBench's ten folds of patients."""

    name = "sph-folds"
    dataset = "sph"
    split = "sph-folds"
    column = "codes"
    classes = COMMON
    meanings = meanings("sph")
    source = "Liu et al., Scientific Data 9:272, 2022; folds of ECGBench 1.0.0"
