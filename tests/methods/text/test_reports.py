"""Reports: MERL's cleaning to the letter, ours, and PTB-XL's two sources of text."""

from __future__ import annotations

import pytest

from bench.errors import DataError
from methods.text.reports import clean_report, merl_report, raw_report, statement_text

DESCRIPTIONS = {"IMI": "inferior myocardial infarction", "SR": "sinus rhythm", "LVH": "left ventricular hypertrophy"}


def test_merls_cleaning_case_by_case(golden):
    for case in golden("merl_reports.json"):
        cleaned = merl_report(case["fields"])
        assert (cleaned.text, cleaned.words, cleaned.kept) == (case["text"], case["n_words"], case["kept"])


def test_merl_leaves_absent_fields_out():
    assert merl_report(["Sinus rhythm", None, "", "Normal ECG"]).text == "sinus rhythm. normal ecg."
    assert merl_report([None]).text == "empty"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (["Sinus rhythm.", "*** ABNORMAL Ekg ***"], "sinus rhythm. abnormal ecg."),
        (["--- Warning: Data quality ---", "Sinus  rhythm\n"], "warning: data quality. sinus rhythm."),
        (["Inferior infarct - age undetermined"], "inferior infarct - age undetermined."),
        (["*** EXTENSIVE INFARCT *** with acute changes"], "extensive infarct with acute changes."),
        (["Sinus rhythm", "sinus rhythm."], "sinus rhythm."),
        (["=====", None, ""], ""),
    ],
)
def test_our_cleaning(fields, text):
    cleaned = clean_report(fields)
    assert cleaned.text == text
    assert cleaned.kept is bool(text)


def test_statements_as_text():
    codes = {"SR": 0.0, "LVH": 15.0, "IMI": 100.0}
    text = statement_text(codes, DESCRIPTIONS, diagnostic={"IMI", "LVH"})
    assert text == "left ventricular hypertrophy. inferior myocardial infarction. sinus rhythm."
    assert statement_text(codes, DESCRIPTIONS, {"IMI"}, at_least=50) == "inferior myocardial infarction."
    assert statement_text({}, DESCRIPTIONS, set()) == ""
    with pytest.raises(DataError, match="'XYZ' is not among the 3"):
        statement_text({"XYZ": 100.0}, DESCRIPTIONS, set())


def test_raw_report_is_without_the_editors_notes():
    assert raw_report("sinusrhythmus  linkstyp\n Edit: LVH 100, ISC, (f,26)") == "sinusrhythmus linkstyp"
    assert raw_report("sinusrhythmus 4.46   unbestÄtigter bericht") == "sinusrhythmus"
    assert raw_report("edited by hand") == "edited by hand"
