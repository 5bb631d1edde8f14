"""Entity mining: what reports are read to say, and the vocabulary and labels made of it."""

from __future__ import annotations

import ast
import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.errors import ConfigError, DataError
from methods.text.entities import EntityConfig, EntityMiner, LexiconExtractor, Vocabulary, entity_labels
from methods.text.lexicon import Lexicon, default_lexicon, fold

STATEMENTS = Path(__file__).parents[4] / "shared/data/ptbxl/scp_statements.csv"
DIRECT = EntityConfig(superclasses=False)


@pytest.fixture(scope="module")
def direct() -> EntityMiner:
    return EntityMiner(DIRECT)


def found(report: str, **options) -> set[str]:
    return set(EntityMiner(EntityConfig(superclasses=False, **options)).entities([report])[0])


@pytest.mark.parametrize(
    ("report", "entities"),
    [
        ("Sinus rhythm. Normal ECG.", {"sinus rhythm", "normal ECG"}),
        ("Sinus rhythm with 1st degree A-V block", {"sinus rhythm", "first degree AV block"}),
        (
            "Left axis deviation. Inferior infarct - age undetermined.",
            {"left axis deviation", "inferior myocardial infarction"},
        ),
        ("RBBB with left anterior fascicular block", {"right bundle branch block", "left anterior fascicular block"}),
        ("Abnormal ECG", {"abnormal ECG"}),
        ("Borderline ECG", {"borderline ECG"}),
        (
            "Atrial fibrillation with rapid ventricular response",
            {"atrial fibrillation with rapid ventricular response"},
        ),
        ("Sinus tachycardia with PAC(s)", {"sinus tachycardia", "atrial premature complex"}),
        ("Ventricular premature complexes in a bigeminal pattern", {"ventricular bigeminy"}),
        ("Inferior/lateral T wave changes are nonspecific", {"inferolateral T wave changes"}),
        ("Inferior and lateral ST-T changes", {"inferior ST-T changes", "lateral ST-T changes"}),
        ("Inferior infarct, acute", {"acute inferior myocardial infarction"}),
        ("IV conduction defect", {"intraventricular conduction disturbance"}),
        ("Low QRS voltages in limb leads", {"low QRS voltage"}),
        ("Left ventricular hypertrophy by voltage only", {"voltage criteria for left ventricular hypertrophy"}),
        ("Prolonged QT interval", {"prolonged QT interval"}),
        ("Poor R wave progression - probable normal variant", {"poor R wave progression"}),
        ("A-V sequential pacemaker", {"dual chamber paced rhythm"}),
        ("anterior myocardial ischaemia", {"anterior ischemia"}),
        ("*** INFERIOR INFARCT - POSSIBLY ACUTE ***", {"acute inferior myocardial infarction"}),
        ("complete left bundle-branch block", {"complete left bundle branch block"}),
        ("Inferior+ant/septal T wave changes", {"inferior T wave changes", "septal T wave changes"}),
        ("QT interval long for rate", {"prolonged QT interval"}),
        ("trace only requested.", set()),
    ],
)
def test_machine_statements(direct, report, entities):
    assert direct.entities([report])[0] == entities


@pytest.mark.parametrize(
    ("report", "entities"),
    [
        ("sinusrhythmus linkstyp sonst normales ekg", {"sinus rhythm", "left axis deviation", "normal ECG"}),
        ("sinusrhythmus unvollstÄndiger rechtsschenkelblock", {"sinus rhythm", "incomplete right bundle branch block"}),
        ("mÄssige amplitudenkriterien f#r linkshypertrophie", {"voltage criteria for left ventricular hypertrophy"}),
        (
            "vorhofflimmern qrs(t) abnormal    inferiorer infarkt     alter unbest.",
            {"atrial fibrillation", "abnormal QRS", "inferior myocardial infarction"},
        ),
        ("ventrikulÄre extrasystole(n), bigeminus sinusrhythmus", {"ventricular bigeminy", "sinus rhythm"}),
        ("unspezifische intraventrikulÄre leitungsstÖrung", {"intraventricular conduction disturbance"}),
        ("sinusrytm vÄnster kammarhypertrofi", {"sinus rhythm", "left ventricular hypertrophy"}),
        ("septaler infarkt nicht auszuschliessen", {"septal myocardial infarction"}),
        ("kein inferiorer infarkt", set()),
    ],
)
def test_german_and_swedish_reports(direct, report, entities):
    assert direct.entities([report])[0] == entities


@pytest.mark.parametrize(
    ("report", "status"),
    [
        ("inferior infarct", "affirmed"),
        ("no inferior infarct", "negated"),
        ("sinus rhythm without evidence of inferior infarct", "negated"),
        ("no ST elevation, left bundle branch block or inferior infarct", "negated"),
        ("no ectopy, inferior infarct", "affirmed"),
        ("no ischemia but inferior infarct", "affirmed"),
        ("inferior infarct is not seen", "negated"),
        ("inferior infarct has resolved", "negated"),
        ("no significant change. inferior infarct", "affirmed"),
        ("no significant change inferior infarct", "affirmed"),
        ("possible inferior infarct", "hedged"),
        ("cannot rule out inferior infarct - age undetermined", "hedged"),
        ("inferior infarct cannot be excluded", "hedged"),
        ("inferior infarct with borderline left axis deviation", "affirmed"),
        ("inferior infarct, possible ischemia", "affirmed"),
        ("Q waves may be due to inferior infarct", "hedged"),
        ("Q waves may be due to hypertrophy and/or inferior infarct", "conjecture"),
        ("compared with tracing of 12:9:91", None),
        ("rhythm was previously inferior infarct", "past"),
    ],
)
def test_how_a_mention_is_meant(report, status):
    mentions = LexiconExtractor().mentions(report)
    assert {m.status for m in mentions if m.entity == "inferior myocardial infarction"} == (
        {status} if status else set()
    )


def test_hedged_findings_count_unless_told_otherwise():
    report = "Possible left atrial enlargement. Sinus rhythm."
    assert found(report) == {"left atrial enlargement", "sinus rhythm"}
    assert found(report, hedged="absent") == {"sinus rhythm"}


def test_merging_is_a_switch():
    assert found("LBBB") == found("left bundle branch block") == {"left bundle branch block"}
    assert found("LBBB", merge=False) == {"lbbb"}
    assert found("left bundle branch block", merge=False) == {"left bundle branch block"}


def test_superclasses_are_a_switch():
    everything = EntityMiner().entities(["anteroseptal myocardial infarction"])[0]
    assert everything == {
        "anteroseptal myocardial infarction",
        "anterior myocardial infarction",
        "myocardial infarction",
    }
    assert found("anteroseptal myocardial infarction") == {"anteroseptal myocardial infarction"}
    unmerged = EntityMiner(EntityConfig(merge=False)).entities(["LBBB"])[0]
    assert unmerged == {"lbbb", "bundle branch block", "conduction disturbance"}


def test_table_5_of_kmerl_is_in_the_vocabulary():
    table = """prolonged qt interval; arrhythmia; first degree av block; anterior myocardial infarction; st elevation;
    ventricular premature complex; conduction disturbance; second degree av block; hypertrophy; st depression;
    atrial premature complex; prolonged pr interval; t wave abnormalities; premature complex; atrial fibrillation;
    sinus tachycardia; sinus arrhythmia; sinus bradycardia; atrial flutter; supraventricular tachycardia;
    abnormal q wave; av block; left bundle branch block; myocardial infarction; right bundle branch block;
    st-t changes; t wave changes; ventricular bigeminy; atrial tachycardia"""
    names = EntityMiner().lexicon.entities
    for name in table.split(";"):
        assert " ".join(name.split()) in [entity.lower() for entity in names]


@pytest.fixture(scope="module")
def scp_statements() -> dict[str, dict[str, str]]:
    if not STATEMENTS.exists():
        pytest.skip(f"no PTB-XL statements at {STATEMENTS}")
    with STATEMENTS.open() as file:
        rows = list(csv.reader(file))
    return {row[0]: dict(zip(rows[0][1:], row[1:], strict=True)) for row in rows[1:]}


def test_every_scp_statement_maps_to_one_entity_of_its_own(scp_statements, direct):
    named = {code: direct.entities([row["description"]])[0] for code, row in scp_statements.items()}
    assert len(named) == 71
    assert {code: names for code, names in named.items() if len(names) != 1} == {}
    assert len(frozenset().union(*named.values())) == 71


def test_superclasses_agree_with_scp_diagnostic_classes(scp_statements):
    miner = EntityMiner()
    superclass = {
        "NORM": "normal ECG",
        "MI": "myocardial infarction",
        "STTC": "ST-T changes",
        "CD": "conduction disturbance",
        "HYP": "hypertrophy",
    }
    for code, row in scp_statements.items():
        names = miner.entities([row["description"]])[0]
        have = {diagnostic for diagnostic, name in superclass.items() if name in names}
        if row["diagnostic"]:
            assert have == {row["diagnostic_class"]}, code
        else:  # a form or rhythm statement is no diagnosis, but may describe ST and T
            assert have <= {"STTC"}, code


def test_class_names_of_ptbxl_are_nearest_to_their_entities(minilm):
    """A zero-shot query is answered by the entity it resembles: the five superclasses must each find their own."""
    queries = {
        "normal ECG": "normal ECG",
        "myocardial infarction": "myocardial infarction",
        "ST/T change": "ST-T changes",
        "conduction disturbance": "conduction disturbance",
        "hypertrophy": "hypertrophy",
    }
    names = EntityMiner().lexicon.entities
    entities = torch.nn.functional.normalize(minilm.encode(names), dim=1)
    nearest = torch.nn.functional.normalize(minilm.encode(list(queries)), dim=1) @ entities.T
    assert {query: names[int(row.argmax())] for query, row in zip(queries, nearest, strict=True)} == queries


def test_labels_of_a_corpus():
    reports = ["sinus rhythm. normal ECG.", "sinus rhythm. LBBB.", "sinus rhythm. normal ECG.", "nothing of note"]
    miner = EntityMiner()
    vocabulary = miner.vocabulary(reports)
    assert vocabulary.names == (
        "normal ECG",
        "sinus rhythm",
        "conduction disturbance",
        "bundle branch block",
        "left bundle branch block",
    )
    labels = miner.label_matrix(reports, vocabulary)
    assert labels.dtype == np.uint8
    assert labels.tolist() == [[1, 1, 0, 0, 0], [0, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]]
    frequent = EntityMiner(EntityConfig(min_count=2)).vocabulary(reports)
    assert frequent.names == ("normal ECG", "sinus rhythm")
    assert miner.label_matrix(["atrial flutter"], frequent).sum() == 0


def test_vocabularies_of_other_stages_do_not_mix():
    reports = ["sinus rhythm"]
    vocabulary = EntityMiner().vocabulary(reports)
    assert vocabulary.digest == EntityMiner().vocabulary(reports).digest
    assert vocabulary.digest != EntityMiner(DIRECT).vocabulary(reports).digest
    with pytest.raises(ConfigError, match="mined by"):
        EntityMiner(DIRECT).label_matrix(reports, vocabulary)
    with pytest.raises(ConfigError, match="twice"):
        Vocabulary(("a", "a"), "1")
    with pytest.raises(DataError, match="no entity is found in at least 1 of 1 reports"):
        EntityMiner().vocabulary(["trace only requested"])


def test_another_extractor_takes_the_lexicons_place():
    class Fixed:
        version = "fixed-1"

        def extract(self, reports):
            return [("LBBB", "left ventricular noncompaction") for _ in reports]

    miner = EntityMiner(DIRECT, extractor=Fixed())
    assert miner.vocabulary(["x"]).names == ("left bundle branch block", "left ventricular noncompaction")
    assert "fixed-1" in miner.version


def test_folding():
    assert fold("T-Waves, Ischämie & ischaemia; complex(es) verlÄngerung f#r axis") == [
        "t", "wave", ",", "ischemie", "ischemia", "complex", "verlengerung", "fuer", "axis",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("version: '1'\nentities:\n- {name: a, terms: [x]}\n- {name: b, terms: [x]}", "means both"),
        ("version: '1'\nentities:\n- {name: a, parents: [b]}", "not an entity"),
        ("version: '1'\nentities:\n- {name: a, parents: [b]}\n- {name: b, parents: [a]}", "cycle"),
        ("version: '1'\nentities:\n- {name: a, terms: [<x> y]}", "macro"),
        ("version: '1'\nentities:\n- {name: a, words: [y]}", "words"),
        ("version: [", "not YAML"),
    ],
)
def test_a_broken_lexicon_is_refused(tmp_path, content, message):
    path = tmp_path / "entities.yaml"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        Lexicon(path)


def test_size_of_the_shipped_lexicon():
    lexicon = default_lexicon()
    assert 200 <= len(lexicon.entities) <= 300  # K-MERL: 277
    assert {"myocardial infarction", "conduction disturbance", "hypertrophy", "ST-T changes"} <= set(
        lexicon.superclasses
    )


def test_the_vocabulary_comes_from_training_reports_alone():
    reports = ["sinus rhythm", "atrial flutter", "sinus rhythm. LBBB", ""]
    vocabulary, labels = entity_labels(reports, np.array([True, False, False, True]), DIRECT)
    assert vocabulary.names == ("sinus rhythm",)
    assert labels.ravel().tolist() == [1, 0, 1, 0]


def test_reading_ptbxls_own_reports_agrees_with_its_codes(scp_statements):
    """500 real reports, most of them German, against the entities of the statements that cardiologists coded."""
    with STATEMENTS.with_name("ptbxl_database.csv").open() as file:
        rows = list(csv.DictReader(file))
    miner = EntityMiner()
    read = miner.entities([row["report"] for row in rows])
    coded = miner.entities(
        [". ".join(scp_statements[code]["description"] for code in ast.literal_eval(row["scp_codes"])) for row in rows]
    )
    for name, sensitivity, precision in [
        ("sinus rhythm", 0.98, 0.98), ("normal ECG", 0.8, 0.9), ("atrial fibrillation", 0.95, 0.8),
        ("conduction disturbance", 0.8, 0.85), ("bundle branch block", 0.85, 0.9), ("premature complex", 0.9, 0.6),
        ("ST-T changes", 0.8, 0.85), ("myocardial infarction", 0.6, 0.75), ("hypertrophy", 0.6, 0.6),
    ]:  # fmt: skip
        both = sum(name in a and name in b for a, b in zip(read, coded, strict=True))
        assert both >= sensitivity * sum(name in b for b in coded), name
        assert both >= precision * sum(name in a for a in read), name
