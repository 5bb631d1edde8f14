"""Report sentences of the simulated PTB-XL: short, lower case, mostly English, some German, as in the original."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

GERMAN_SHARE = 0.25

# Statement -> wordings in English and in German. Rhythm comes first in a report, then axis, diagnosis and form.
_RHYTHM: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "SR": (("sinus rhythm", "normal sinus rhythm"), ("sinusrhythmus",)),
    "AFIB": (
        ("atrial fibrillation", "atrial fibrillation with irregular ventricular response"),
        ("vorhofflimmern", "absolute arrhythmie bei vorhofflimmern"),
    ),
    "STACH": (("sinus tachycardia",), ("sinustachykardie",)),
    "SARRH": (("sinus arrhythmia",), ("sinusarrhythmie", "sinus arrhythmie")),
    "SBRAD": (("sinus bradycardia",), ("sinusbradykardie",)),
    "PACE": (("pacemaker rhythm", "ventricular pacing"), ("pacemaker ekg", "schrittmacherrhythmus")),
    "SVARR": (("supraventricular arrhythmia",), ("supraventrikuläre arrhythmie",)),
    "BIGU": (("bigeminal pattern", "bigeminy"), ("bigeminus",)),
    "TRIGU": (("trigeminal pattern", "trigeminy"), ("trigeminus",)),
    "AFLT": (("atrial flutter", "atrial flutter with variable block"), ("vorhofflattern",)),
    "SVTAC": (("supraventricular tachycardia",), ("supraventrikuläre tachykardie",)),
    "PSVT": (("paroxysmal supraventricular tachycardia",), ("paroxysmale supraventrikuläre tachykardie",)),
}

_FINDINGS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "PVC": (("premature ventricular contraction(s)",), ("ventrikuläre extrasystole(n)",)),
    "PAC": (("premature atrial contraction(s)",), ("supraventrikuläre extrasystole(n)",)),
    "PRC(S)": (("premature complexes",), ("extrasystolen",)),
    "1AVB": (("first degree av block",), ("a-v block i",)),
    "2AVB": (("second degree av block",), ("a-v block ii",)),
    "3AVB": (("third degree av block", "complete heart block"), ("a-v block iii",)),
    "LPR": (("prolonged pr interval",), ("pq-verlängerung",)),
    "WPW": (("wolff-parkinson-white syndrome", "delta waves, wpw pattern"), ("wpw syndrom",)),
    "LAFB": (("left anterior fascicular block",), ("linksanteriorer hemiblock",)),
    "LPFB": (("left posterior fascicular block",), ("linksposteriorer hemiblock",)),
    "CRBBB": (("right bundle branch block", "complete right bundle branch block"), ("rechtsschenkelblock",)),
    "IRBBB": (("incomplete right bundle branch block",), ("unvollständiger rechtsschenkelblock",)),
    "CLBBB": (("left bundle branch block", "complete left bundle branch block"), ("linksschenkelblock",)),
    "ILBBB": (("incomplete left bundle branch block",), ("unvollständiger linksschenkelblock",)),
    "IVCD": (
        ("non-specific intraventricular conduction disturbance", "non-specific intraventricular block"),
        ("unspezifische intraventrikuläre leitungsstörung",),
    ),
    "LVH": (("left ventricular hypertrophy",), ("linkshypertrophie",)),
    "VCLVH": (("voltages are high in chest leads suggesting lvh",), ("amplitudenkriterien für linkshypertrophie",)),
    "SEHYP": (("septal hypertrophy",), ("septumhypertrophie",)),
    "RVH": (("right ventricular hypertrophy",), ("rechtshypertrophie",)),
    "LAO/LAE": (("left atrial enlargement",), ("p-sinistrocardiale", "vorhofsüberlastung links")),
    "RAO/RAE": (("right atrial enlargement",), ("p-dextrocardiale", "vorhofsüberlastung rechts")),
    "ASMI": (("anteroseptal myocardial infarction",), ("anteroseptaler infarkt",)),
    "AMI": (("anterior myocardial infarction",), ("anteriorer infarkt",)),
    "ALMI": (("anterolateral myocardial infarction",), ("anterolateraler infarkt",)),
    "LMI": (("lateral myocardial infarction",), ("lateraler infarkt",)),
    "IMI": (("inferior myocardial infarction",), ("inferiorer infarkt",)),
    "ILMI": (("inferolateral myocardial infarction",), ("inferolateraler infarkt",)),
    "IPMI": (("inferoposterior myocardial infarction",), ("inferoposteriorer infarkt",)),
    "IPLMI": (("inferoposterolateral myocardial infarction",), ("inferoposterolateraler infarkt",)),
    "PMI": (("posterior myocardial infarction",), ("posteriorer infarkt",)),
    "INJAS": (("subendocardial injury in anteroseptal leads",), ("anteroseptaler innenschichtschaden",)),
    "INJAL": (("subendocardial injury in anterolateral leads",), ("anterolateraler innenschichtschaden",)),
    "INJIN": (("subendocardial injury in inferior leads",), ("inferiorer innenschichtschaden",)),
    "INJLA": (("subendocardial injury in lateral leads",), ("lateraler innenschichtschaden",)),
    "INJIL": (("subendocardial injury in inferolateral leads",), ("inferolateraler innenschichtschaden",)),
    "ABQRS": (("abnormal qrs",), ("qrs abnormal",)),
    "QWAVE": (("q waves present", "pathological q waves"), ("q-zacken",)),
    "ISC_": (
        ("st segments are depressed and t waves inverted, this may be due to lv strain or ischaemia",),
        ("st & t abnormal, wahrscheinlich ischämie oder linksbelastung",),
    ),
    "ISCAL": (("anterolateral ischaemia",), ("anterolaterale ischämie",)),
    "ISCAS": (("anteroseptal ischaemia",), ("anteroseptale ischämie",)),
    "ISCAN": (("anterior ischaemia",), ("anteriore ischämie",)),
    "ISCLA": (("lateral ischaemia",), ("laterale ischämie",)),
    "ISCIN": (("inferior ischaemia",), ("inferiore ischämie",)),
    "ISCIL": (("inferolateral ischaemia",), ("inferolaterale ischämie",)),
    "NDT": (("non-diagnostic t wave abnormalities",), ("unspezifisches abnormales t",)),
    "NST_": (("non-specific st-t wave changes",), ("unspezifische st-veränderung",)),
    "DIG": (("st-t changes suggest digitalis effect",), ("digitaliseffekt",)),
    "LNGQT": (("prolonged qt interval", "long qt"), ("qt-verlängerung",)),
    "EL": (("st-t changes, electrolyte disturbance or drug effect",), ("elektrolytstörung oder medikamentös",)),
    "ANEUR": (("st-t changes compatible with ventricular aneurysm",), ("vorderwandaneurysma",)),
    "STD_": (("st segments are depressed",), ("st-senkung",)),
    "STE_": (("non-specific st elevation",), ("st-hebung",)),
    "LOWT": (("t waves are low or flat",), ("t flach",)),
    "NT_": (("non-specific t wave changes", "minor non-specific t wave flattening"), ("t unspezifisch verändert",)),
    "INVT": (("t waves are inverted",), ("t negativ",)),
    "TAB_": (("t wave abnormality",), ("t abnormal",)),
    "LVOLT": (("low qrs voltages",), ("periphere niederspannung",)),
    "HVOLT": (("high qrs voltages",), ("hochspannung",)),
}

_AXIS = {
    "LAD": ("left axis deviation", "linkstyp"),
    "ALAD": ("marked left axis deviation", "überdrehter linkstyp"),
    "RAD": ("right axis deviation", "rechtstyp"),
    "ARAD": ("marked right axis deviation", "überdrehter rechtstyp"),
    "MID": ("normal axis", "lagetyp normal"),
}


def write_report(codes: Mapping[str, float], axis: str, rng: np.random.Generator) -> str:
    """A report of one recording; ``codes`` are statements with likelihoods, ``axis`` a heart_axis code or empty."""
    german = int(rng.random() < GERMAN_SHARE)

    def wording(table: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]], code: str) -> str:
        options = table[code][german]
        return options[int(rng.integers(len(options)))]

    sentences = [wording(_RHYTHM, c) for c in codes if c in _RHYTHM]
    if axis in _AXIS:
        sentences.append(_AXIS[axis][german])
    findings = [c for c in _FINDINGS if c in codes]
    for code in findings:
        sentence = wording(_FINDINGS, code)
        likelihood = codes[code]
        if 0 < likelihood <= 15:
            sentence = f"{sentence} nicht auszuschliessen" if german else f"{sentence} cannot be excluded"
        elif 0 < likelihood <= 50:
            sentence = f"{sentence} möglich" if german else f"possible {sentence}"
        sentences.append(sentence)
    if "NORM" in codes:
        if not findings and codes["NORM"] >= 100:
            sentences.append("normales ekg" if german else "normal ecg")
        else:
            sentences.append("sonst normales ekg" if german else "otherwise normal ecg")
    if not sentences:
        sentences.append("ekg" if german else "trace only requested")
    return " ".join(sentences) if german else ". ".join(sentences) + "."
