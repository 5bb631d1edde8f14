"""Regression tasks on MDS-ED: laboratory values, vital signs and biometrics of the emergency department.

Values are the first ones within 90 minutes of arrival (biometrics: those of the nearest date); one that was not measured is
unknown. Folds as in :mod:`tasks.mimic_outcomes`: 0-17 train, 18 validates, 19 tests, of which the last two hold only the
first ECG of a stay. ecg-fm-benchmarking makes its 18 laboratory values from MIMIC-IV's own tables, nearest to the ECG within
an hour.
"""

from __future__ import annotations

from typing import ClassVar

from tasks.mimic_outcomes import MDS_ED, Measured

LABORATORY = {
    "basophil_count": "basophils, absolute, in 1,000/microlitre",
    "eosinophil_count": "eosinophils, absolute, in 1,000/microlitre",
    "lymphocyte_count": "lymphocytes, absolute, in 1,000/microlitre",
    "alt": "alanine aminotransferase in IU/L",
    "albumin": "albumin in g/dL",
    "alkaline_phosphatase": "alkaline phosphatase in IU/L",
    "ast": "aspartate aminotransferase in IU/L",
    "bands": "band neutrophils in %",
    "base_excess": "base excess in mEq/L",
    "basophils": "basophils in %",
    "bicarbonate": "bicarbonate in mEq/L",
    "bilirubin_direct": "direct bilirubin in mg/dL",
    "bilirubin_total": "total bilirubin in mg/dL",
    "crp": "C-reactive protein in mg/L",
    "calcium": "total calcium in mg/dL",
    "carboxyhemoglobin": "carboxyhaemoglobin in %",
    "chloride": "chloride in mEq/L",
    "creatine_kinase": "creatine kinase in IU/L",
    "ck_mb": "creatine kinase, MB isoenzyme, in ng/mL",
    "creatinine": "creatinine in mg/dL",
    "eosinophils": "eosinophils in %",
    "fibrinogen": "fibrinogen in mg/dL",
    "free_calcium": "free calcium in mmol/L",
    "glucose": "glucose in mg/dL",
    "hematocrit": "haematocrit in %",
    "hemoglobin": "haemoglobin in g/dL",
    "inr": "international normalised ratio",
    "lactate": "lactate in mmol/L",
    "lymphocytes": "lymphocytes in %",
    "magnesium": "magnesium in mg/dL",
    "neutrophils": "neutrophils in %",
    "oxygen_saturation": "oxygen saturation of blood in %",
    "pt": "prothrombin time in s",
    "ptt": "partial thromboplastin time in s",
    "phosphate": "phosphate in mg/dL",
    "platelets": "platelets in 1,000/microlitre",
    "potassium": "potassium in mEq/L",
    "rdw": "red cell distribution width in %",
    "red_blood_cells": "red blood cells in millions/microlitre",
    "sodium": "sodium in mEq/L",
    "troponin_t": "troponin T in ng/mL",
    "urea_nitrogen": "urea nitrogen in mg/dL",
    "white_blood_cells": "white blood cells in 1,000/microlitre",
    "pco2": "partial pressure of carbon dioxide in mmHg",
    "ph": "pH of blood",
}

VITAL_SIGNS = {
    "temperature": "temperature in degrees Celsius",
    "heartrate": "heart rate per minute",
    "resprate": "respiratory rate per minute",
    "o2sat": "oxygen saturation in %",
    "sbp": "systolic blood pressure in mmHg",
    "dbp": "diastolic blood pressure in mmHg",
}

BIOMETRICS = {
    "bmi": "body mass index in kg/m2",
    "weight": "weight in kg",
    "height": "height in cm",
}


class MDSLaboratory(Measured):
    """45 laboratory values, the first within 90 minutes of arrival in the emergency department."""

    name = "mds-ed-labs"
    dataset = "mimic-outcomes"
    split = "mds-ed-values"
    fold: ClassVar[str] = "mds_fold"
    classes = LABORATORY
    source = MDS_ED


class MDSVitalSigns(Measured):
    """Six vital signs, the first within 90 minutes of arrival in the emergency department."""

    name = "mds-ed-vitals"
    dataset = "mimic-outcomes"
    split = "mds-ed-values"
    fold: ClassVar[str] = "mds_fold"
    classes = VITAL_SIGNS
    source = MDS_ED


class MDSBiometrics(Measured):
    """Body mass index, weight and height."""

    name = "mds-ed-biometrics"
    dataset = "mimic-outcomes"
    split = "mds-ed-values"
    fold: ClassVar[str] = "mds_fold"
    classes = BIOMETRICS
    source = MDS_ED
