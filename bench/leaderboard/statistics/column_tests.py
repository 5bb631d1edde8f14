"""The tests of every two lines of a column, computed from stored predictions and kept by the keys of their results.

| column | test |
|---|---|
| one split | bootstrap of the paired difference, patients drawn; replicates add their own variance |
| one class's AUROC, one recording per patient, nothing trained at random | DeLong |
| repeated cross-validation | corrected resampled t (Nadeau and Bengio 2003), fold by fold |
"""

from __future__ import annotations

import contextlib
import itertools
import math
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cells.result import Result
from bench.errors import BenchError, DataError
from bench.leaderboard.replicates import by_replicate, drawn_labels
from bench.leaderboard.statistics.paired_scores import PairedScores
from bench.leaderboard.summary import Summary
from bench.reading.json_file import read_json
from bench.storage.artifacts import digest, write_json

if TYPE_CHECKING:
    from bench.scoring.comparison import Difference
    from bench.scoring.replication import Components

VERSION = 2  # of what is stored: raised when a stored number means something else

Results = Mapping[str, Result]
"""By key."""


def stored_name(summaries: Sequence[Summary], metric: str, class_name: str | None) -> str:
    """The name under which the tests of these lines are kept."""
    return digest([VERSION, metric, class_name, [list(s.keys) for s in summaries]])


@dataclass(frozen=True)
class Tested:
    """The tests of one column, in the order of ``itertools.combinations``.

    Attributes:
        test: its name; empty where there is none, and then ``why`` says why.
        p: a p value for each pair.
        differences: of each pair the difference, its standard error and its degrees of freedom (None: infinite).
        lines: of each line low, high and the standard deviation over patients.
    """

    test: str = ""
    p: list[float | None] = field(default_factory=list)
    why: str = ""
    differences: list[list[float | None]] = field(default_factory=list)
    lines: list[list[float | None]] = field(default_factory=list)

    @classmethod
    def of(
        cls, test: str, differences: Sequence[Difference], lines: Sequence[Components] = (), scale: Any = "plain"
    ) -> Tested:
        shown = []
        for line in lines:
            low, high = line.interval(scale)
            shown.append([_or_none(n) for n in (low, high, line.patients**0.5)])
        numbers = [[_or_none(n) for n in (d.value, *d.spread)] for d in differences]
        return cls(test, [_or_none(d.p_value) for d in differences], "", numbers, shown)

    def is_of(self, lines: int) -> bool:
        """Whether there are as many numbers as a column of so many lines needs; stored tests may come from a stranger."""
        pairs = math.comb(lines, 2) if self.test else 0
        return len(self.p) == len(self.differences) == pairs and len(self.lines) in (0, lines)

    def among(self, lines: int, chosen: Iterable[int]) -> Tested:
        """The tests of some of so many lines."""
        wanted = set(chosen)
        numbers = [k for k, pair in enumerate(itertools.combinations(range(lines), 2)) if wanted.issuperset(pair)]
        shown = [line for k, line in enumerate(self.lines) if k in wanted]
        return replace(
            self, p=[self.p[k] for k in numbers], differences=[self.differences[k] for k in numbers], lines=shown
        )

    def by_pair(self, lines: int) -> dict[tuple[int, int], tuple[float | None, Difference | None]]:
        """Numbers of two lines -> p value and difference; None where there is no standard error."""
        each = zip(itertools.combinations(range(lines), 2), self.p, self.pairs(), strict=True)
        return {pair: (p, difference) for pair, p, difference in each}

    def pairs(self) -> list[Difference | None]:
        """The differences again; None where there is no standard error."""
        from bench.scoring.bootstrap import Spread
        from bench.scoring.comparison import t_test

        return [
            None if value is None or error is None else t_test(value, Spread(error, math.inf if f is None else f))
            for value, error, f in self.differences
        ]


def kept_tests(
    summaries: Sequence[Summary], metric: str, class_name: str | None, results: Results, cache: Path | None
) -> Tested:
    """The tests of every two of these lines; from ``cache``, where they were kept, and kept there otherwise."""
    if any(key not in results for s in summaries for key in s.keys):
        return Tested(why="its values are differences")
    path = None
    if cache is not None:
        path = cache / f"{stored_name(summaries, metric, class_name)}.json"
        if (content := read_p_values(path)) and (stored := Tested(**content)).is_of(len(summaries)):
            return stored
    try:
        tested = _test([[results[key] for key in s.keys] for s in summaries], metric, class_name)
    except BenchError as error:
        return Tested(why=str(error).rstrip("."))  # not kept: what is wrong with a file can be repaired
    if path is not None:
        with contextlib.suppress(OSError):  # a workspace that is only read
            path.parent.mkdir(parents=True, exist_ok=True)
            value = {name: part for name, part in asdict(tested).items() if part or name in STORED}
            write_json(path, value | {"digest": digest(value)})
    return tested


STORED = ("test", "p", "why")
"""Parts of stored tests that are always there."""


def read_p_values(path: Path) -> dict[str, Any] | None:
    """Stored tests, as the fields of :class:`Tested`; None where there are none, or they were altered. Those of a kept board
    have no digest here: they were compared with the board's."""
    try:
        value = read_json(path)
        signed = {name: value[name] for name in (*STORED, "differences", "lines") if name in value or name in STORED}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return signed if value in (signed, signed | {"digest": digest(signed)}) else None


def _test(lines: list[list[Result]], metric: str, class_name: str | None) -> Tested:
    import numpy as np

    folds = [sorted({r.cell.fold for r in line}) for line in lines]
    if any(line_folds != folds[0] for line_folds in folds):
        return Tested(why="its rows were tested on different folds")
    if len(folds[0]) > 1:
        return _over_folds(lines, metric, class_name)
    if any(r.folder is None for line in lines for r in line):
        raise DataError(
            "predictions of some results are not available"
        )  # they may be later, so that this is not stored
    paired = [[[_scores(r) for r in group] for group in by_replicate(line).values()] for line in lines]
    ids = paired[0][0][0].records
    every = [scores for line in paired for group in line for scores in group]
    if not all(np.array_equal(scores.records, ids) for scores in every):
        return Tested(why="its rows were tested on different records")
    if class_name is not None and metric == "auroc" and len(every) == len(lines):
        first = every[0]
        if len(set(first.patients)) == len(first.patients) and first.scores.ndim == 2:
            return _delong(every, first.names.index(class_name))
    return _bootstrapped(paired, [drawn_labels(line) for line in lines], metric, class_name)


def _scores(result: Result) -> PairedScores:
    try:
        return PairedScores.of(result)
    except DataError as error:  # it names a folder of this machine, which no board should show
        warnings.warn(f"the rows of a column are not tested: {error}", stacklevel=2)
        raise DataError(f"the predictions of {result.title} are missing or were altered") from error


def _bootstrapped(
    paired: list[list[list[PairedScores]]], draws: list[tuple[int, ...] | None], metric: str, class_name: str | None
) -> Tested:
    from bench.leaderboard.summary import scale_of
    from bench.scoring.replication import average, components, differences_of_all_pairs

    lines = [
        [average([scores.replicates(metric, class_name) for scores in group]) for group in line] for line in paired
    ]
    scale = scale_of(paired[0][0][0].result, metric, class_name)
    differences = differences_of_all_pairs(lines, draws)
    return Tested.of("bootstrap of the paired difference", differences, [components(line) for line in lines], scale)


def _delong(paired: list[PairedScores], column: int) -> Tested:
    import numpy as np

    from bench.scoring.comparison import delong

    targets = paired[0].targets
    positive = targets[:, column] if targets.ndim == 2 else targets == column
    aurocs = delong(positive, np.stack([scores.scores[:, column] for scores in paired]))
    pairs = itertools.combinations(range(len(paired)), 2)
    return Tested.of("DeLong", [aurocs.difference(i, j) for i, j in pairs])


def _over_folds(lines: list[list[Result]], metric: str, class_name: str | None) -> Tested:
    import numpy as np

    from bench.leaderboard.summary import ratio_of, reading
    from bench.scoring.replication import difference_over_folds

    def by_fold(line: list[Result]) -> np.ndarray:
        """[replicate, fold], each a mean over seeds."""
        values = []
        for group in by_replicate(line).values():
            of_fold: dict[int, list[float]] = defaultdict(list)
            for result in group:
                value = reading(result, metric, class_name)[0]
                of_fold[result.cell.fold].append(np.nan if value is None else value)
            values.append([np.mean(of_fold[fold]) for fold in sorted(of_fold)])
        return np.array(values)

    values, ratio = [by_fold(line) for line in lines], ratio_of(lines[0])
    pairs = itertools.combinations(values, 2)
    return Tested.of("corrected resampled t", [difference_over_folds(*pair, ratio) for pair in pairs])


def _or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
