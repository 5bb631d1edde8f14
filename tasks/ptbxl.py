"""Tasks on PTB-XL: superclasses, subclasses, form, rhythm, diagnostic, all statements, and ETP's single-label question.

Labels as in MERL's released split files (ICML 2024), which K-MERL and others share: any SCP statement counts whatever
its likelihood; recordings without a label of the task are dropped; folds 1-8 train, 9 validation, 10 test. Class order
as in those files (training file, where they differ). Prompts spell out what the abbreviations mean.
"""

from __future__ import annotations

from bench.task import MultilabelTask, SingleLabelTask
from tasks.class_vocabulary import meanings
from tasks.wordings import wordings

SOURCE = "Wagner et al., Scientific Data 2020; labels as in Liu et al. (MERL), ICML 2024"

# What each superclass holds, not only its name: bare, "conduction disturbance" lies nearer to normal than to the blocks it
# has in a small text encoder, and a contrastive method then reads it the wrong way round (chosen on fold 9).
SUPERCLASSES = {
    "HYP": "hypertrophy or enlargement of a heart chamber",
    "NORM": "normal ECG",
    "MI": "myocardial infarction",
    "CD": "conduction disturbance: bundle branch, fascicular or AV block",
    "STTC": "ST segment and T wave changes",
}

SUPERCLASS_NAMES = {
    "HYP": "hypertrophy",
    "NORM": "normal ECG",
    "MI": "myocardial infarction",
    "CD": "conduction disturbance",
    "STTC": "ST/T change",
}
"""As PTB-XL publishes them (Wagner et al., Scientific Data 2020)."""

SUBCLASSES = {
    "AMI": "anterior myocardial infarction",
    "LAFB/LPFB": "left anterior or left posterior fascicular block",
    "LVH": "left ventricular hypertrophy",
    "STTC": "ST/T change",
    "IMI": "inferior myocardial infarction",
    "SEHYP": "septal hypertrophy",
    "CRBBB": "complete right bundle branch block",
    "WPW": "Wolff-Parkinson-White syndrome",
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
    "ILBBB": "incomplete left bundle branch block",
    "IRBBB": "incomplete right bundle branch block",
    "PMI": "posterior myocardial infarction",
    "RVH": "right ventricular hypertrophy",
    "IVCD": "non-specific intraventricular conduction disturbance",
}

FORM = {
    "PAC": "atrial premature complex",
    "DIG": "digitalis effect",
    "HVOLT": "high QRS voltage",
    "STD": "non-specific ST depression",
    "LPR": "prolonged PR interval",
    "QWAVE": "Q waves present",
    "VCLVH": "voltage criteria for left ventricular hypertrophy",
    "NDT": "non-diagnostic T abnormalities",
    "TAB": "T-wave abnormality",
    "LOWT": "low amplitude T-waves",
    "ABQRS": "abnormal QRS",
    "LNGQT": "long QT interval",
    "PRC(S)": "premature complexes",
    "NT": "non-specific T-wave changes",
    "STE": "non-specific ST elevation",
    "NST": "non-specific ST changes",
    "PVC": "ventricular premature complex",
    "INVT": "inverted T-waves",
    "LVOLT": "low QRS voltages in the frontal and horizontal leads",
}

RHYTHM = {
    "SVARR": "supraventricular arrhythmia",
    "BIGU": "bigeminal pattern",
    "STACH": "sinus tachycardia",
    "SARRH": "sinus arrhythmia",
    "SBRAD": "sinus bradycardia",
    "TRIGU": "trigeminal pattern",
    "AFIB": "atrial fibrillation",
    "SR": "sinus rhythm",
    "SVTAC": "supraventricular tachycardia",
    "PSVT": "paroxysmal supraventricular tachycardia",
    "AFLT": "atrial flutter",
    "PACE": "normal functioning artificial pacemaker",
}

DIAGNOSTIC = {
    "NDT": "non-diagnostic T abnormalities",
    "NST": "non-specific ST changes",
    "DIG": "digitalis effect",
    "LNGQT": "long QT interval",
    "NORM": "normal ECG",
    "IMI": "inferior myocardial infarction",
    "ASMI": "anteroseptal myocardial infarction",
    "LVH": "left ventricular hypertrophy",
    "LAFB": "left anterior fascicular block",
    "ISC": "non-specific ischemia",
    "IRBBB": "incomplete right bundle branch block",
    "1AVB": "first degree atrioventricular block",
    "IVCD": "non-specific intraventricular conduction disturbance",
    "ISCAL": "ischemia in anterolateral leads",
    "CRBBB": "complete right bundle branch block",
    "CLBBB": "complete left bundle branch block",
    "ILMI": "inferolateral myocardial infarction",
    "LAO/LAE": "left atrial overload or enlargement",
    "AMI": "anterior myocardial infarction",
    "ALMI": "anterolateral myocardial infarction",
    "ISCIN": "ischemia in inferior leads",
    "INJAS": "subendocardial injury in anteroseptal leads",
    "LMI": "lateral myocardial infarction",
    "ISCIL": "ischemia in inferolateral leads",
    "LPFB": "left posterior fascicular block",
    "ISCAS": "ischemia in anteroseptal leads",
    "INJAL": "subendocardial injury in anterolateral leads",
    "ISCLA": "ischemia in lateral leads",
    "RVH": "right ventricular hypertrophy",
    "ANEUR": "ST/T changes compatible with ventricular aneurysm",
    "RAO/RAE": "right atrial overload or enlargement",
    "EL": "electrolytic disturbance or drug effect",
    "WPW": "Wolff-Parkinson-White syndrome",
    "ILBBB": "incomplete left bundle branch block",
    "IPLMI": "inferoposterolateral myocardial infarction",
    "ISCAN": "ischemia in anterior leads",
    "IPMI": "inferoposterior myocardial infarction",
    "SEHYP": "septal hypertrophy",
    "INJIN": "subendocardial injury in inferior leads",
    "INJLA": "subendocardial injury in lateral leads",
    "PMI": "posterior myocardial infarction",
    "3AVB": "third degree atrioventricular block",
    "INJIL": "subendocardial injury in inferolateral leads",
    "2AVB": "second degree atrioventricular block",
}


class PTBXLSuperclass(MultilabelTask):
    """Five diagnostic superclasses of PTB-XL."""

    name = "ptbxl-super"
    dataset = "ptbxl"
    split = "ptbxl-super"
    column = "superclass"
    classes = SUPERCLASSES
    meanings = meanings("ptbxl-super")
    wordings = wordings()
    original_names = SUPERCLASS_NAMES
    source = SOURCE


class PTBXLSubclass(MultilabelTask):
    """23 diagnostic subclasses of PTB-XL."""

    name = "ptbxl-sub"
    dataset = "ptbxl"
    split = "ptbxl-sub"
    column = "subclass"
    classes = SUBCLASSES
    meanings = meanings("ptbxl-sub")
    source = SOURCE


class PTBXLForm(MultilabelTask):
    """19 statements on the form of the ECG in PTB-XL."""

    name = "ptbxl-form"
    dataset = "ptbxl"
    split = "ptbxl-form"
    column = "form"
    classes = FORM
    meanings = meanings("ptbxl")
    source = SOURCE


class PTBXLRhythm(MultilabelTask):
    """12 rhythm statements of PTB-XL."""

    name = "ptbxl-rhythm"
    dataset = "ptbxl"
    split = "ptbxl-rhythm"
    column = "rhythm"
    classes = RHYTHM
    meanings = meanings("ptbxl")
    wordings = wordings()
    source = SOURCE


class PTBXLDiagnostic(MultilabelTask):
    """All 44 diagnostic statements of PTB-XL."""

    name = "ptbxl-diag"
    dataset = "ptbxl"
    split = "ptbxl-diag"
    column = "diagnostic"
    classes = DIAGNOSTIC
    meanings = meanings("ptbxl")
    source = "Strodthoff et al., IEEE JBHI 2021, task diag."


class PTBXLAll(MultilabelTask):
    """All 71 statements of PTB-XL."""

    name = "ptbxl-all"
    dataset = "ptbxl"
    split = "ptbxl-all"
    column = "all"
    classes = DIAGNOSTIC | FORM | RHYTHM
    meanings = meanings("ptbxl")
    source = "Strodthoff et al., IEEE JBHI 2021, task all"


class PTBXLSingle(SingleLabelTask):
    """The one diagnostic superclass of PTB-XL's recordings that have only one: five classes, multiclass."""

    name = "ptbxl-single"
    kind = "multiclass"
    dataset = "ptbxl"
    split = "ptbxl-single"
    column = "superclass"
    classes = SUPERCLASSES
    meanings = meanings("ptbxl-super")
    original_names = SUPERCLASS_NAMES
    source = "Liu et al. (ETP), ICASSP 2024"
