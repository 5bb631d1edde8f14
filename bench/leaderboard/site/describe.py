"""Methods, tasks and modes in words, for their pages: from docstrings, configs and split files."""

from __future__ import annotations

import importlib
import inspect
import warnings
from typing import Any

from bench import kinds
from bench.errors import BenchError, foreign_code
from bench.leaderboard.footnotes import FEW
from bench.modes import MODULES
from bench.registry import DATASETS, Entry, load, modes_of

PAPER = ("Source", "Sources", "As released")
"""First words of the docstring paragraphs that describe a method's paper."""

Paragraphs = list[tuple[str, Any]]
"""(``text``, words), (``code``, lines as they are) or (``list``, items)."""


def paragraphs(text: str | None) -> Paragraphs:
    """A docstring in parts."""
    found: Paragraphs = []
    for block in inspect.cleandoc(text or "").split("\n\n"):
        lines = block.splitlines()
        if not block.strip():
            continue
        if all(line.startswith(("    ", "|", "==")) for line in lines):
            found.append(("code", inspect.cleandoc(block)))
        elif lines[0].lstrip().startswith(("- ", "* ")):
            items: list[str] = []
            for line in lines:
                if line.lstrip().startswith(("- ", "* ")):
                    items.append(line.lstrip()[2:])
                elif items:
                    items[-1] += " " + line.strip()
            found.append(("list", items))
        else:
            found.append(("text", " ".join(line.strip() for line in lines)))
    return found


def fields(model: Any, prefix: str = "", depth: int = 0) -> list[dict[str, str]]:
    """Fields of a pydantic model, nested ones by dotted name: default, and what the author says of it."""
    from pydantic import BaseModel
    from pydantic_core import PydanticUndefined

    rows: list[dict[str, str]] = []
    for name, one in model.model_fields.items():
        default = one.get_default(call_default_factory=False)
        if isinstance(default, BaseModel) and depth < 2:
            rows += fields(type(default), f"{prefix}{name}.", depth + 1) if not one.description or depth else []
            if one.description and not depth:
                rows += [
                    _of_instance(row, default, f"{prefix}{name}.")
                    for row in fields(type(default), f"{prefix}{name}.", 1)
                ]
            continue
        shown = "(must be given)" if default is PydanticUndefined else str(default)
        rows.append({"name": prefix + name, "default": shown, "description": one.description or ""})
    return rows


def _of_instance(row: dict[str, str], value: Any, prefix: str) -> dict[str, str]:
    """The row with the default of the instance, which may differ from its class's."""
    for part in row["name"].removeprefix(prefix).split("."):
        value = getattr(value, part)
    return row | {"default": str(value)}


def method_facts(entry: Entry) -> dict[str, Any]:
    """What is known of a method. One whose module cannot be imported keeps what its source says."""
    facts: dict[str, Any] = {
        "name": entry.name,
        "about": paragraphs(entry.summary),
        "background": [],
        "modes": modes_of(entry),
        "input": "",
        "corpus": entry.attributes.get("corpus"),
        "distribution": entry.distribution,
        "module": entry.module,
        "config": [],
        "config_missing": "It has no settings.",
    }
    try:
        with foreign_code():
            cls = entry.load()
        parts = paragraphs(cls.__doc__)
        told = [part for part in parts if str(part[1]).startswith(PAPER) or "Deviation" in str(part[1])]
        facts["about"] = [part for part in parts if part not in told]
        facts["background"] = told + paragraphs(importlib.import_module(entry.module).__doc__)[1:]
        facts["config"] = fields(cls.Config)
        facts["input"] = _input(cls.input)
    except Exception as error:  # whatever a plugin's module does when it is imported
        warnings.warn(f"the page of {entry.name} lacks its configuration: {error}", stacklevel=2)
        facts["config_missing"] = f"It cannot be imported here ({type(error).__name__})."
    return facts


def _input(spec: Any) -> str:
    words = [
        f"{spec.seconds:g} s at {spec.fs} Hz",
        "millivolts" if spec.normalise == "none" else f"{spec.normalise} scaling",
    ]
    words += [f"filters {', '.join(spec.filters)}"] if spec.filters else []
    words += ["median beat"] if spec.median_beat else []
    words.append("any subset of leads" if spec.partial_leads else "absent leads as zeros")
    words += [f"pretrains with {', '.join(spec.modalities)}"] if spec.modalities else []
    return ", ".join(words)


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
    asked = kinds.known(kind)
    metric = asked.selection_metric if asked else ""
    name = str(entry.attributes.get("split"))
    facts: dict[str, Any] = {
        "name": entry.name, "about": paragraphs(entry.summary), "dataset": entry.attributes.get("dataset"), "kind": kind,
        "metric": metric, "split": name, "split_notice": "", "split_source": "", "version": "",
        "license": "", "url": "", "citation": "",
        "n": 0, "digest": "", "partitions": [], "class_heads": [], "few": FEW, "any_few": False,
        "classes": [{"name": label, "words": told, "counts": []} for label, told in words.items()],
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
    whole = split.content.complete
    if whole is None:
        return facts
    facts |= {"version": whole.version, "n": whole.records, "digest": whole.digest or ""}
    facts["partitions"] = [
        {
            "name": part,
            "records": f"{found.records:,}",
            "patients": "—" if found.patients is None else f"{found.patients:,}",
            "digest": found.digest or "—",
        }
        for part, found in whole.partitions.items()
    ]
    counted = {part: found.classes for part, found in whole.partitions.items() if found.classes}
    facts["class_heads"] = [f"{part} positives" for part in counted]
    facts["classes"] = [
        {"name": label, "words": told, "counts": [classes.get(label) for classes in counted.values()]}
        for label, told in words.items()
    ]
    facts["any_few"] = any(n is not None and n < FEW for c in facts["classes"] for n in c["counts"])
    return facts


def mode_facts() -> list[dict[str, Any]]:
    """The modes, with the settings of each."""
    from bench.modes import mode_module

    found = []
    for name in MODULES:
        module = mode_module(name)
        about = paragraphs(module.__doc__)
        if name == "scratch":
            about = [("text", "As finetune, but from random weights: what pretraining adds is the difference.")]
        shown = [] if name == "scratch" else fields(module.Config)
        found.append({"name": name, "about": about, "fields": shown})
    return found
