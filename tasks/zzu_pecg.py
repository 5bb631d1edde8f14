"""Tasks on ZZU pECG: findings of children's recordings, and four groups of disease of the stay.

A finding counts with and without modifiers (``L145+Modifier362`` is ST deviation), and in words where the AHA list has no
code. Code that looks whole entries up loses both, as ecg-fm-benchmarking does. How many recordings have each finding has
not been published, so that the classes are the AHA statements that other datasets of this project have, and the most
frequent finding in words. Diseases describe the stay, not the tracing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.class_vocabulary import meanings
from tasks.label_columns import CodedTask

if TYPE_CHECKING:
    import pandas as pd

    from bench.task import Examples

SOURCE = "ZZU pECG, figshare 27078763, 2025"

FINDINGS = {
    "A1": "normal ECG",
    "C20": "sinus rhythm",
    "C21": "sinus tachycardia",
    "C22": "sinus bradycardia",
    "C23": "sinus arrhythmia",
    "D30": "atrial premature complexes",
    "D36": "junctional premature complexes",
    "D37": "junctional escape complexes",
    "E50": "atrial fibrillation",
    "E51": "atrial flutter",
    "E55": "supraventricular tachycardia",
    "F60": "ventricular premature complexes",
    "H80": "short PR interval",
    "H82": "prolonged PR interval",
    "H83": "second degree atrioventricular block, Mobitz type I",
    "H84": "second degree atrioventricular block, Mobitz type II",
    "H85": "2:1 atrioventricular block",
    "H88": "third degree (complete) atrioventricular block",
    "I101": "left anterior fascicular block",
    "I102": "left posterior fascicular block",
    "I104": "left bundle branch block",
    "I105": "incomplete right bundle branch block",
    "I106": "right bundle branch block",
    "I107": "intraventricular conduction delay",
    "I108": "ventricular preexcitation",
    "J120": "right axis deviation",
    "J121": "left axis deviation",
    "J125": "low voltage",
    "K140": "left atrial enlargement",
    "K141": "right atrial enlargement",
    "K142": "left ventricular hypertrophy",
    "K143": "right ventricular hypertrophy",
    "L145": "ST deviation",
    "L146": "ST deviation with T-wave change",
    "L147": "T-wave abnormality",
    "L148": "prolonged QT interval",
    "L155": "early repolarization",
    "left ventricular high voltage": "left ventricular high voltage",
}
"""Letter of the section and number in the AHA/ACC/HRS list of 2007, or the words that the table has."""

DISEASES = {
    "CHD": "congenital heart disease",
    "MYO": "myocarditis",
    "KD": "Kawasaki disease",
    "CM": "cardiomyopathy",
}


class ZZUFindings(CodedTask):
    """38 findings of children's recordings, with and without modifiers; some have nine leads."""

    name = "zzu"
    dataset = "zzu-pecg"
    split = "zzu"
    column = "codes"
    classes = FINDINGS
    meanings = meanings("zzu")
    source = SOURCE


class ZZUFindingsOfTwelveLeads(ZZUFindings):
    """38 findings of the children's recordings that have twelve leads, as ecg-fm-benchmarking takes them."""

    # Children with nine leads are ill more often: compare both.
    name = "zzu-12-leads"
    dataset = "zzu-pecg"
    split = "zzu"

    def examples(self, records: pd.DataFrame) -> Examples:
        return super().examples(records[records["n_leads"].eq(12).to_numpy(bool)])


class ZZUDiseases(CodedTask):
    """Congenital heart disease, myocarditis, Kawasaki disease and cardiomyopathy in children; most have none."""

    name = "zzu-disease"
    dataset = "zzu-pecg"
    split = "zzu-disease"
    column = "diseases"
    classes = DISEASES
    source = SOURCE
