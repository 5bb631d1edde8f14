"""File names, codes and rates that a dataset's reader and its simulator share; the simulator never imports its reader."""

from __future__ import annotations

CPSC2018_FS = 500

CPSC2018_NUMBERS = dict(enumerate(("NORM", "AFIB", "1AVB", "CLBBB", "CRBBB", "PAC", "VPC", "STD", "STE"), start=1))
"""Label number in REFERENCE.csv -> class (Liu et al., J Med Imaging Health Inform 8:1368, 2018)."""

CPSC2018_SNOMED = {
    "426783006": "NORM",
    "164889003": "AFIB",
    "270492004": "1AVB",
    "164909002": "CLBBB",
    "59118001": "CRBBB",
    "284470004": "PAC",
    "164884008": "VPC",
    "429622005": "STD",
    "164931005": "STE",
}
"""SNOMED CT codes by which CinC 2020 writes the same nine labels."""

CSN_CONDITIONS = "ConditionNames_SNOMED-CT.csv"

MIMIC_RECORD_LIST, MIMIC_MEASUREMENTS = "record_list.csv", "machine_measurements.csv"
MIMIC_REPORTS = tuple(f"report_{k}" for k in range(18))

PTBXL_WITHDRAWN = frozenset(
    map(
        str,
        (137, 139, 140, 141, 142, 143, 145, 456, 458, 459, 461, 462, 2506, 2511, 3795, 3798, 3800, 3801, 3832, 5817,
         7777, 7779, 7782, 9821, 9825, 9888, 11810, 11814, 11815, 11817, 11838, 13791, 13793, 13796, 13797, 13799,
         15742, 18150),
    )
)  # fmt: skip
"""The 38 records of versions 1.0.1 and 1.0.2 that 1.0.3 no longer has."""

UKB_TRUTH = "simulated_truth.csv"
"""Participants' true risks (:func:`tasks.datasets.simulated.ukb_hearts.true_risks`), which no delivery of UK Biobank has."""

UKB_TRUE_RISKS = ("heart_failure", "coronary_artery_disease", "atrial_fibrillation", "diabetes_mellitus")
"""Endpoints with a true risk."""

PLANTED_COHORT = "cohort.csv"

PLANTED_COLUMNS = (
    "number", "seed", "age", "sex", "superclasses", "statements", "part", "years", "event", "unrelated_years",
    "unrelated_event", "true_log_hazard", "stated_log_hazard",
)  # fmt: skip
"""Of the cohort with a planted risk."""
