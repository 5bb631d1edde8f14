"""The form of a result card: every part that reaches a path, a table or a sentence has a type, a size and no controls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, field_validator, model_validator

from bench import kinds, registry
from bench.cells.cell import Cell
from bench.cells.result import Result
from bench.reading.finite import not_finite
from bench.reading.path_part import is_path_part
from bench.signals.leads import LEADS
from bench.splitting.label_fractions import Rule

LARGEST_COUNT = 10**12
LONGEST_TEXT = 1_000_000
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""What steers a terminal, turns the direction of a line, or is no character at all."""


def unfit(card: Any) -> Iterator[str]:
    """What of a card may appear in no text and no digest, in words."""
    for path, value in not_finite(card):
        yield f"{_plain(path)}: {value} is not a finite number"
    waiting = [card]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, str) and (_CONTROLS.search(item) or len(item) > LONGEST_TEXT):
            yield f"a text holds control characters, or is longer than {LONGEST_TEXT:,}: {_plain(item)[:60]!r}"
        elif isinstance(item, int) and abs(item) > LARGEST_COUNT**2:
            yield f"a number has {len(str(abs(item)))} digits"


def _plain(text: str) -> str:
    return _CONTROLS.sub("?", text)


def _path_part(text: str) -> str:
    if not is_path_part(text):
        raise ValueError("expected letters, digits and _ . + @ = -, the first a letter, digit or _")
    return text


def _file_name(text: str) -> str:
    """A user may name the folder of a checkpoint freely; the name leads nowhere else."""
    if text in ("", ".", "..") or set(text) & {"/", "\\"} or len(text) > 255:
        raise ValueError("expected the name of a folder, without the folders above it")
    return text


Name = Annotated[str, AfterValidator(_path_part)]
Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]

HEX = r"^[0-9a-f]{32}$"
LEFT_OUT = ("schema", "folder", "predictions_digest", "level")
"""Fields of a result that a card says otherwise, or not at all."""


def _registered_kind(name: str) -> str:
    if kinds.known(name) is None:
        raise ValueError(f"{name!r} is no kind of task known here ({', '.join(registry.entries(registry.KINDS))})")
    return name


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EstimateCard(_Strict):
    value: FiniteFloat | None
    low: FiniteFloat | None
    high: FiniteFloat | None


class ScoreCard(_Strict):
    kind: Annotated[str, AfterValidator(_registered_kind)]
    metrics: dict[str, EstimateCard] = Field(min_length=1)
    per_class: dict[str, dict[str, float | None]]
    left_out: list[str]
    thresholds: dict[str, float | None] | None
    n_records: int = Field(ge=1, le=LARGEST_COUNT)
    n_clusters: int = Field(ge=1, le=LARGEST_COUNT)
    support: dict[str, int]
    bootstrap: int = Field(ge=0, le=LARGEST_COUNT)
    seed: int
    notes: list[str]


class SplitCard(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
    digest: str = Field(pattern=HEX)
    complete: bool
    fold: int = Field(ge=0, le=LARGEST_COUNT)

    @model_validator(mode="after")
    def _absent(self) -> Self:
        absent = (self.model_extra or {}).get("classes_absent_from_training") or []
        if not (isinstance(absent, list) and all(isinstance(name, str) for name in absent)):
            raise ValueError("classes_absent_from_training: expected a list of names")
        return self


class _Loose(BaseModel):
    """Fields that tables read, of an object that may hold any others."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


class _CellForm(_Strict):
    method: Name
    task: Name
    mode: Name
    leads: list[Literal[LEADS]] = Field(min_length=1)
    fraction: float = Field(gt=0, le=1)
    seed: int = Field(ge=0, le=LARGEST_COUNT)
    fold: int = Field(ge=0, le=LARGEST_COUNT)
    fraction_rule: Rule = "stratified"
    draw: int = Field(default=0, ge=0, le=LARGEST_COUNT)
    training: int = Field(default=0, ge=0, le=LARGEST_COUNT)


class _DatasetForm(_Loose):
    name: str
    version: str | None = None
    digest: str | None = None
    fs: float | None = None
    n_skipped: Count | None = None
    n_doubtful: Count | None = None
    tested_on: _DatasetForm | None = None


class _SelectionForm(_Loose):
    records: Count | None = None
    blocks: list[str] = []


class _CorpusForm(_Loose):
    dataset: str | None = None
    store: str | None = None
    data: Literal["real", "simulated"] | None = None


class _CollapseForm(_Loose):
    rank: float
    untrained: float


class _CheckpointForm(_Loose):
    name: Annotated[str, AfterValidator(_file_name)] | None = None
    key: str | None = None
    weights_sha256: str | None = None
    corpus: _CorpusForm | None = None
    seconds: float | None = None
    energy_kwh: float | None = None
    finished: str | None = None
    collapsed: _CollapseForm | None = None


class _ConfigForm(_Loose):
    __pydantic_extra__: dict[str, dict[str, Any]]


Fraction = Annotated[float, Field(ge=0, le=1)]


class _TextCeilingForm(_Loose):
    corpus: str
    text: str | None = None
    value: Fraction | None = None
    low: Fraction | None = None
    high: Fraction | None = None
    missing: str | None = None


class _EvidenceForm(_Loose):
    tested: Count | None = None
    test_records: Count | None = None
    text_ceiling: _TextCeilingForm | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if "tested" in self.model_fields_set and (self.tested is None or self.test_records is None):
            raise ValueError("expected both tested and test_records as numbers, or neither")
        return self


class _SweepForm(_Loose):
    space: dict[str, Any]
    sampler: str
    trials: int


class _ProvenanceForm(_Loose):
    started: str = ""
    git_commit: str | None = None
    protocol: str | None = None
    overrides: list[str] | None = None
    sweep: _SweepForm | None = None
    ceiling: dict[str, float] | None = None
    parameters: float | None = None
    gflops: float | None = None
    recordings_per_second: float | None = None
    seconds: dict[str, float] | None = None
    energy_kwh: float | None = None
    files: dict[str, str] | None = None


class CountsCard(_Strict):
    train: int = Field(ge=0, le=LARGEST_COUNT)
    validation: int = Field(ge=0, le=LARGEST_COUNT)
    test: int = Field(ge=1, le=LARGEST_COUNT)
    expected: dict[str, int] | None


class PredictionsCard(_Strict):
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Card(_Strict):
    """One finished cell. ``digest`` is over everything else in the card."""

    card: Literal[1]
    result_schema: int
    key: str = Field(pattern=HEX)
    cell: dict[str, Any]
    profile: Literal["paper", "small", "smoke"]
    data: Literal["real", "simulated"]
    score: ScoreCard
    counts: CountsCard
    split: SplitCard
    dataset: dict[str, Any]
    checkpoint: dict[str, Any]
    config: dict[str, Any]
    selection: dict[str, Any]
    inputs: dict[str, Any]
    seen: dict[str, Any]
    contamination: Literal["none", "declared", "same dataset", "test records", "unknown"]
    contamination_evidence: dict[str, Any]
    provenance: dict[str, Any]
    predictions: PredictionsCard
    digest: str = Field(pattern=HEX)

    @field_validator("cell")
    @classmethod
    def _cell(cls, value: dict[str, Any]) -> dict[str, Any]:
        _CellForm.model_validate(value, strict=True)
        return value

    @field_validator("dataset", "checkpoint", "config", "selection", "contamination_evidence", "provenance")
    @classmethod
    def _read_by_tables(cls, value: dict[str, Any], info: Any) -> dict[str, Any]:
        _FORMS[info.field_name].model_validate(value)
        return value

    def result(self) -> Result:
        """The result that the card is of; its predictions are elsewhere."""
        value = self.model_dump(mode="json")
        named = {field.name for field in fields(Result)} - set(LEFT_OUT)
        values = {name: value[name] for name in named}
        return Result(
            **(values | {"cell": Cell.from_dict(self.cell)}),
            schema=self.result_schema,
            predictions_digest=self.predictions.sha256,
        )


_FORMS: dict[str, type[BaseModel]] = {
    "dataset": _DatasetForm,
    "checkpoint": _CheckpointForm,
    "config": _ConfigForm,
    "selection": _SelectionForm,
    "contamination_evidence": _EvidenceForm,
    "provenance": _ProvenanceForm,
}
