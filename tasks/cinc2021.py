"""Tasks on three cohorts of CinC 2021: all diagnoses that ten or more recordings of the cohort have.

The classes are those of ecg-fm-benchmarking (Georgia 50, CPSC-Extra 33, Ningbo 68), under the challenge's abbreviations
and in the order of their frequency. Recordings without any of them stay, as negatives of every class, if a code is
stated at all: that a rare code alone was given is known of them. Folds are ours (column ``fold``), or those of ECGBench
after ``bench splits import ecgbench``. Labels are what each hospital coded: Ningbo coded no atrial fibrillation.
"""

from __future__ import annotations

from tasks.class_vocabulary import meanings
from tasks.label_columns import CodedTask
from tasks.wordings import wordings

SOURCE = "Reyna et al., Physiological Measurement 43:084001, 2022; classes as in ecg-fm-benchmarking"

GEORGIA = {
    "TAb": "T wave abnormality",
    "NSSTTA": "nonspecific ST and T abnormality",
    "NSR": "sinus rhythm",
    "SB": "sinus bradycardia",
    "LQT": "prolonged QT interval",
    "STach": "sinus tachycardia",
    "LVH": "left ventricular hypertrophy",
    "STIAb": "abnormal ST interval",
    "LAD": "left axis deviation",
    "LIs": "lateral ischaemia",
    "LAE": "left atrial enlargement",
    "TInv": "T wave inversion",
    "IAVB": "first degree atrioventricular block",
    "PAC": "premature atrial contraction",
    "AF": "atrial fibrillation",
    "RBBB": "right bundle branch block",
    "QAb": "abnormal Q wave",
    "SA": "sinus arrhythmia",
    "IIs": "inferior ischaemia",
    "IRBBB": "incomplete right bundle branch block",
    "LQRSV": "low QRS voltages",
    "VPB": "ventricular premature beats",
    "AnMIs": "anterior ischaemia",
    "LBBB": "left bundle branch block",
    "NSIVCB": "nonspecific intraventricular conduction disorder",
    "AFL": "atrial flutter",
    "LAnFB": "left anterior fascicular block",
    "ERe": "early repolarization",
    "STE": "ST elevation",
    "BBB": "bundle branch block",
    "ILBBB": "incomplete left bundle branch block",
    "RVH": "right ventricular hypertrophy",
    "RAD": "right axis deviation",
    "AVB": "atrioventricular block",
    "LAA": "left atrial abnormality",
    "VH": "ventricular hypertrophy",
    "AH": "atrial hypertrophy",
    "AP": "atrial pacing pattern",
    "VPP": "ventricular pacing pattern",
    "VEB": "ventricular ectopic beats",
    "STD": "ST depression",
    "SVT": "supraventricular tachycardia",
    "CRBBB": "complete right bundle branch block",
    "ATach": "atrial tachycardia",
    "LPFB": "left posterior fascicular block",
    "IIAVB": "second degree atrioventricular block",
    "AJR": "accelerated junctional rhythm",
    "RAAb": "right atrial abnormality",
    "ALR": "suspected reversal of the arm electrodes",
    "RAb": "abnormal R wave",
}

CPSC_EXTRA = {
    "NSSTTA": "nonspecific ST and T abnormality",
    "OldMI": "old myocardial infarction",
    "STIAb": "abnormal ST interval",
    "MIs": "myocardial ischaemia",
    "MI": "myocardial infarction",
    "STach": "sinus tachycardia",
    "Brady": "bradycardia",
    "PVC": "premature ventricular contractions",
    "CMI": "chronic myocardial ischaemia",
    "LVH": "left ventricular hypertrophy",
    "AF": "atrial fibrillation",
    "CRBBB": "complete right bundle branch block",
    "IAVB": "first degree atrioventricular block",
    "IRBBB": "incomplete right bundle branch block",
    "PAC": "premature atrial contraction",
    "STE": "ST elevation",
    "AnMI": "anterior myocardial infarction",
    "STD": "ST depression",
    "AFL": "atrial flutter",
    "SVPB": "supraventricular premature beats",
    "SB": "sinus bradycardia",
    "ILBBB": "incomplete left bundle branch block",
    "LAH": "left atrial hypertrophy",
    "AFAFL": "atrial fibrillation and flutter",
    "LBBB": "left bundle branch block",
    "CHB": "complete heart block",
    "TAb": "T wave abnormality",
    "IIAVB": "second degree atrioventricular block",
    "RVH": "right ventricular hypertrophy",
    "RAH": "right atrial hypertrophy",
    "ATach": "atrial tachycardia",
    "SA": "sinus arrhythmia",
    "VF": "ventricular fibrillation",
}

NINGBO = {
    "SB": "sinus bradycardia",
    "AFL": "atrial flutter",
    "NSR": "sinus rhythm",
    "STach": "sinus tachycardia",
    "TAb": "T wave abnormality",
    "STC": "ST-T changes",
    "LVHV": "left ventricular high voltage",
    "TInv": "T wave inversion",
    "SA": "sinus arrhythmia",
    "STD": "ST depression",
    "PR": "pacing rhythm",
    "LAD": "left axis deviation",
    "CRBBB": "complete right bundle branch block",
    "PVC": "premature ventricular contractions",
    "PAC": "premature atrial contraction",
    "IAVB": "first degree atrioventricular block",
    "QAb": "abnormal Q wave",
    "STIAb": "abnormal ST interval",
    "LQRSV": "low QRS voltages",
    "CVCL/CCVCL": "clockwise or counterclockwise vectorcardiographic loop",
    "PRWP": "poor R wave progression",
    "RAD": "right axis deviation",
    "LVH": "left ventricular hypertrophy",
    "NSIVCB": "nonspecific intraventricular conduction disorder",
    "BBB": "bundle branch block",
    "LAnFB": "left anterior fascicular block",
    "ERe": "early repolarization",
    "LQT": "prolonged QT interval",
    "IRBBB": "incomplete right bundle branch block",
    "ARH": "atrial rhythm",
    "TPW": "tall P wave",
    "RBBB": "right bundle branch block",
    "ATach": "atrial tachycardia",
    "AVJR": "atrioventricular junctional rhythm",
    "SVT": "supraventricular tachycardia",
    "FB": "fusion beats",
    "UAb": "abnormal U wave",
    "PVT": "paroxysmal ventricular tachycardia",
    "PPW": "prolonged P wave",
    "RVH": "right ventricular hypertrophy",
    "VEsR": "ventricular escape rhythm",
    "MI": "myocardial infarction",
    "AVB": "atrioventricular block",
    "CHB": "complete heart block",
    "WPW": "Wolff-Parkinson-White pattern",
    "BPAC": "blocked premature atrial contraction",
    "JE": "junctional escape",
    "AVD": "atrioventricular dissociation",
    "VF": "ventricular fibrillation",
    "IIAVB": "second degree atrioventricular block",
    "AnMI": "anterior myocardial infarction",
    "AMI": "acute myocardial infarction",
    "VEsB": "ventricular escape beat",
    "PWC": "P wave change",
    "LPR": "prolonged PR interval",
    "LBBB": "left bundle branch block",
    "RAH": "right atrial hypertrophy",
    "SARR": "sinus arrest",
    "RAHV": "right atrial high voltage",
    "MoI": "Mobitz type I (Wenckebach) atrioventricular block",
    "JTach": "junctional tachycardia",
    "SPRI": "shortened PR interval",
    "AVRT": "atrioventricular reentrant tachycardia",
    "AED": "atrial escape beat",
    "AAR": "accelerated atrial escape rhythm",
    "AIVR": "accelerated idioventricular rhythm",
    "AJR": "accelerated junctional rhythm",
    "JPC": "junctional premature complex",
}
"""``LBBB`` joins 164909002 with 733534002 (complete left bundle branch block), which the challenge scores as one."""


class GeorgiaLabels(CodedTask):
    """50 rhythm, conduction and waveform diagnoses of the Georgia cohort."""

    name = "georgia"
    dataset = "georgia"
    split = "georgia"
    released_split = "georgia-ecgbench"
    classes = GEORGIA
    meanings = meanings("cinc2021")
    wordings = wordings("cinc2021")
    source = SOURCE


class CPSCExtraLabels(CodedTask):
    """33 diagnoses of CPSC-Extra; this cohort has hardly a normal recording."""

    name = "cpsc-extra"
    dataset = "cpsc-extra"
    split = "cpsc-extra"
    released_split = "cpsc-extra-ecgbench"
    classes = CPSC_EXTRA
    meanings = meanings("cinc2021")
    source = SOURCE


class NingboLabels(CodedTask):
    """68 diagnoses of the Ningbo cohort, which has 7,615 recordings coded flutter and none coded fibrillation."""

    name = "ningbo"
    dataset = "ningbo"
    split = "ningbo"
    released_split = "ningbo-ecgbench"
    classes = NINGBO
    meanings = meanings("ningbo")
    source = SOURCE
