"""Zero-shot prompts: names, a template, entities, or a file in CKEPE's layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from bench import registry
from bench.errors import DataError
from methods.text.prompts import PromptConfig, prompts_for, read_prompt_file

CKEPE = Path(__file__).parents[4] / "shared/data/merl-splits/CKEPE_prompt.json"
NAMES = ["inferior myocardial infarction", "non-specific ST changes"]


def test_names_are_the_default_and_lower_case():
    assert prompts_for(NAMES) == ["inferior myocardial infarction", "non-specific st changes"]
    assert prompts_for(NAMES, PromptConfig(lower=False)) == NAMES


@pytest.mark.parametrize(
    ("method", "asked"),
    [
        ("etp", "this ECG indicates non-specific ST changes"),
        ("mets", "The ECG of non-specific ST changes, a type of diagnostic."),
        ("esi", "ECG Findings: non-specific ST changes."),
        ("merl", "non-specific st changes"),
        ("kmerl", "non-specific st changes"),
    ],
)
def test_prompts_are_in_the_case_of_their_papers(method, asked):
    """Lower case is MERL's, whose released code has it, and K-MERL's after it. A cased text encoder tells them apart."""
    config = registry.load(registry.METHODS, method).Config()
    assert prompts_for(NAMES[1:], config.prompts) == [asked]


def test_template():
    prompts = prompts_for(NAMES, PromptConfig(kind="template"))
    assert prompts[0] == "this ecg indicates inferior myocardial infarction"
    with pytest.raises(ValidationError, match="does not contain"):
        PromptConfig(template="an ECG")


def test_entities_stand_for_the_names_that_mean_them():
    prompts = prompts_for(
        ["long QT-interval", "WPW", "something unheard of"], PromptConfig(kind="entities", lower=False)
    )
    assert prompts == ["prolonged QT interval", "Wolff-Parkinson-White syndrome", "something unheard of"]


def test_a_file_is_asked_for_the_code_then_the_name(tmp_path):
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps({"IMI": "Q waves in II, III, aVF", "Non-specific ST changes": "unspecific ST"}))
    config = PromptConfig(kind="file", file=path)
    assert prompts_for(NAMES, config, codes=["IMI", "NST_"]) == ["q waves in ii, iii, avf", "unspecific st"]
    with pytest.raises(DataError, match="no prompt for class 'inferior myocardial infarction'"):
        prompts_for(NAMES, config)
    with pytest.raises(ValidationError, match="name the file"):
        PromptConfig(kind="file")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "found list"),
        ("{}", "expected one object"),
        ('{"IMI": ["a"]}', "prompt of 'IMI'"),
        ('{"IMI": " "}', "prompt of 'IMI'"),
        ("{", "not JSON"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path, content, message):
    path = tmp_path / "prompts.json"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_prompt_file(path)
    with pytest.raises(DataError, match="No such file"):
        read_prompt_file(tmp_path / "absent.json")


def test_the_released_ckepe_file():
    if not CKEPE.exists():
        pytest.skip(f"no prompts at {CKEPE}")
    assert len(read_prompt_file(CKEPE)) == 131
    codes = ["HYP", "NORM", "MI", "CD", "STTC", "NST_", "ISCAS", "ISCA", "LAFB/LPFB", "PRC(S)"]
    prompts = prompts_for(codes, PromptConfig(kind="file", file=CKEPE), codes=codes)
    assert len(set(prompts)) == len(codes)


def test_original_names_are_those_of_the_dataset():
    from tasks.ptbxl import PTBXLSubclass, PTBXLSuperclass

    original = PromptConfig(wording="original", lower=False)
    asked = prompts_for(PTBXLSuperclass().class_names, original)
    assert asked == ["hypertrophy", "normal ECG", "myocardial infarction", "conduction disturbance", "ST/T change"]
    described = prompts_for(PTBXLSuperclass().class_names, PromptConfig(lower=False))
    assert described == list(PTBXLSuperclass.classes.values())
    assert prompts_for(PTBXLSubclass().class_names, original) == list(PTBXLSubclass.classes.values())
    assert prompts_for(["plain text"], original) == ["plain text"]


def test_a_file_knows_a_class_by_its_code_under_either_wording(tmp_path):
    from bench.task import ClassName

    path = tmp_path / "prompts.json"
    path.write_text('{"CD": "a block"}')
    for wording in ("original", "described"):
        config = PromptConfig(kind="file", file=path, wording=wording)
        assert prompts_for([ClassName("long words", "CD", "conduction disturbance")], config) == ["a block"]
