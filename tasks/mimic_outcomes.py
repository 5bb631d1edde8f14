"""Tasks on MIMIC-IV-ECG with its companions: ICD-10 chapters and categories, age, sex, intervals, deterioration.

The folds are the publishers', of patients: 0-17 train, 18 validates, 19 tests (``icd_fold`` for diagnoses, ``strat_fold``
for age, sex and intervals, ``mds_fold`` for the emergency department, where only the first ECG of a stay validates or
tests). Recordings without a discharge diagnosis take no part; what could not be assessed or measured is unknown. The 1,076
codes of the publication are in :mod:`tasks.mimic_icd`: here the classes are the 22 chapters, and categories of chapter IX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.task import ColumnTask, Examples, Task
from tasks.label_columns import CodedTask, examples_of

if TYPE_CHECKING:
    import pandas as pd

EXT_ICD = "Strodthoff et al., European Heart Journal - Digital Health 5:454, 2024"
MDS_ED = "Lopez Alcaraz et al., PhysioNet, multimodal-emergency-benchmark 1.0.0, 2024"

CHAPTERS = {
    "I": "infectious and parasitic diseases",
    "II": "neoplasms",
    "III": "diseases of the blood and immune mechanism",
    "IV": "endocrine, nutritional and metabolic diseases",
    "V": "mental and behavioural disorders",
    "VI": "diseases of the nervous system",
    "VII": "diseases of the eye",
    "VIII": "diseases of the ear",
    "IX": "diseases of the circulatory system",
    "X": "diseases of the respiratory system",
    "XI": "diseases of the digestive system",
    "XII": "diseases of the skin",
    "XIII": "diseases of the musculoskeletal system",
    "XIV": "diseases of the genitourinary system",
    "XV": "pregnancy and childbirth",
    "XVI": "perinatal conditions",
    "XVII": "congenital malformations",
    "XVIII": "symptoms and abnormal findings",
    "XIX": "injury and poisoning",
    "XX": "external causes",
    "XXI": "factors influencing health status",
    "XXII": "codes for special purposes, such as COVID-19",
}

CARDIAC = {
    "I10": "essential hypertension",
    "I11": "hypertensive heart disease",
    "I12": "hypertensive chronic kidney disease",
    "I13": "hypertensive heart and chronic kidney disease",
    "I16": "hypertensive crisis",
    "I20": "angina pectoris",
    "I21": "acute myocardial infarction",
    "I24": "other acute ischaemic heart disease",
    "I25": "chronic ischaemic heart disease",
    "I26": "pulmonary embolism",
    "I27": "other pulmonary heart disease",
    "I31": "other diseases of the pericardium",
    "I34": "nonrheumatic mitral valve disorders",
    "I35": "nonrheumatic aortic valve disorders",
    "I36": "nonrheumatic tricuspid valve disorders",
    "I42": "cardiomyopathy",
    "I44": "atrioventricular and left bundle branch block",
    "I45": "other conduction disorders",
    "I46": "cardiac arrest",
    "I47": "paroxysmal tachycardia",
    "I48": "atrial fibrillation and flutter",
    "I49": "other cardiac arrhythmias",
    "I50": "heart failure",
    "I51": "complications and ill-defined descriptions of heart disease",
    "I61": "intracerebral haemorrhage",
    "I63": "cerebral infarction",
    "I65": "occlusion and stenosis of precerebral arteries",
    "I67": "other cerebrovascular diseases",
    "I69": "sequelae of cerebrovascular disease",
    "I70": "atherosclerosis",
    "I71": "aortic aneurysm and dissection",
    "I73": "other peripheral vascular diseases",
    "I77": "other disorders of arteries",
    "I82": "other venous embolism and thrombosis",
    "I85": "oesophageal varices",
    "I95": "hypotension",
}

TREATMENT = {
    "severe_hypoxemia": "severe hypoxaemia, oxygen saturation of 85 % or less",
    "ecmo": "extracorporeal membrane oxygenation",
    "vasopressors": "treatment with vasopressors",
    "inotropes": "treatment with inotropes",
    "mechanical_ventilation": "mechanical ventilation",
    "cardiac_arrest": "cardiac arrest",
}

INTENSIVE_CARE = {
    "icu_24h": "intensive care within 24 hours",
    "icu_stay": "intensive care in the stay",
}

MORTALITY = {
    "mortality_1d": "death within one day",
    "mortality_7d": "death within seven days",
    "mortality_28d": "death within 28 days",
    "mortality_90d": "death within 90 days",
    "mortality_180d": "death within 180 days",
    "mortality_365d": "death within one year",
    "mortality_stay": "death in the stay",
}

MEASUREMENTS = {
    "rr": "RR interval in ms",
    "qrs": "QRS duration in ms",
    "qt": "QT interval in ms",
    "qtc": "QT interval corrected by Bazett in ms",
    "p_axis": "P axis in degrees",
    "qrs_axis": "QRS axis in degrees",
    "t_axis": "T axis in degrees",
}


class MIMICChapters(CodedTask):
    """The chapters of ICD-10 in which the discharge diagnoses of a stay lie."""

    name = "mimic-icd-chapters"
    dataset = "mimic-outcomes"
    split = "mimic-icd-chapters"
    column = "chapters"
    stated = "icd10"
    classes = CHAPTERS
    source = EXT_ICD


class MIMICCardiac(CodedTask):
    """36 categories of circulatory disease (ICD-10, chapter IX) among the discharge diagnoses of a stay."""

    name = "mimic-icd-cardiac"
    dataset = "mimic-outcomes"
    split = "mimic-icd-cardiac"
    column = "icd10"
    stated = "icd10"
    classes = CARDIAC
    source = EXT_ICD


class Measured(ColumnTask):
    """Columns of numbers, NaN where unknown, of the recordings that are in a fold."""

    kind = "regression"
    fold: ClassVar[str] = "strat_fold"

    def examples(self, records: pd.DataFrame) -> Examples:
        return super().examples(records[records[self.fold].ge(0).to_numpy(bool)])


class MIMICAge(Measured):
    """Age in years, up to 89."""

    name = "mimic-age"
    dataset = "mimic-outcomes"
    split = "mimic-age"
    classes: ClassVar[dict[str, str]] = {"age": "age in years"}
    source = EXT_ICD


class MIMICIntervals(Measured):
    """RR, QRS, QT, QTc and the axes of P, QRS and T, as the machine measured them."""

    name = "mimic-intervals"
    dataset = "mimic-outcomes"
    split = "mimic-intervals"
    classes = MEASUREMENTS
    source = "Gow et al., PhysioNet 2023 (machine_measurements.csv)"


class MIMICSex(Task):
    """Sex as the hospital records it, male or female."""

    name = "mimic-sex"
    kind = "multiclass"
    dataset = "mimic-outcomes"
    split = "mimic-sex"
    classes: ClassVar[dict[str, str]] = {"male": "ECG of a man", "female": "ECG of a woman"}
    source = EXT_ICD

    def examples(self, records: pd.DataFrame) -> Examples:
        chosen = records[(records["sex"].ne("") & records["strat_fold"].ge(0)).to_numpy(bool)]
        return examples_of(chosen, chosen["sex"].eq("female").to_numpy(np.int64))


class MDSDeterioration(Measured):
    """15 kinds of deterioration after arrival in the emergency department: treatment, intensive care, death."""

    name = "mds-ed-deterioration"
    kind = "multilabel"
    dataset = "mimic-outcomes"
    split = "mds-ed-deterioration"
    fold = "mds_fold"
    classes = TREATMENT | INTENSIVE_CARE | MORTALITY
    source = MDS_ED


class MDSMortality(Measured):
    """Death within a day to a year after arrival in the emergency department, and in the stay."""

    name = "mds-ed-mortality"
    kind = "multilabel"
    dataset = "mimic-outcomes"
    split = "mds-ed-mortality"
    fold = "mds_fold"
    classes = MORTALITY
    source = MDS_ED


class MDSIntensiveCare(Measured):
    """Intensive care within 24 hours of arrival in the emergency department, and in the stay."""

    name = "mds-ed-icu"
    kind = "multilabel"
    dataset = "mimic-outcomes"
    split = "mds-ed-icu"
    fold = "mds_fold"
    classes = INTENSIVE_CARE
    source = MDS_ED
