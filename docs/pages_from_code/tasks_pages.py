"""A page for each registered task: the question, its classes with their prompts and counts, its split."""

from __future__ import annotations

from typing import Any

from words import cell, code_cell, markdown, table

from bench import registry
from bench.splitting.rules import PARTITIONS
from bench.splitting.split import load_split

TITLE = {"regression": "Targets", "survival": "Event"}


def navigation() -> list:
    names = registry.entries(registry.TASKS)
    return ["reference/tasks/index.md", *({name: f"reference/tasks/{name}.md"} for name in names)]


def pages() -> dict[str, str]:
    entries = registry.entries(registry.TASKS)
    loaded = {name: entry.load() for name, entry in entries.items()}
    rows = [
        (f"[`{name}`]({name}.md)", task.dataset, task.kind, str(len(task.classes) or ""), cell(entries[name].summary))
        for name, task in loaded.items()
    ]
    texts = {
        "reference/tasks/index.md": "# Tasks\n\nWritten from the code, as `bench tasks` prints it.\n\n"
        + table(("name", "dataset", "kind", "classes", ""), rows)
    }
    return texts | {f"reference/tasks/{name}.md": _page(entries[name], task) for name, task in loaded.items()}


def _page(entry: registry.Entry, task: Any) -> str:
    split = load_split(task.split)
    dataset = registry.load(registry.DATASETS, task.dataset)
    parts = [
        f"# {entry.name}\n",
        markdown(task.__doc__) + "\n",
        table(
            ("", ""),
            [
                ("dataset", task.dataset),
                ("kind", f"{task.kind} ([metrics](../metrics.md#{task.kind}))"),
                ("source", cell(task.source) or "this project"),
                ("dataset's link", dataset.url),
                ("dataset's licence", cell(dataset.license) or "not stated"),
                ("version", str(task.version)),
                ("code", f"`{entry.module}`, class `{entry.qualname}` ({entry.distribution})"),
            ],
        ),
        f"## Citation\n\nOf the dataset:\n\n```bibtex\n{dataset.citation}\n```\n" if dataset.citation else "",
        "## Split\n",
        f"`{split.name}`: {split.description} Source: {split.source}.\n",
    ]
    if task.released_split:
        parts.append(
            f"The partition of the published numbers is `{task.released_split}`; its lists are not ours to ship. It is used "
            "as soon as they are imported: [`bench splits import`](../cli.md#bench-splits-import).\n"
        )
    parts.append(_rule(split.content.rule))
    complete = split.content.complete
    if complete:
        binding = (
            "A complete copy that does not agree is refused." if complete.binding else "These numbers do not bind."
        )
        parts.append(f"In a complete copy (version {complete.version}): {complete.records:,} examples. {binding}\n")
        counts = [(p, f"{f.records:,}", f"{f.patients:,}") for p in PARTITIONS if (f := complete.partitions.get(p))]
        if counts:
            parts.append(table(("partition", "examples", "patients"), counts))
    if task.classes:
        parts += [f"## {TITLE.get(task.kind, 'Classes')}\n", _classes(task, complete)]
    if task.groups:
        parts.append(
            "Means are also reported for: " + ", ".join(f"`{g}` ({len(m)})" for g, m in task.groups.items()) + ".\n"
        )
    return "\n".join(parts)


def _rule(rule: Any) -> str:
    if rule.kind == "column":
        named = {p: getattr(rule, p) for p in PARTITIONS}
        text = "; ".join(f"{p}: {', '.join(map(str, values))}" for p, values in named.items())
        return f"The rule: column `{rule.column}` of the records ({text}).\n"
    return (
        f"The rule: {rule.folds}-fold cross-validation, once for each of the seeds {', '.join(map(str, rule.seeds))}, "
        f"stratified on the outcome, no patient in two folds; {rule.validation:.0%} of the training part validates.\n"
    )


def _classes(task: Any, complete: Any) -> str:
    parts = [p for p in PARTITIONS if complete and complete.partitions.get(p) and complete.partitions[p].classes]
    rows = []
    for code, words in task.classes.items():
        counts = [f"{complete.partitions[p].classes.get(code, 0):,}" for p in parts]
        rows.append((code_cell(code), cell(words), *counts))
    asked = task.kind in ("multilabel", "multiclass")
    words = "in words, as zero-shot asks for it" if asked else "in words"
    words = words if task.in_words else "written out; not in words, so that zero-shot leaves the task out"
    return table(("name", words, *parts), rows)
