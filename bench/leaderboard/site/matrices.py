"""Pages with a matrix that no board describes: what was trained by what it was tested on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench.cells.result import Result
from bench.leaderboard.contamination import legend, marks
from bench.leaderboard.transfer import Transferred, TransferTable, transfer_tables


@dataclass(frozen=True)
class Matrix:
    """One table: rows are (name, cells), and a cell is lines of text, the first of which is shown bold."""

    title: str
    heads: list[str]
    rows: list[tuple[str, list[list[str]]]]
    notes: list[str]


@dataclass(frozen=True)
class MatrixPage:
    """A page: ``name`` of the file, heading, a sentence on what it shows, a sentence for the index."""

    name: str
    heading: str
    lead: str
    summary: str
    matrices: list[Matrix]

    def content(self) -> dict[str, Any]:
        """What ``matrix.html`` shows."""
        return {"heading": self.heading, "lead": self.lead, "matrices": self.matrices}


def matrix_pages(results: Iterable[Result]) -> list[MatrixPage]:
    """The pages for which there are results."""
    tables = transfer_tables(results)
    return [_transfer(tables)] if tables else []


def _transfer(tables: list[TransferTable]) -> MatrixPage:
    return MatrixPage(
        "transfer",
        "Transfer between datasets",
        "A probe that was trained on one dataset and tested on the records of another, over the classes that mean the same. "
        "In-domain is the same probe on test records of the dataset that it was trained on, over the same classes. 95 % "
        "intervals over patients and replicates.",
        "Probes of one dataset on the records of others, next to their in-domain results.",
        [_matrix(table) for table in tables],
    )


def _matrix(table: TransferTable) -> Matrix:
    rows = [
        (f"{method}, trained on {train}", [_lines(table.at(train, method, test)) for test in table.tests])
        for train, method in table.rows
    ]
    statuses = {s for entry in table.entries for s in (*entry.contamination, *entry.in_domain_contamination)}
    notes = [f"{train} to {test}: {', '.join(classes)}." for (train, test), classes in table.shared().items()]
    return Matrix(
        f"{table.title}: {table.metric}",
        ["Method", *(f"Tested on {test}" for test in table.tests)],
        rows,
        [*notes, *legend(statuses)],
    )


def _lines(entry: Transferred | None) -> list[str]:
    if entry is None:
        return ["—"]
    lines = [f"{_estimate(entry.value, entry.interval)}{marks(entry.contamination)}"]
    if entry.in_domain is None or entry.loss is None:
        return [*lines, "in-domain: not run"]
    loss, (low, high) = entry.loss
    lines.append(f"in-domain {_estimate(*entry.in_domain)}{marks(entry.in_domain_contamination)}")
    return [*lines, f"loss {loss:+.3f} [{low:+.3f}, {high:+.3f}]"]


def _estimate(value: float, interval: Any) -> str:
    return f"{value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
