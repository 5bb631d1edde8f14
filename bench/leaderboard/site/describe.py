"""Methods, tasks and modes in words, for their pages: from docstrings, configs and split files."""

from __future__ import annotations

import importlib
import inspect
import re
import warnings
from collections.abc import Container, Iterable
from typing import Any

from pydantic import BaseModel

from bench import kinds, modes
from bench.cells.result import Result
from bench.errors import BenchError, foreign_code
from bench.leaderboard.class_notes import FEW
from bench.method import describe
from bench.registry import DATASETS, MODES, Entry, entries, load
from bench.tracking.run_fields import flatten

PAPER = ("Source", "Sources", "As released")
"""First words of the docstring paragraphs that describe a method's paper."""

Paragraphs = list[tuple[str, Any]]
"""(``text``, words), (``code``, lines as they are) or (``list``, items)."""


def paragraphs(text: str | None) -> Paragraphs:
    """A docstring in parts."""
    parts: Paragraphs = []
    for block in inspect.cleandoc(text or "").split("\n\n"):
        lines = block.splitlines()
        if not block.strip():
            continue
        if all(line.startswith(("    ", "|", "==")) for line in lines):
            parts.append(("code", inspect.cleandoc(block)))
        elif lines[0].lstrip().startswith(("- ", "* ")):
            items: list[str] = []
            for line in lines:
                if line.lstrip().startswith(("- ", "* ")):
                    items.append(line.lstrip()[2:])
                elif items:
                    items[-1] += " " + line.strip()
            parts.append(("list", items))
        else:
            parts.append(("text", " ".join(line.strip() for line in lines)))
    return parts


def fields(model: type[BaseModel]) -> list[dict[str, str]]:
    """Fields of a config: path, default and description."""
    return [
        {"name": path, "default": describe.written(default), "description": info.description or ""}
        for path, default, info in describe.config_fields(model)
    ]


def method_facts(entry: Entry) -> dict[str, Any]:
    """What is known of a method. One whose module cannot be imported keeps what its source says."""
    facts: dict[str, Any] = {
        "name": entry.name,
        "about": paragraphs(entry.summary),
        "background": [],
        "facts": describe.method_facts(entry),
        "config": [],
        "config_missing": "It has no settings.",
    }
    try:
        with foreign_code():
            cls = entry.load()
        parts = paragraphs(cls.__doc__)
        background = [part for part in parts if str(part[1]).startswith(PAPER) or "Deviation" in str(part[1])]
        facts["about"] = [part for part in parts if part not in background]
        facts["background"] = background + paragraphs(importlib.import_module(entry.module).__doc__)[1:]
        pretrains = cls.implements("pretraining_loss")
        facts["config"] = [f for f in fields(cls.Config) if pretrains or not f["name"].startswith("pretrain.")]
        facts["facts"] = describe.method_facts(entry, cls)
    except Exception as error:  # whatever a plugin's module does when it is imported
        warnings.warn(f"the page of {entry.name} lacks its configuration: {error}", stacklevel=2)
        facts["config_missing"] = f"It cannot be imported here ({type(error).__name__})."
    return facts


def own_methods(results: Iterable[Result], known: Container[str]) -> dict[str, dict[str, Any]]:
    """What results say of the user's own encoders and of methods that are not installed here, by the name that is shown."""
    own: dict[str, dict[str, Any]] = {}
    for result in results:
        name = result.method_name
        if name in known or not re.fullmatch(r"\w[\w .+-]*", name):  # it becomes a file's name
            continue
        config = flatten(result.config.get("method", {}))
        facts = own.setdefault(
            name,
            {
                "name": name,
                "about": [("text", f"An encoder of the user, run by the method {result.cell.method}.")]
                if result.own_name
                else [("text", "A method that is not installed where this site was made.")],
                "background": [],
                "facts": {},
                "modes": [],
                "config": [{"name": n, "default": describe.written(v), "description": ""} for n, v in config.items()],
                "config_missing": "Its results state no settings.",
            },
        )
        facts["modes"] = sorted({*facts["modes"], result.cell.mode})
    return own


def task_facts(entry: Entry) -> dict[str, Any]:
    """What is known of a task and its split, without data."""
    from bench.splitting.split import load_split

    words: dict[str, str] = dict(entry.attributes.get("classes") or {})
    kind = kinds.of_entry(entry)
    try:
        with foreign_code():
            cls = entry.load()
        words, kind = dict(cls.classes), cls.kind
    except Exception as error:  # whatever a plugin's module does when it is imported
        warnings.warn(f"the page of {entry.name} shows what its source says: {error}", stacklevel=2)
    definition = kinds.known(kind)
    metric = definition.selection_metric if definition else ""
    name = str(entry.attributes.get("split"))
    facts: dict[str, Any] = {
        "name": entry.name, "about": paragraphs(entry.summary), "dataset": entry.attributes.get("dataset"), "kind": kind,
        "metric": metric, "split": name, "split_notice": "", "split_source": "", "version": "",
        "license": "", "url": "", "citation": "",
        "n": 0, "digest": "", "partitions": [], "class_heads": [], "few": FEW, "any_few": False,
        "classes": [{"name": label, "words": wording, "counts": []} for label, wording in words.items()],
    }  # fmt: skip
    try:
        with foreign_code():
            source = load(DATASETS, str(facts["dataset"]))
        facts |= {"license": source.license, "url": source.url, "citation": source.citation}
    except Exception as error:  # an unknown dataset, or whatever a plugin's module does when it is imported
        warnings.warn(f"the page of {entry.name} lacks licence and citation: {error}", stacklevel=2)
    try:
        split = load_split(name)
    except BenchError as error:
        return facts | {"split_notice": str(error)}
    facts |= {"split_notice": split.description.strip(), "split_source": split.source.strip().rstrip(".")}
    complete = split.content.complete
    if complete is None:
        return facts
    facts |= {"version": complete.version, "n": complete.records, "digest": complete.digest or ""}
    facts["partitions"] = [
        {
            "name": part,
            "records": f"{partition.records:,}",
            "patients": "—" if partition.patients is None else f"{partition.patients:,}",
            "digest": partition.digest or "—",
        }
        for part, partition in complete.partitions.items()
    ]
    counted = {part: partition.classes for part, partition in complete.partitions.items() if partition.classes}
    facts["class_heads"] = [f"{part} positives" for part in counted]
    facts["classes"] = [
        {"name": label, "words": wording, "counts": [classes.get(label) for classes in counted.values()]}
        for label, wording in words.items()
    ]
    facts["any_few"] = any(n is not None and n < FEW for c in facts["classes"] for n in c["counts"])
    return facts


def mode_facts() -> list[dict[str, Any]]:
    """The modes, with the settings of each; settings that several share are listed once."""
    described: list[dict[str, Any]] = []
    listed: set[type] = set()
    for name in entries(MODES):
        try:
            mode = modes.load(name)
        except BenchError as error:
            warnings.warn(f"the page of protocols lacks a mode: {error}", stacklevel=2)
            continue
        shown = [] if mode.Config in listed else fields(mode.Config)
        listed.add(mode.Config)
        described.append({"name": mode.name, "about": paragraphs(mode.__doc__), "fields": shown})
    return described
