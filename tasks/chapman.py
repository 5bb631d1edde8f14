"""Tasks on Chapman-Shaoxing: all diagnoses that ten or more recordings have, and the rhythm.

As in ecg-fm-benchmarking, which reads the copy on figshare: 42 classes and 11 rhythms of 10,646 recordings there. CSN, and so
this copy, lacks the 399 recordings of sinus irregularity. Folds are ours.
"""

from __future__ import annotations

from bench.task import SingleLabelTask
from tasks.class_vocabulary import meanings
from tasks.label_columns import CodedTask
from tasks.wordings import wordings

SOURCE = "Zheng et al., Scientific Data 7:48, 2020; codes and counts as in CinC 2021"

RHYTHMS = {
    "SB": "sinus bradycardia",
    "NSR": "sinus rhythm",
    "AF": "atrial fibrillation",
    "STach": "sinus tachycardia",
    "SVT": "supraventricular tachycardia",
    "AFL": "atrial flutter",
    "ATach": "atrial tachycardia",
    "AVNRT": "atrioventricular nodal reentrant tachycardia",
}
"""3,889, 1,826, 1,780, 1,568, 587, 445, 121 and 16 recordings. Atrioventricular reentrant tachycardia (8) and wandering
rhythm (7) are left out."""

DIAGNOSES = {
    "SB": "sinus bradycardia",
    "TAb": "T wave abnormality",
    "NSR": "sinus rhythm",
    "AF": "atrial fibrillation",
    "STach": "sinus tachycardia",
    "LVHV": "left ventricular high voltage",
    "NSSTTA": "nonspecific ST and T abnormality",
    "SVT": "supraventricular tachycardia",
    "RBBB": "right bundle branch block",
    "AFL": "atrial flutter",
    "STD": "ST depression",
    "LAD": "left axis deviation",
    "VPB": "ventricular premature beats",
    "PAC": "premature atrial contraction",
    "LQRSV": "low QRS voltages",
    "IAVB": "first degree atrioventricular block",
    "NSIVCB": "nonspecific intraventricular conduction disorder",
    "QAb": "abnormal Q wave",
    "RAD": "right axis deviation",
    "LBBB": "left bundle branch block",
    "STE": "ST elevation",
    "AVB": "atrioventricular block",
    "CCR": "counterclockwise rotation",
    "TInv": "T wave inversion",
    "ATach": "atrial tachycardia",
    "PWC": "P wave change",
    "CR": "clockwise rotation",
    "LQT": "prolonged QT interval",
    "MI": "myocardial infarction",
    "ERe": "early repolarization",
    "UAb": "abnormal U wave",
    "AVNRT": "atrioventricular nodal reentrant tachycardia",
    "JE": "junctional escape",
    "LVH": "left ventricular hypertrophy",
    "LPR": "prolonged PR interval",
    "VPEx": "ventricular pre-excitation",
}


class ChapmanLabels(CodedTask):
    """36 rhythm, conduction and waveform diagnoses of Chapman-Shaoxing."""

    name = "chapman"
    dataset = "chapman"
    split = "chapman"
    column = "diagnoses"
    classes = DIAGNOSES
    meanings = meanings("cinc2021")
    wordings = wordings("cinc2021")
    source = SOURCE


class ChapmanRhythm(SingleLabelTask):
    """The rhythm of Chapman-Shaoxing's recordings, one of the eight that ten or more recordings have."""

    name = "chapman-rhythm"
    dataset = "chapman"
    split = "chapman-rhythm"
    column = "rhythms"
    classes = RHYTHMS
    meanings = meanings("cinc2021")
    source = SOURCE
