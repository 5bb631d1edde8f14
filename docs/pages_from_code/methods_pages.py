"""A page for each registered method: what its docstring says, what it reads, what it can do, its settings."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import settings_pages
from words import cell, markdown, table

from bench import modes, registry
from bench.explain.paper_table import paper_table
from bench.method import MethodConfig
from bench.method.describe import method_facts, written
from bench.reading.as_published import as_published


def navigation() -> list:
    names = registry.entries(registry.METHODS)
    return ["reference/methods/index.md", *({name: f"reference/methods/{name}.md"} for name in names)]


def pages() -> dict[str, str]:
    entries = registry.entries(registry.METHODS)
    texts = {"reference/methods/index.md": _index(entries)}
    for name, entry in entries.items():
        texts[f"reference/methods/{name}.md"] = _page(entry, entry.load())
    return texts


def _index(entries: dict[str, registry.Entry]) -> str:
    rows = [
        (
            f"[`{name}`]({name}.md)",
            ", ".join(registry.modes_of(entry)),
            "yes" if "pretraining_loss" in entry.defines else "no",
            cell(entry.summary),
        )
        for name, entry in entries.items()
    ]
    return (
        "# Methods\n\nWritten from the code, as `bench methods` prints it. Every page says what the method is, where it "
        "comes from, what it reads, and each of its settings with its source. Settings that all methods share: "
        "[Settings](../config.md).\n\n" + table(("name", "modes", "pretrains", ""), rows)
    )


def _page(entry: registry.Entry, method: Any) -> str:
    facts = [(label, cell(words)) for label, words in method_facts(entry, method).items() if label != "source"]
    parts = [f"# {entry.name}\n", markdown(method.__doc__) + "\n", table(("", ""), facts)]
    parts += ["```\n" + _example(entry) + "\n```\n"]
    parts += _paper(entry, method)
    parts += _settings(entry, method)
    for title, profile, settings in (
        ("1,000 to 20,000 recordings", "small", method.small),
        ("Small and quick", "smoke", method.smoke),
    ):
        if settings:
            listed = ", ".join(f"`{field}={written(value)}`" for field, value in settings.items())
            parts += [f"## {title}\n", f"The `{profile}` profile sets {listed}.\n"]
    for title, values in (
        ("How its paper trains it downstream", method.protocols),
        ("What its paper searched", method.spaces),
    ):
        if values:
            parts += [f"## {title}\n", _by_mode(values)]
    return "\n".join(parts)


def _paper(entry: registry.Entry, method: Any) -> list[str]:
    if settings_pages.required_fields(method.Config) or as_published(entry) is None:
        return []
    compared = paper_table(entry)
    rows = [
        (f"{row.aspect}{' §' if row.differences else ''}", cell(row.paper), cell(row.release), cell(row.ours))
        for row in compared.rows
    ]
    paper, release = map(cell, compared.sources)
    names = f"Paper: {paper}. Release: {release}.\n"
    unstated = "on which the paper is silent" if compared.read else "where the paper was not read by us"
    lines = [f"- § {row.aspect}: {cell(line)}" for row in compared.rows for line in row.differences]
    lines += [f"- {row.aspect}, {unstated}: {cell(line)}" for row in compared.rows for line in row.choices]
    return [
        "## Paper, release and this project\n",
        names,
        table(("aspect", "paper", "release", "ours"), rows),
        *lines,
        "",
    ]


def _settings(entry: registry.Entry, method: Any) -> list[str]:
    config = method.Config
    if settings_pages.required_fields(config):
        with tempfile.TemporaryDirectory() as folder:
            values = method.example_config(Path(folder))
        return _shown(entry, lambda: config(**values), MethodConfig)
    return _shown(entry, config, MethodConfig)


def _shown(entry: registry.Entry, config: Any, base: type[MethodConfig]) -> list[str]:
    rows = settings_pages.fields_table(config, "", base)
    if not rows:
        return []
    how = (
        f"`--set FIELD=VALUE`, or `--set {entry.name}.FIELD=VALUE` where several methods run. Fields of `pretrain` that are "
        "as everywhere are [among the settings of all](../config.md#pretraining).\n"
    )
    return ["## Settings\n", how, settings_pages.groups(type(config()), rows), rows]


def _example(entry: registry.Entry) -> str:
    known = map(modes.facts, registry.modes_of(entry))
    quickest = min(known, key=lambda mode: (mode.trains, mode.uses_labels))
    return f"bench run --method {entry.name} --task TASK --mode {quickest.name}"


def _by_mode(values: dict[str, Any]) -> str:
    rows = []
    for mode, fields in values.items():
        if hasattr(fields, "items"):
            rows += [(mode, f"`{field}`", cell(f"`{written(value)}`")) for field, value in fields.items()]
        else:
            rows.append((mode, "", cell(f"`{fields}`")))
    return table(("mode", "field", "value"), rows)
