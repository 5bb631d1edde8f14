"""Entity mining by a language model: K-MERL's four questions (section 3.4), asked of any OpenAI-compatible endpoint.

The questions are the paper's in our own words. Extraction and verification are asked per report and make an
EntityExtractor; merging and superclasses are asked once per corpus and make a lexicon file.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel

from bench.errors import BenchError
from bench.reading.yaml_file import read_yaml
from methods.text.endpoint import ChatEndpoint, Estimate, Question
from methods.text.lexicon import DEFAULT_LEXICON, Lexicon, alternatives, fold

_EXTRACT = (
    "You read reports of 12-lead electrocardiograms. List every cardiac entity that the report states as present: "
    "rhythms, conduction disturbances, infarctions, hypertrophies, waveform abnormalities and the like. Leave out what "
    "the report denies. Copy each entity word for word from the report; add none that is not there. "
    'Answer in JSON: {"entities": ["...", "..."]}; an empty list if there is none.'
)
_VERIFY = (
    "You check a list of entities drawn from an electrocardiogram report. For each, say YES if the report really "
    "mentions it and states it as present, otherwise NO. "
    'Answer in JSON: {"verdicts": {"entity": "YES", "another": "NO"}}, with every entity of the list as a key.'
)
_MERGE = (
    "You are given names of cardiac entities collected from electrocardiogram reports. Names that mean the same but "
    "are worded differently get one common name, the one a cardiologist would use; all others keep theirs. "
    'Answer in JSON: {"merged": {"name": "common name"}}, with every given name as a key.'
)
_AGGREGATE = (
    "You are given names of cardiac entities. Find the superclasses that group them: broader diagnoses of which "
    "several of the names are subtypes. "
    'Answer in JSON: {"superclasses": {"superclass": ["name", "name"]}}, using only given names as members.'
)


class Extracted(BaseModel):
    """Stage one, for one report."""

    entities: list[str]


class Verified(BaseModel):
    """Stage two, for one report."""

    verdicts: dict[str, Literal["YES", "NO"]]


class Merged(BaseModel):
    """Stage three, for a corpus."""

    merged: dict[str, str]


class Aggregated(BaseModel):
    """Stage four, for a corpus."""

    superclasses: dict[str, list[str]]


class LanguageModelExtractor:
    """Stages one and two by a language model.

    Whatever the model answers, an entity counts only if its words are in the report, one after the other: a
    model cannot add one. ``invented`` counts those that were refused.

    Args:
        endpoint: asks, retries, remembers.
        verify: ask the second question too (K-MERL does).
        allowed_failures: share of reports that may go without a usable answer; they get no entity, with a warning.
    """

    def __init__(self, endpoint: ChatEndpoint, verify: bool = True, allowed_failures: float = 0.001):
        self.endpoint = endpoint
        self.verify = verify
        self.allowed_failures = allowed_failures
        self.invented: Counter[str] = Counter()

    @property
    def version(self) -> str:
        questions = _EXTRACT + (_VERIFY if self.verify else "")
        return f"llm-{self.endpoint.config.model}-{hashlib.sha256(questions.encode()).hexdigest()[:12]}"

    def estimate(self, reports: Sequence[str], probe: int = 0) -> Estimate:
        """What ``extract`` would take for its first question; the second costs about as much again."""
        return self.endpoint.estimate([_extraction(report) for report in _asked(reports)], probe=probe)

    def extract(self, reports: Sequence[str]) -> list[tuple[str, ...]]:
        """For every report the entities it states as present, in its own words.

        Raises:
            EndpointDown, ConfigError: the endpoint is down or refuses; answers so far are kept.
            BenchError: more reports than allowed went without a usable answer.
        """
        distinct = _asked(reports)
        answers = self.endpoint.ask_all([_extraction(report) for report in distinct])
        present = {
            report: self._in_report(answer.entities, report)
            for report, answer in zip(distinct, answers, strict=True)
            if answer is not None
        }
        if self.verify:
            doubted = [report for report, entities in present.items() if entities]
            verdicts = self.endpoint.ask_all([_verification(report, present[report]) for report in doubted])
            for report, verdict in zip(doubted, verdicts, strict=True):
                if verdict is None:
                    del present[report]
                    continue
                confirmed = {" ".join(fold(name)) for name, answer in verdict.verdicts.items() if answer == "YES"}
                present[report] = tuple(name for name in present[report] if " ".join(fold(name)) in confirmed)
        self._check_failures(len(distinct) - len(present), len(distinct))
        return [present.get(report, ()) for report in reports]

    def _in_report(self, entities: Iterable[str], report: str) -> tuple[str, ...]:
        words = f" {' '.join(fold(report))} "
        wordings: dict[str, str] = {}
        for entity in entities:
            wording = " ".join(fold(entity))
            if wording and f" {wording} " in words:
                wordings.setdefault(wording, " ".join(entity.split()))
            else:
                self.invented[entity] += 1
        return tuple(wordings.values())

    def _check_failures(self, failed: int, n_reports: int) -> None:
        if failed > self.allowed_failures * n_reports:
            raise BenchError(
                f"{self.endpoint.config.model} gave no usable answer for {failed} of {n_reports} reports, more than "
                f"the {self.allowed_failures:.2%} allowed. The others are kept: run again to ask for these once more, "
                f"raise the endpoint's attempts, or use a larger model."
            )
        if failed:
            warnings.warn(
                f"{failed} of {n_reports} reports went without a usable answer and have no entity.", stacklevel=3
            )


def mine_lexicon(wordings: Iterable[str], endpoint: ChatEndpoint, path: Path) -> Lexicon:
    """Stages three and four: merges wordings, groups them, and writes both as a lexicon file.

    Names the model leaves out keep their own; names and members it invents are ignored. The cues of negation and the
    like are those of the lexicon that ships with the project, so that the file also serves without a model.

    Args:
        wordings: all entities that an extractor found in a corpus.
        path: the file to write, in the layout of entities.yaml.
    """
    known: dict[str, str] = {}  # folded -> first wording
    for wording in wordings:
        known.setdefault(_plain(wording), wording)
    names = sorted(known.values())
    merged = endpoint.ask(Question(_MERGE, json.dumps(names, ensure_ascii=False), Merged)).merged
    common = {_plain(name): " ".join(target.split()) or name for name, target in merged.items()}
    terms: dict[str, list[str]] = {}
    spelled: dict[str, str] = {}  # the model may spell one common name in two ways
    for plain, wording in sorted(known.items()):
        name = common.get(plain, wording)
        terms.setdefault(spelled.setdefault(_plain(name), name), []).append(plain)
    answer = endpoint.ask(Question(_AGGREGATE, json.dumps(sorted(terms), ensure_ascii=False), Aggregated))
    parents: dict[str, list[str]] = {name: [] for name in terms}
    for superclass, members in sorted(answer.superclasses.items()):
        group = spelled.setdefault(_plain(superclass), " ".join(superclass.split()))
        for member in members:
            name = spelled.get(_plain(member), "")
            if name in terms and name != group and not _above(parents, group, name):
                parents.setdefault(group, [])
                parents[name].append(group)
    taken = {*known, *map(_plain, parents)}
    shipped: dict[str, list[str]] = read_yaml(DEFAULT_LEXICON)["cues"]
    cues = {
        cue: [wording for pattern in patterns for wording in alternatives(pattern) if _plain(wording) not in taken]
        for cue, patterns in shipped.items()
    }
    entities = [{"name": n, "terms": terms.get(n, []), "parents": sorted(set(p))} for n, p in sorted(parents.items())]
    content = {"version": f"mined by {endpoint.config.model}", "entities": entities, "cues": cues}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120), encoding="utf-8")
    partial.replace(path)
    return Lexicon(path)


def _asked(reports: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(report for report in reports if report.strip()))


def _extraction(report: str) -> Question[Extracted]:
    return Question(_EXTRACT, f"Report: {report}", Extracted)


def _verification(report: str, entities: Sequence[str]) -> Question[Verified]:
    listed = json.dumps(list(entities), ensure_ascii=False)
    return Question(_VERIFY, f"Report: {report}\nEntities: {listed}", Verified)


def _plain(wording: str) -> str:
    return " ".join(word for word in fold(wording) if word != ",")


def _above(parents: dict[str, list[str]], name: str, ancestor: str) -> bool:
    """Whether ``ancestor`` is already above ``name``: a second edge the other way would close a circle."""
    return any(parent == ancestor or _above(parents, parent, ancestor) for parent in parents.get(name, ()))
