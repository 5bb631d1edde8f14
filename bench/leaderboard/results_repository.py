"""A results repository: add cards of finished cells, check those of a pull request, and choose cells to replay.

The repository's template is in :mod:`bench.scaffold`. Its folder ``results`` holds the cards, and below ``predictions`` the
predictions under their SHA-256.
"""

from __future__ import annotations

import math
import random
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench import kinds, registry
from bench.cells.result import Result
from bench.errors import BenchError, ConfigError, DataError, shortened
from bench.leaderboard.card_form import Card
from bench.leaderboard.cards import (
    card_name,
    card_of,
    ids_are_public,
    judge_card,
    keep_predictions,
    read_card,
    stored_predictions,
)
from bench.leaderboard.formats.markdown import one_line
from bench.leaderboard.validation.validate import Judged, compared_with_each_other
from bench.leaderboard.validation.verdict import LEVELS, Verdict
from bench.progress import counted
from bench.storage.artifacts import write_json

if TYPE_CHECKING:
    from bench.data.source import DataSource

RESULTS = "results"
"""The folder of a results repository that holds its cards."""
REASON = 300
"""Characters of a reason in a table."""


def cards_folder(repository: Path) -> Path:
    """The folder of a repository's cards.

    Raises:
        ConfigError: the folder is no results repository.
    """
    folder = repository / RESULTS
    if not folder.is_dir():
        raise ConfigError(
            f"{repository} is not a results repository: it has no folder {RESULTS}. bench results init {repository} "
            "writes one; --into names another."
        )
    return folder


# -- adding ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Added:
    """A result in a repository: its card, and whether the card and the predictions were written now."""

    card: Path
    new: bool
    predictions: bool


def add(results: Iterable[Result], repository: Path, with_predictions: bool = True) -> list[Added]:
    """Write the cards of some results, and their predictions where ids and labels of the recordings are public.

    Raises:
        ConfigError: no results repository, or another card of a cell is in it. DataError: predictions that changed since
            the cell was finished.
    """
    folder = cards_folder(repository)
    added = []
    for result in results:
        path, card = folder / card_name(result), card_of(result)
        new = not path.exists()
        if not new and read_card(path).digest != card["digest"]:
            raise ConfigError(f"{path} is another card of the same cell. Delete it to replace it.")
        public = with_predictions and ids_are_public(result)
        if public:
            keep_predictions(result, stored_predictions(folder, result.predictions_digest))
        write_json(path, card)
        added.append(Added(path, new, public))
    return added


# -- checking ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Report:
    """The check of a repository, or of what a pull request changes in it.

    Attributes:
        judged: the cards that were checked, in full.
        problems: of files that are no cards, and of accepted cards that the pull request changes or deletes.
        total: the number of cards in the repository.
    """

    judged: list[Judged]
    problems: list[str] = field(default_factory=list)
    total: int = 0

    @property
    def accepted(self) -> bool:
        return not self.problems and all(entry.verdict.accepted for entry in self.judged)


def check(repository: Path, since: str | None = None, source: DataSource | None = None) -> Report:
    """Check all cards, or those that differ from a git revision; the others are read for duplicates alone.

    Args:
        since: a git revision, such as ``origin/main``. Cards that it has may be neither changed nor deleted unnoticed.
        source: data that may be prepared in the workspace. Simulated cohorts of the cards are prepared first, so that
            records and labels can be compared; real data are used if they are prepared.

    Raises:
        ConfigError: no results repository, or git does not know the revision.
    """
    folder = cards_folder(repository)
    paths = sorted(folder.glob("*.json"))
    problems = []
    chosen = set(paths)
    if since is not None:
        changed = dict(_changed(repository, since))
        chosen &= changed.keys()
        problems += [
            f"{path.relative_to(repository)} is {'deleted' if status == 'D' else 'changed'}: {since} has it. Accepted cards "
            "stay as they are; a maintainer decides on exceptions."
            for path, status in changed.items()
            if status != "A" and path.is_relative_to(folder)
        ]
    entries, belonging = [], set(paths)
    for path in paths:
        card = _readable(path)
        if card is not None:
            belonging |= {stored_predictions(folder, card.predictions.sha256), path.with_suffix(".parquet")}
        if path not in chosen:
            if card is not None:
                entries.append(Judged(path, card, Verdict(())))
            continue
        if source is not None and card is not None:
            _prepare_simulated(card, source)
        entries.append(judge_card(path, source=source))
    entries.sort(key=lambda entry: entry.path in chosen)  # of two equal cards the new one is refused
    judged = [entry for entry in compared_with_each_other(entries) if entry.path in chosen]
    problems += [
        f"{path.relative_to(repository)} is neither a card nor the predictions of one; delete it."
        for path in sorted(folder.rglob("*"))
        if path not in belonging
        and (path.is_file() or path.is_symlink())
        and path.name not in (".gitkeep", "README.md")
    ]
    return Report(judged, problems, len(paths))


def _readable(path: Path) -> Card | None:
    try:
        return read_card(path)
    except DataError:
        return None


def _changed(repository: Path, since: str) -> Iterator[tuple[Path, str]]:
    """The files that the current commit adds (A), changes (M) or deletes (D) since it left a revision."""

    def git(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", *words], cwd=repository, capture_output=True, text=True, timeout=60)

    try:
        inside = git("rev-parse", "--is-inside-work-tree")
        # a revision, and no option of git
        known = git("rev-parse", "--verify", "--end-of-options", f"{since}^{{commit}}")
        done = git("diff", "-z", "--name-status", "--no-renames", "--relative", f"{known.stdout.strip()}...HEAD", "--")
    except OSError as error:
        raise ConfigError(f"--since {since}: git cannot be run ({error.strerror}). Install it.") from error
    if inside.returncode:
        raise ConfigError(f"--since {since}: {repository} is no git repository. Name one with --into FOLDER.")
    if known.returncode or done.returncode:
        reason = shortened((done if not known.returncode else known).stderr.strip(), 200)
        raise ConfigError(
            f"--since {since}: git knows no such revision of {repository} ({reason}). Fetch it first: git fetch origin."
        )
    parts = done.stdout.split("\0")
    for status, name in zip(parts[::2], parts[1::2], strict=False):
        yield repository / name, status[:1]


def _prepare_simulated(card: Card, source: DataSource) -> None:
    """Prepare the simulated cohort of a card, unless the data here are real ones; it is written in seconds."""
    name = str(card.dataset.get("name"))
    if source.kind == card.data == "simulated" and name in registry.entries(registry.DATASETS):
        try:
            source.store(name)
        except BenchError:  # the check of the labels then says why
            return


def table(report: Report) -> Iterator[str]:
    """The report as lines of Markdown: the levels, a row per card, and below it what is wrong or was not checked."""
    levels = {level: sum(entry.verdict.level == level for entry in report.judged) for level in LEVELS}
    numbers = [f"{number} {level}" for level, number in levels.items() if number]
    if rejected := sum(not entry.verdict.accepted for entry in report.judged):
        numbers.append(f"{rejected} rejected")
    outcome = "accepted" if report.accepted else "rejected"
    yield f"**{outcome}**: {counted(len(report.judged), 'card')} of {report.total} checked" + (
        f" ({', '.join(numbers)})" if numbers else ""
    )
    if report.problems:
        yield ""
        yield from (f"- {one_line(problem)}" for problem in report.problems)
    if not report.judged:
        return
    yield ""
    yield "| card | level of proof | method | task | mode | leads | labels | metric | value [95 % interval] | contamination |"
    yield "|---|---|---|---|---|---:|---:|---|---:|---|"
    yield from map(_row, report.judged)
    for entry in report.judged:
        for outcome in ("differs", "not checked"):
            reasons: dict[str, list[str]] = {}
            for line in entry.verdict.checks:
                if line.outcome == outcome:
                    reasons.setdefault(line.detail, []).append(line.name)
            for reason, names in reasons.items():
                yield ""
                yield f"- {one_line(entry.path.name)}: {outcome}: {', '.join(names)}: {one_line(shortened(reason, REASON))}"


def _row(entry: Judged) -> str:
    level = entry.verdict.level or "**rejected**"
    if (card := entry.card) is None:
        return f"| {one_line(entry.path.name)} | {level} |" + " |" * 8
    cell, metric = card.cell, _metric(card)
    estimate = card.score.metrics.get(metric)
    value = "-" if estimate is None or estimate.value is None else f"{estimate.value:.3f}"
    if estimate is not None and estimate.low is not None and estimate.high is not None:
        value += f" [{estimate.low:.3f}, {estimate.high:.3f}]"
    parts = [
        entry.path.name, level, cell["method"], cell["task"], cell["mode"], len(cell["leads"]),
        f"{cell['fraction'] * 100:g} %", metric, value, f"{card.contamination} ({card.data} data, {card.profile})",
    ]  # fmt: skip
    return f"| {' | '.join(one_line(str(part)) for part in parts)} |"


def _metric(card: Card) -> str:
    """The metric that the task is judged by; that of its kind where the task is not installed."""
    task = registry.entries(registry.TASKS).get(str(card.cell["task"]))
    stated = registry.load(registry.TASKS, task.name)().metric if task else None
    return str(stated or kinds.load(card.score.kind).selection_metric)


# -- replaying ---------------------------------------------------------------------------------------------------------


def sample(repository: Path, share: float, seed: int, data: str) -> list[Path]:
    """Random cards whose cells can be replayed on the available data: a share of them, and at least one.

    Args:
        share: in (0, 1].
        data: ``real`` or ``simulated``.

    Raises:
        ConfigError: no results repository, or a share outside (0, 1]. DataError: a file is no card.
    """
    if not 0 < share <= 1:
        raise ConfigError(f"--share {share:g}: expected a number in (0, 1], for example 0.01 for 1 %.")
    paths = sorted(cards_folder(repository).glob("*.json"))
    eligible: Sequence[Path] = [path for path in paths if read_card(path).data == data]
    return sorted(random.Random(seed).sample(eligible, math.ceil(share * len(eligible))))
