"""ESI's Cardio Query Assistant (section 3.1): from a report to demographics, findings and their waveforms.

The text has the layout of ESI's released loader: a sentence with age and sex, ``ECG Findings:`` with the statements,
and under ``Potential ECG waveforms:`` a paragraph for every statement that something is known about. ESI asks a language
model over two textbooks: name an endpoint and a store of your own (``bench text ingest``) for that. Without a store the
endpoint is shown the knowledge base that ships with the project; without an endpoint, that is the paragraph. Anyone who
writes is asked once for every distinct statement.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.errors import BenchError, DataError
from methods.text.endpoint import ChatEndpoint, EndpointConfig, Question
from methods.text.statements import statements_of
from methods.text.textbooks import TOP, Textbooks
from methods.text.waveforms import WaveformKnowledge, default_knowledge

if TYPE_CHECKING:
    import pandas as pd

FINDINGS, WAVEFORMS = "ECG Findings:", "Potential ECG waveforms:"

_SYSTEM = (
    "You teach electrocardiography. Describe in one or two sentences how the given finding shows in a 12-lead ECG: "
    "which leads, which waves, and the criteria with their numbers. Rely on the reference where there is one; of several "
    "passages, use those that bear on the finding. Say nothing of treatment. "
    'Answer in JSON: {"waveform": "..."}.'
)


class CQAConfig(BaseModel):
    """What is added to a report."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    demographics: bool = Field(default=True, description="Age and sex in the first sentence; ESI 3.1.")
    waveforms: bool = Field(
        default=True, description="A paragraph for every statement; ESI 3.1, off in Table 5a (the report alone)."
    )
    endpoint: EndpointConfig | None = Field(
        default=None,
        description="Language model that writes the paragraphs, {url: ..., model: ...}; ESI has GPT-3.5. Default: the "
        "knowledge base.",
    )
    textbooks: Path | None = Field(
        default=None,
        description="Store of textbooks (bench text ingest), whose passages the language model receives; ESI has two "
        "books. Default: it receives the knowledge base.",
    )
    passages: int = Field(default=TOP, ge=1, description="Passages shown with each statement; ESI's released code.")
    textbooks_digest: str | None = Field(
        default=None,
        description="Digest of the store; filled in, so that keys follow its content, not its name.",
    )

    @model_validator(mode="after")
    def _know_the_textbooks(self) -> CQAConfig:
        if self.textbooks is None:
            return self
        if self.endpoint is None:
            raise ValueError(
                "cqa.textbooks are read by a language model: name one with cqa.endpoint={url: ..., model: ...}, or leave "
                "cqa.textbooks out to use the knowledge base"
            )
        if self.textbooks_digest is None:
            try:
                object.__setattr__(self, "textbooks_digest", Textbooks(self.textbooks).digest)
            except BenchError as error:
                raise ValueError(str(error)) from error
        return self


class _Described(BaseModel):
    waveform: str = Field(min_length=1)


def demographics(age: Any = None, sex: Any = None) -> str:
    """A sentence with what is known: "The patient is a 63-year-old man."; empty if nothing is.

    Args:
        age: years; missing, negative or not a number means unknown. PTB-XL writes 300 for anyone above 89.
        sex: ``male`` or ``female`` in any case, ``M`` or ``F``, or PTB-XL's 0 for male and 1 for female.
    """
    years = _number(age)
    who = {"male": "man", "m": "man", "0": "man", "female": "woman", "f": "woman", "1": "woman"}
    number = _number(sex)
    word = who.get(str(sex).strip().lower() if number is None else f"{number:g}", "")
    if years is None or years < 0:
        return f"The patient is a {word}." if word else ""
    if years > 120:
        return f"The patient is a {word or 'person'} over 89 years old."
    return f"The patient is a {years:.0f}-year-old {word or 'person'}."


def paragraphs(
    statements: Iterable[str],
    config: CQAConfig | None = None,
    knowledge: WaveformKnowledge | None = None,
    cache: Path | None = None,
) -> dict[str, str]:
    """Statement -> its paragraph, empty where nothing is known. Every distinct statement is asked about once.

    Args:
        cache: folder for an endpoint's answers, so that no statement is asked about twice.

    Raises:
        EndpointDown, ConfigError: from the endpoint. DataError: the textbooks are not those that the config names.
    """
    knowledge = knowledge or default_knowledge()
    known = {
        statement: " ".join(entry.paragraph for entry in knowledge.find(statement))
        for statement in dict.fromkeys(statements)
    }
    if config is None or config.endpoint is None:
        return known
    endpoint = ChatEndpoint(config.endpoint, cache)
    references = known if config.textbooks is None else _from_textbooks(list(known), config)
    questions = [
        Question(_SYSTEM, f"Finding: {statement}\nReference: {reference or 'none'}", _Described)
        for statement, reference in references.items()
    ]
    answers = endpoint.ask_all(questions)
    unanswered = sum(answer is None for answer in answers)
    if unanswered:
        warnings.warn(
            f"{config.endpoint.model} gave no usable description of {unanswered} of {len(questions)} statements; "
            f"they keep that of the knowledge base.",
            stacklevel=2,
        )
    return {
        statement: known[statement] if answer is None else " ".join(answer.waveform.split())
        for statement, answer in zip(known, answers, strict=True)
    }


def _from_textbooks(statements: Sequence[str], config: CQAConfig) -> dict[str, str]:
    """Statement -> the nearest passages of the user's textbooks, numbered, each with where it stands."""
    assert config.textbooks is not None
    books = Textbooks(config.textbooks)
    if books.digest != config.textbooks_digest:
        raise DataError(
            f"cqa.textbooks: {config.textbooks} holds other books than when this config was made "
            f"({config.textbooks_digest}, now {books.digest}). Name the store again to use its present content."
        )
    return {
        statement: "".join(f"\n[{i}] {passage.text} ({passage.citation})" for i, passage in enumerate(nearest, start=1))
        for statement, nearest in books.retrieve(statements, config.passages).items()
    }


def compose(first: str, statements: Sequence[str], described: Sequence[str]) -> str:
    """The text of one record, from its demographics, statements and their paragraphs, any of which may be empty."""
    return with_waveforms(f"{first} {FINDINGS} {', '.join(statements)}.".strip(), described)


def with_waveforms(text: str, described: Sequence[str]) -> str:
    """A text, and under a separate heading the paragraphs that are not empty, each once."""
    described = list(dict.fromkeys(paragraph for paragraph in described if paragraph))
    return "\n".join([text, WAVEFORMS, *described]) if described else text


def cqa_texts(
    reports: Sequence[str],
    records: pd.DataFrame,
    config: CQAConfig | None = None,
    knowledge: WaveformKnowledge | None = None,
    cache: Path | None = None,
) -> list[str]:
    """The text of every record; a record without a report keeps its empty one.

    Args:
        reports: one for every row of ``records``.
        records: with columns ``age`` and ``sex`` where the corpus has them (:func:`demographics`).
    """
    config = config or CQAConfig()
    statements_per_report = [statements_of(report) for report in reports]
    described: dict[str, str] = {}
    if config.waveforms:
        described = paragraphs(
            (statement for each in statements_per_report for statement in each), config, knowledge, cache
        )
    unknown = [None] * len(statements_per_report)
    ages = records["age"] if config.demographics and "age" in records else unknown
    sexes = records["sex"] if config.demographics and "sex" in records else unknown
    return [
        compose(demographics(age, sex), each, [described.get(statement, "") for statement in each]) if each else ""
        for each, age, sex in zip(statements_per_report, ages, sexes, strict=True)
    ]


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return None if number != number else number
