"""One page with each registered dataset: where it comes from, its texts, and the columns of its records."""

from __future__ import annotations

import inspect
import re
from typing import Any

from words import cell, markdown, table

from bench import registry
from bench.dataset import Dataset

DEFINITION = re.compile(r"^(?=``|:attr:|the )(?P<terms>[^\n]+)\n(?P<text>(?: {4}[^\n]*\n?)+)", re.MULTILINE)


def pages() -> dict[str, str]:
    names = registry.entries(registry.DATASETS)
    intro = (
        "The columns of the table that a task's `examples(records)` receives: `records()` of its dataset. Every dataset has "
        "the index `record_id` and the column `patient_id` (both text). See them: "
        "`bench.data.source.DataSource.store(name).records`, or [Add a task](../how-to/new-task.md).\n"
    )
    sections = [_section(registry.load(registry.DATASETS, name)) for name in names]
    return {"reference/datasets.md": "\n".join(["# Datasets\n", intro, *sections])}


def _section(dataset: Any) -> str:
    title, url = cell(dataset.title), dataset.url
    facts = [
        ("publisher", f"[{title}]({url})" if url.startswith("http") else f"{title}, this project: `{url}`"),
        ("access, licence", f"{dataset.access}, {cell(dataset.license) or 'licence not stated'}"),
        ("texts", ", ".join(f"`{source}`" for source in dataset.text_sources) or "none"),
        ("sampling rates", ", ".join(f"{rate} Hz" for rate in dataset.rates)),
    ]
    return "\n".join([f"## {dataset.name}\n", table(("", ""), facts), columns(dataset)])


def columns(dataset: type[Dataset]) -> str:
    """What the docstring of ``records`` says of the columns; its list of definitions as a table."""
    text = inspect.cleandoc(dataset.records.__doc__ or "") + "\n"
    rows = [(_plain(match["terms"]), _plain(match["text"])) for match in DEFINITION.finditer(text)]
    before = DEFINITION.sub("", text).strip()
    return markdown(before) + "\n\n" + (table(("column", "content"), rows) if rows else "")


def _plain(text: str) -> str:
    return cell(markdown(text))
