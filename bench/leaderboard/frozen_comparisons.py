"""``comparisons.json`` of a folder of frozen boards: the paired tests, which need predictions that the folder may lack."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.cells.result import Result
from bench.errors import DataError
from bench.leaderboard.board import load_board
from bench.leaderboard.card_form import HEX
from bench.leaderboard.cards import COMPARISONS
from bench.leaderboard.collect import collect
from bench.leaderboard.statistics.column_tests import read_p_values
from bench.leaderboard.statistics.comparisons import kept_names, ranks_of
from bench.reading.json_file import read_json
from bench.reading.text_file import said
from bench.storage.artifacts import digest, write_json

DIGITS = 4
"""Significant digits of a kept p value."""


def tests_of(names: Sequence[str], results: Sequence[Result], cache: Path) -> dict[str, Any]:
    """The tests that these boards read, by the names under which the cache keeps them."""
    by_key = {result.key: result for result in results}
    tests: dict[str, Any] = {}
    for name in names:
        for table in collect(load_board(name), results):
            if table.stamp is not None:
                ranks_of(table, by_key, cache)
                tests |= dict(_found(kept_names(table), cache))
    return tests


def stored_names(folder: Path) -> set[str]:
    return set(read_json(folder / COMPARISONS)["tests"])


def _found(names: Iterable[str], cache: Path) -> Iterator[tuple[str, Any]]:
    """Of these p values those that were kept, which are all but those of files that could not be read."""
    for name in names:
        if value := read_p_values(cache / f"{name}.json"):
            numbers = {part: _rounded(value[part]) for part in ("p", "differences", "lines") if part in value}
            yield name, value | numbers


def _rounded(numbers: Any) -> Any:
    if isinstance(numbers, list):
        return [_rounded(number) for number in numbers]
    return None if numbers is None else float(f"{numbers:.{DIGITS}g}")


def write_comparisons(path: Path, tests: dict[str, Any]) -> None:
    lines = [f'"{name}": {json.dumps(value, separators=(",", ":"))}' for name, value in sorted(tests.items())]
    path.write_text(f'{{"digest": "{digest(tests)}", "tests": {{\n' + ",\n".join(lines) + "\n}}\n", encoding="utf-8")


_Number = Annotated[float, Field(allow_inf_nan=False)] | None
_Three = Annotated[list[_Number], Field(min_length=3, max_length=3)]


def _follows(p: float, difference: float | None, error: float | None, freedom: float | None) -> bool:
    """Whether a two-sided t test gives this p value; all numbers have four digits."""
    from bench.scoring.student_t import upper_tail

    if difference is None or error is None:
        return False
    if error == 0:
        return difference == 0 and p == 1
    rounding = 1e-3
    smallest, largest = (
        2 * upper_tail(abs(difference) / error * factor, math.inf if freedom is None else freedom * factor)
        for factor in (1 + rounding, 1 - rounding)
    )
    return (1 - rounding) * smallest - 1e-12 <= p <= (1 + rounding) * largest


class _Comparison(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    test: str = Field(max_length=100)
    p: list[Annotated[float, Field(ge=0, le=1)] | None]
    why: str = Field(max_length=1000)
    differences: list[_Three] = []
    lines: list[_Three] = []

    @model_validator(mode="after")
    def _numbers_fit(self) -> _Comparison:
        if self.differences and len(self.differences) != len(self.p):  # version 1 had none; such tests are not read
            raise ValueError(f"{len(self.p)} p values have {len(self.differences)} differences")
        if self.lines and math.comb(len(self.lines), 2) != len(self.p):
            raise ValueError(f"{len(self.lines)} lines have {len(self.p)} pairs")
        for _, error, freedom in self.differences:
            if (error is not None and error < 0) or (freedom is not None and freedom <= 0):
                raise ValueError("a standard error is below 0, or its degrees of freedom are not above 0")
        for p, numbers in zip(self.p, self.differences, strict=False):
            if p is not None and not _follows(p, *numbers):
                raise ValueError("a p value does not follow from its difference, standard error and degrees of freedom")
        for low, high, patients in self.lines:
            if low is not None and high is not None and low > high:
                raise ValueError("an interval ends before it begins")
            if patients is not None and patients < 0:
                raise ValueError("a standard deviation is below 0")
        return self


class _Comparisons(BaseModel):
    """``comparisons.json``; a name is a digest, and becomes that of a file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    digest: str = Field(pattern=HEX)
    tests: dict[Annotated[str, Field(pattern=HEX)], _Comparison]


def unpack_comparisons(folder: Path, cache: Path) -> None:
    """Put the p values of a kept folder where :func:`bench.leaderboard.statistics.comparisons.ranks_of` looks for them.

    Raises:
        DataError: they were edited.
    """
    path = folder / COMPARISONS
    if not path.exists():
        return
    again = "Ask its author to write it again (bench leaderboard freeze)."
    try:
        comparisons = _Comparisons.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))[:80]
        raise DataError(f"{path}: {where!r}: {first['msg']}. {again}") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {said(error)}. {again}") from error
    tests = {name: test.model_dump(exclude_unset=True) for name, test in comparisons.tests.items()}
    if digest(tests) != comparisons.digest:
        raise DataError(f"{path}: its digest is not {comparisons.digest}: it was edited after it was written. {again}")
    cache.mkdir(parents=True, exist_ok=True)
    for name, value in tests.items():
        if not (cache / f"{name}.json").exists():
            write_json(cache / f"{name}.json", value)
