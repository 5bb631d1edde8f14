"""CQA text: the knowledge base, who is described, and every distinct statement asked about once."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.errors import DataError
from methods.text import cqa
from methods.text.cqa import CQAConfig, cqa_texts, demographics, paragraphs
from methods.text.endpoint import EndpointConfig
from methods.text.statements import statements_of
from methods.text.waveforms import WaveformKnowledge, default_knowledge

SCP = Path(__file__).parents[3] / "tasks/datasets/scp_statements.csv"


def test_every_scp_statement_has_leads_waveform_and_a_citation():
    with SCP.open(newline="") as file:
        published = {row[0]: row[1] for row in csv.reader(file) if row[0]}
    knowledge = default_knowledge()
    assert {code: entry.statement for code, entry in knowledge.statements.items()} == published
    for code, entry in knowledge.statements.items():
        assert entry.leads, code
        assert len(entry.waveform.split()) >= 6, code
        citation = knowledge.sources[entry.source]
        assert any(year in citation for year in map(str, range(2000, 2026))), code
    assert len({entry.paragraph for entry in knowledge.statements.values()}) == len(published)


def test_every_statement_is_found_by_its_own_words():
    knowledge = default_knowledge()
    for entry in knowledge.statements.values():
        assert entry in knowledge.find(entry.statement), entry.statement


def test_a_wording_finds_its_entry_and_a_denial_none():
    knowledge = default_knowledge()
    codes = {entry.statement: code for code, entry in knowledge.statements.items()}
    found = {text: [codes[e.statement] for e in knowledge.find(text)] for text in (
        "LBBB", "Atrial fibrillation with rapid ventricular response", "no atrial fibrillation", "xyz", "vorhofflimmern"
    )}  # fmt: skip
    assert found == {
        "LBBB": ["CLBBB"],
        "Atrial fibrillation with rapid ventricular response": ["AFIB"],
        "no atrial fibrillation": [],
        "xyz": [],
        "vorhofflimmern": ["AFIB"],
    }


def test_a_knowledge_base_that_cites_nothing_is_refused(tmp_path):
    path = tmp_path / "waveforms.yaml"
    path.write_text(
        "version: '1'\nsources: {a: b}\nstatements: {SR: {statement: s, leads: II, waveform: w, source: c}}"
    )
    with pytest.raises(DataError, match="SR cites 'c'"):
        WaveformKnowledge(path)
    path.write_text("version: '1'")
    with pytest.raises(DataError, match="statements"):
        WaveformKnowledge(path)


@pytest.mark.parametrize(
    ("age", "sex", "sentence"),
    [
        (63.0, "male", "The patient is a 63-year-old man."),
        (63, 1, "The patient is a 63-year-old woman."),
        (300, 0.0, "The patient is a man over 89 years old."),
        (np.nan, "Female", "The patient is a woman."),
        (41, "", "The patient is a 41-year-old person."),
        (None, None, ""),
        (-1, np.nan, ""),
    ],
)
def test_demographics_say_what_is_known(age, sex, sentence):
    assert demographics(age, sex) == sentence


def test_statements_are_taken_apart_and_said_once():
    assert statements_of("Sinus rhythm. QRS 0.12 s; sinus  rhythm\nSinus rhythm.") == [
        "Sinus rhythm", "QRS 0.12 s", "sinus rhythm",
    ]  # fmt: skip
    assert statements_of(" ") == []


def test_the_text_begins_with_the_patient_and_ends_with_the_waveforms():
    records = pd.DataFrame({"age": [70.0, 50.0], "sex": ["female", "male"]})
    first, second = cqa_texts(["sinus rhythm. complete right bundle branch block.", ""], records)
    head, heading, *rest = first.splitlines()
    assert head == (
        "The patient is a 70-year-old woman. ECG Findings: sinus rhythm, complete right bundle branch block."
    )
    assert heading == "Potential ECG waveforms:"
    assert len(rest) == 2
    assert "rsR' in V1 to V2" in rest[1]
    assert second == ""
    bare = CQAConfig(demographics=False, waveforms=False)
    assert cqa_texts(["sinus rhythm."], records[:1], bare) == ["ECG Findings: sinus rhythm."]
    assert cqa_texts(["sinus rhythm."], pd.DataFrame(index=[0]), bare) == ["ECG Findings: sinus rhythm."]


def test_an_endpoint_is_asked_once_for_each_distinct_statement(monkeypatch, tmp_path):
    asked = []

    class Endpoint:
        def __init__(self, config, directory):
            assert directory == tmp_path

        def ask_all(self, questions):
            asked.extend(questions)
            return [None if "xyz" in question.user else question.answer(waveform="wide\nQRS") for question in questions]

    monkeypatch.setattr(cqa, "ChatEndpoint", Endpoint)
    config = CQAConfig(endpoint=EndpointConfig(url="http://localhost:1/v1", model="m"))
    reports = ["sinus rhythm. xyz.", "sinus rhythm.", "xyz. left bundle branch block."]
    with pytest.warns(UserWarning, match="1 of 3 statements"):
        texts = cqa_texts(reports, pd.DataFrame(index=range(3)), config, cache=tmp_path)
    assert [question.user.splitlines()[0] for question in asked] == [
        "Finding: sinus rhythm", "Finding: xyz", "Finding: left bundle branch block",
    ]  # fmt: skip
    assert "P wave" in asked[0].user  # the knowledge base is the reference
    assert texts[0] == "ECG Findings: sinus rhythm, xyz.\nPotential ECG waveforms:\nwide QRS"
    assert paragraphs(["xyz"]) == {"xyz": ""}
