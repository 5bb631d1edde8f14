"""Rules of splits: which examples train, validate and test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Int64
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

from bench.errors import DataError
from bench.splitting.stratify import strata

if TYPE_CHECKING:
    from bench.task import Examples

PARTITIONS = ("train", "validation", "test")


@dataclass(frozen=True)
class Partition:
    """Rows of the task's examples, ascending unless the rule orders them."""

    train: Int64[np.ndarray, " train"]
    validation: Int64[np.ndarray, " validation"]
    test: Int64[np.ndarray, " test"]

    def items(self) -> list[tuple[str, Int64[np.ndarray, " rows"]]]:
        return [(name, getattr(self, name)) for name in PARTITIONS]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnRule(_Model):
    """Partitions named by the values of one column."""

    kind: Literal["column"]
    column: str
    train: list[int | str]
    validation: list[int | str]
    test: list[int | str]
    order: str | None = Field(None, description="column that orders the rows of a partition, as released subsets need")
    hint: str = Field(
        "",
        validation_alias=AliasChoices("hint", "cure"),
        description="how to get the column; shown where it is missing",
    )

    @property
    def n_folds(self) -> int:
        return 1

    def partition(self, examples: Examples, fold: int) -> Partition:
        for column in (self.column, *([self.order] if self.order else [])):
            if column not in examples.columns:
                columns = ", ".join(map(str, examples.columns.columns))
                raise DataError(
                    f"the split reads the column {column!r}; the records have {columns}. {self.hint}".strip()
                )
        values = examples.columns[self.column]
        rows = [np.flatnonzero(values.isin(getattr(self, name))).astype(np.int64) for name in PARTITIONS]
        if self.order:
            rank = examples.columns[self.order].to_numpy(np.int64)
            rows = [part_rows[np.argsort(rank[part_rows], kind="stable")] for part_rows in rows]
        return Partition(*rows)


class RepeatedStratifiedCV(_Model):
    """R x K cross-validation; fold ``r * folds + k`` tests on part k of repeat r."""

    kind: Literal["repeated-stratified-cv"]
    folds: int = Field(ge=2)
    seeds: list[int] = Field(min_length=1, description="one a repeat")
    validation: float = Field(
        0.2, gt=0, le=0.5, description="share of the training part: a half, a third, a quarter, ..."
    )

    @field_validator("validation")
    @classmethod
    def _one_of_equal_parts(cls, share: float) -> float:
        if abs(share * round(1 / share) - 1) > 0.01:
            raise ValueError(
                f"{share:g}: one of several equal parts validates; expected 0.5, 0.33, 0.25, 0.2 or another such share"
            )
        return share

    @property
    def n_folds(self) -> int:
        return self.folds * len(self.seeds)

    def partition(self, examples: Examples, fold: int) -> Partition:
        seed, part = self.seeds[fold // self.folds], fold % self.folds
        rows = np.arange(len(examples))
        rest, test = _stratified_fold(rows, examples, self.folds, seed, part)
        train, validation = _stratified_fold(rest, examples, round(1 / self.validation), seed, 0)
        return Partition(train, validation, test)


def _stratified_fold(
    rows: np.ndarray, examples: Examples, n_parts: int, seed: int, part: int
) -> tuple[np.ndarray, np.ndarray]:
    """(all other rows, the rows of one part) of a stratified cut that keeps patients whole."""
    from sklearn.model_selection import StratifiedGroupKFold

    patients = examples.patient_ids[rows]
    if len(np.unique(patients)) < n_parts:
        raise DataError(f"{len(np.unique(patients))} patients cannot be cut into {n_parts} parts; more are needed.")
    group = strata(examples.targets[rows], minimum=n_parts)
    if np.bincount(group).max() < n_parts:
        group = np.zeros_like(group)
    cuts = StratifiedGroupKFold(n_parts, shuffle=True, random_state=seed).split(rows, group, patients)
    rest, chosen = list(cuts)[part]
    return np.sort(rows[rest]).astype(np.int64), np.sort(rows[chosen]).astype(np.int64)
