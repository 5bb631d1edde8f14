"""PTB-XL's texts: statements with and without likelihoods, reports by language."""

import json

import pandas as pd
import pytest

from bench.errors import ConfigError
from tasks.datasets.ptbxl import PTBXL
from tasks.datasets.report_language import language_of

RECORDS = pd.DataFrame(
    {
        "scp_codes": [json.dumps(c) for c in ({"SR": 0.0, "IMI": 50.0, "NDT": 100.0}, {"NORM": 80.0}, {"AFIB": 0.0})],
        "diagnostic": [["IMI", "NDT"], ["NORM"], []],
        "statements": [
            ["inferior myocardial infarction", "non-diagnostic T abnormalities", "sinus rhythm"],
            ["normal ECG"],
            ["atrial fibrillation"],
        ],
        "report": [
            "sinusrhythmus qrs(t) abnormal inferiorer infarkt möglich",
            "sinus rhythm. normal ecg.",
            "förmaksflimmer med hög kammarfrekvens",
        ],
    }
)


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        (
            "likelihoods",
            [
                "inferior myocardial infarction (50 %). non-diagnostic T abnormalities (100 %). sinus rhythm.",
                "normal ECG (80 %).",
                "atrial fibrillation.",
            ],
        ),
        ("report-german", ["sinusrhythmus qrs(t) abnormal inferiorer infarkt möglich", "", ""]),
        ("report-english", ["", "sinus rhythm. normal ecg.", ""]),
        (
            "english",
            [
                "inferior myocardial infarction. non-diagnostic T abnormalities. sinus rhythm.",
                "sinus rhythm. normal ecg.",
                "atrial fibrillation.",
            ],
        ),
    ],
)
def test_texts_are_as_they_are_called(source, texts):
    assert source in PTBXL.text_sources
    assert PTBXL.text(RECORDS, source) == texts


def test_no_other_text_is_made_up():
    with pytest.raises(ConfigError, match=r"report, statements, likelihoods, english"):
        PTBXL.text(RECORDS, "french")


@pytest.mark.parametrize(
    ("report", "language"),
    [
        ("sinusrhythmus normales ekg", "German"),
        ("sinus arrhythmie linkstyp sonst normales ekg", "German"),
        ("sinus rhythm. normal ecg. Edit: NORM 100, diffuse T-Wellenveränderungen", "English"),
        ("trace only requested.", "English"),
        ("sinusrytm vÄnster el-axel normalt ekg", "Swedish"),
        ("sinusrhythmus r-s #bergang in v ableitungen nach links verschoben", "German"),
        ("qrs", ""),
        ("", ""),
    ],
)
def test_the_language_of_a_report(report, language):
    assert language_of(report) == language
