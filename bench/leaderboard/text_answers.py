"""Retrieval and prompt sensitivity of zero-shot results, as tables; :mod:`bench.text_answers` computes what is read here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cells.result import Result
from bench.cells.seen_classes import SeenClasses
from bench.leaderboard.cell_groups import cell_groups
from bench.leaderboard.formats.plain_csv import plain_csv
from bench.leaderboard.statistics.paired_scores import PairedScores
from bench.storage.artifacts import damage, sealed

if TYPE_CHECKING:
    import numpy as np

    from bench.scoring.bootstrap import Interval, Replicates

FOLDER = "text_answers"
METRIC = "macro_auroc"
DIRECTIONS = ("text of a recording", "recording of a text")


@dataclass(frozen=True)
class RetrievalRow:
    """A method on the test records of a task, over its replicates.

    Attributes:
        values: direction -> metric -> value and interval.
    """

    method: str
    text: str
    records: int
    distinct: int
    replicates: int
    contamination: list[str]
    values: dict[str, dict[str, tuple[float, Interval]]]


@dataclass(frozen=True)
class PromptRow:
    """A class, or a mean over classes, of a method under wordings.

    Attributes:
        name: of the class, or ``all``, ``seen`` or ``unseen``.
        values: macro AUROC under each wording, the mean over replicates.
        interval: of the mean over wordings, over patients and replicates.
        as_run: with the words of the task.
        worst_words: the wording with the lowest value, of a class.
        contamination: of the results.
    """

    method: str
    name: str
    values: np.ndarray
    interval: Interval
    as_run: float
    worst_words: str
    contamination: list[str]

    @property
    def mean(self) -> float:
        return float(self.values.mean())

    @property
    def spread(self) -> float:
        """Standard deviation over wordings."""
        return float(self.values.std(ddof=1))


@dataclass(frozen=True)
class TextTable:
    """The rows of one task: ``title`` states it with profile and kind of data."""

    title: str
    rows: list[Any]


def retrieval_tables(results: Iterable[Result], text: str | None = None) -> list[TextTable]:
    """Results whose ranks are kept, by task and text; ``text`` chooses one."""
    import numpy as np

    from bench.scoring.replication import components
    from bench.scoring.retrieval import retrieval_replicates

    tables: dict[str, list[RetrievalRow]] = {}
    kept = _Kept("retrieval", "ranks.npy")
    for group in cell_groups(results):
        by_text: dict[tuple[str, str], list[tuple[Result, Any, dict]]] = {}
        for result in group.results:
            answers = kept.of(result)
            newest = {(facts["text"], inputs["records"]): (result, ranks, facts) for inputs, facts, ranks in answers}
            for asked, answer in newest.items():
                by_text.setdefault(asked, []).append(answer)
        for (source, _), runs in by_text.items():
            if text is not None and source != text:
                continue
            _, _, facts = runs[0]
            patients = np.array(facts["patients"])
            values: dict[str, dict[str, tuple[float, Interval]]] = {}
            for number, direction in enumerate(DIRECTIONS):
                drawn = [retrieval_replicates(ranks[number], patients) for _, ranks, _ in runs]
                values[direction] = {}
                for metric in drawn[0]:
                    mean = components([of_run[metric] for of_run in drawn])
                    values[direction][metric] = (mean.value, mean.interval("logit"))
            contamination = sorted({result.contamination for result, _, _ in runs})
            row = RetrievalRow(group.method, source, len(patients), facts["distinct"], len(runs), contamination, values)
            tables.setdefault(f"{group.title}: {source}", []).append(row)
    for rows in tables.values():
        rows.sort(key=lambda row: -row.values[DIRECTIONS[0]]["mrr"][0])
    return [TextTable(title, rows) for title, rows in tables.items()]


def prompt_tables(results: Iterable[Result]) -> list[TextTable]:
    """Results whose scores under wordings are kept."""
    tables: dict[str, list[PromptRow]] = {}
    kept = _Kept("prompts", "scores.npy")
    for group in cell_groups(results):
        runs = [(result, facts, scores) for result in group.results for _, facts, scores in list(kept.of(result))[-1:]]
        if runs:
            tables.setdefault(group.title, []).extend(_prompt_rows(group.method, runs))
    return [TextTable(title, rows) for title, rows in tables.items()]


def _prompt_rows(method: str, runs: Sequence[tuple[Result, dict, Any]]) -> Iterator[PromptRow]:
    import numpy as np

    from bench.scoring.replication import average, components

    facts, first = runs[0][1], PairedScores.of(runs[0][0])
    names = first.names
    drawn = [_under_wordings(result, scores) for result, _, scores in runs]
    values = np.mean([[run.estimates for run in of_run] for of_run in drawn], axis=0)  # [wording, class]
    over_wordings = [average(of_run) for of_run in drawn]
    as_run = np.mean([PairedScores.of(result).replicates(METRIC, None).estimates for result, _, _ in runs], axis=0)
    worded = [c for c in facts["classes"] if np.isfinite(values[:, names.index(c)]).all()]
    groups = {"all": worded}
    contamination = sorted({result.contamination for result, _, _ in runs})
    for group, members in SeenClasses(runs[0][0].seen.get("classes", {})).groups.items():
        groups[group] = [c for c in members if c in worded]
    for name, members in {**groups, **{c: [c] for c in worded}}.items():
        if columns := [names.index(c) for c in members]:
            of_name = values[:, columns].mean(axis=1)
            interval = components([run.of_parts(columns) for run in over_wordings]).interval("logit")
            words = facts["wordings"][int(of_name.argmin())][columns[0]] if name not in groups else ""
            as_worded = float(as_run[columns].mean())
            yield PromptRow(method, name, of_name, interval, as_worded, words, contamination)


def _under_wordings(result: Result, scores: np.ndarray) -> list[Replicates]:
    """The metric under each wording, in every draw of patients."""
    paired = PairedScores.of(result)
    return [replace(paired, scores=of_wording.astype(float)).replicates(METRIC, None) for of_wording in scores]


class _Kept:
    """Answers of one kind that are kept for results; each folder of answers is listed once.

    Args:
        what: they answer, as in their folders' names; file: of their array.
    """

    def __init__(self, what: str, file: str):
        self.what, self.file = what, file
        self._listed: dict[Path, dict[str, list[Path]]] = {}

    def of(self, result: Result) -> Iterator[tuple[dict, dict, Any]]:
        """Inputs, facts and array of each answer for a result; altered ones are left out. The newest last."""
        import numpy as np

        if result.folder is None or result.level:  # no check covers answers that lie next to cards
            return
        paths = self._in(result.folder.parent.parent / FOLDER).get(result.key, [])
        folders = [(seal, path) for path in paths if (seal := sealed(path))]
        for seal, path in sorted(folders, key=lambda pair: (pair[0]["made"], pair[1].name)):
            if damage(path) is None:
                facts = json.loads(Path(path / "facts.json").read_text(encoding="utf-8"))
                yield seal["inputs"], facts, np.load(path / self.file, allow_pickle=False)

    def _in(self, folder: Path) -> dict[str, list[Path]]:
        if folder not in self._listed:
            of_key: dict[str, list[Path]] = {}
            for path in folder.glob(f"*-{self.what}-*"):
                of_key.setdefault(path.name.rpartition(f"-{self.what}-")[0], []).append(path)
            self._listed[folder] = of_key
        return self._listed[folder]


def retrieval_csv(tables: Sequence[TextTable]) -> str:
    """One line per method, direction and metric."""
    head = ["table", "method", "text", "records", "distinct_texts", "replicates", "given_and_wanted", "metric"]
    lines = []
    for table in tables:
        for row in table.rows:
            start = [table.title, row.method, row.text, row.records, row.distinct, row.replicates]
            for direction, metrics in row.values.items():
                for metric, (value, interval) in metrics.items():
                    lines.append([*start, direction, metric, value, *interval, ", ".join(row.contamination)])
    return plain_csv([*head, "value", "low", "high", "contamination"], lines)


def prompts_csv(tables: Sequence[TextTable]) -> str:
    """One line per method and class, or group of classes."""
    head = [
        "table",
        "method",
        "class",
        "wordings",
        "metric",
        "as_run",
        "mean",
        "low",
        "high",
        "sd",
        "worst",
        "best",
        "worst_wording",
        "contamination",
    ]
    lines = [
        [table.title, row.method, row.name, len(row.values), METRIC, row.as_run, row.mean, *row.interval, row.spread,
         float(row.values.min()), float(row.values.max()), row.worst_words, ", ".join(row.contamination)]
        for table in tables for row in table.rows
    ]  # fmt: skip
    return plain_csv(head, lines)
