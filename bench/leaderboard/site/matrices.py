"""The pages of tables that no board describes: subgroups, corruptions, transfer, retrieval, wordings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.cells.result import Result
from bench.leaderboard.contamination import legend, marks
from bench.leaderboard.metric_names import metric_name
from bench.leaderboard.site.corrupted_page import corrupted_page
from bench.leaderboard.site.matrix import Matrix, MatrixPage, estimate
from bench.leaderboard.site.subgroups_page import subgroups_page
from bench.leaderboard.text_answers import (
    DIRECTIONS,
    PromptRow,
    RetrievalRow,
    TextTable,
    prompt_tables,
    retrieval_tables,
)
from bench.leaderboard.transfer import Transferred, TransferTable, transfer_tables


def matrix_pages(results: Iterable[Result], cache: Path | None = None, compare: bool = True) -> list[MatrixPage]:
    """The pages for which there are results.

    Args:
        cache: a folder for the tables of subgroups and corruptions, which take seconds.
        compare: whether there are pages on subgroups and corruptions.
    """
    results = list(results)
    slow = (subgroups_page(results, cache), corrupted_page(results, cache)) if compare else ()
    pages = [page for page in slow if page is not None]
    if transferred := transfer_tables(results):
        pages.append(_transfer(transferred))
    if retrieved := retrieval_tables(results):
        pages.append(_retrieval(retrieved))
    if worded := prompt_tables(results):
        pages.append(_prompts(worded))
    return pages


def _transfer(tables: list[TransferTable]) -> MatrixPage:
    return MatrixPage(
        "transfer",
        "Transfer between datasets",
        "A probe that was trained on one dataset and tested on the records of another, over the classes that mean the same. "
        "In-domain is the same probe on test records of the dataset that it was trained on, over the same classes. 95 % "
        "intervals over patients and replicates.",
        "Probes trained on one dataset and tested on others, next to their in-domain results.",
        [_matrix(table) for table in tables],
    )


def _retrieval(tables: list[TextTable]) -> MatrixPage:
    matrices = []
    for table in tables:
        rows: list[RetrievalRow] = table.rows
        metrics = list(rows[0].values[DIRECTIONS[0]])
        lines = [
            (
                f"{row.method}{marks(row.contamination)}: {direction}",
                [[f"{value:.3f}", f"[{low:.3f}, {high:.3f}]"] for value, (low, high) in values.values()],
            )
            for row in rows
            for direction, values in row.values.items()
        ]
        notes = [f"{rows[0].records:,} records with {rows[0].distinct:,} different texts."]
        notes += legend(status for row in rows for status in row.contamination)
        matrices.append(Matrix(table.title, ["Method: wanted", *metrics], lines, notes))
    return MatrixPage(
        "retrieval",
        "Retrieval of texts and recordings",
        "Each recording ranks the texts of all test records, and each text ranks all recordings. recall@5: share of queries "
        "with a hit among the first five; mrr: mean reciprocal rank. A candidate with the same text is a hit. "
        "Untrained encoders show chance.",
        "Recall of the text of a recording among all texts, and of the recording of a text.",
        matrices,
    )


def _prompts(tables: list[TextTable]) -> MatrixPage:
    matrices = []
    for table in tables:
        rows: list[PromptRow] = table.rows
        lines = [
            (
                f"{row.method}{marks(row.contamination)}: {row.name}",
                [
                    [f"{row.as_run:.3f}"],
                    estimate(row.mean, row.interval).split(" ", 1),
                    [f"{row.spread:.3f}"],
                    [f"{row.values.min():.3f}", row.worst_words] if row.worst_words else [f"{row.values.min():.3f}"],
                    [f"{row.values.max():.3f}"],
                ],
            )
            for row in rows
        ]
        heads = ["Method and class", "As run", "Mean over wordings", "Standard deviation", "Worst", "Best"]
        notes = [f"{len(rows[0].values)} wordings per class."]
        notes += legend(status for row in rows for status in row.contamination)
        matrices.append(Matrix(f"{table.title}: macro AUROC", heads, lines, notes))
    return MatrixPage(
        "prompts",
        "Sensitivity to the wording of classes",
        "Zero-shot macro AUROC when the classes are named by other words. The wordings were written for this project.",
        "Zero-shot results under 20 wordings per class.",
        matrices,
    )


def _matrix(table: TransferTable) -> Matrix:
    rows = [
        (f"{method}, trained on {train}", [_lines(table.at(train, method, test)) for test in table.tests])
        for train, method in table.rows
    ]
    statuses = {s for entry in table.entries for s in (*entry.contamination, *entry.in_domain_contamination)}
    notes = [f"{train} to {test}: {', '.join(classes)}." for (train, test), classes in table.shared().items()]
    return Matrix(
        f"{table.title}: {metric_name(table.metric)}",
        ["Method", *(f"Tested on {test}" for test in table.tests)],
        rows,
        [*notes, *legend(statuses)],
    )


def _lines(entry: Transferred | None) -> list[str]:
    if entry is None:
        return ["—"]
    lines = [f"{estimate(entry.value, entry.interval)}{marks(entry.contamination)}"]
    if entry.in_domain is None or entry.loss is None:
        return [*lines, "in-domain: not run"]
    loss, (low, high) = entry.loss
    lines.append(f"in-domain {estimate(*entry.in_domain)}{marks(entry.in_domain_contamination)}")
    return [*lines, f"loss {loss:+.3f}{'' if low != low else f' [{low:+.3f}, {high:+.3f}]'}"]
