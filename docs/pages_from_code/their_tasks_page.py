"""One page with the tasks of three other ECG benchmarks (``their_tasks.yaml``) next to ours, and their published numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from words import cell, table

from bench import registry
from bench.reading.yaml_file import read_yaml

HEAD = """# Their tasks and ours

Tasks of three other benchmarks with ours next to them, and what differs. Written from the code: a task without a link is
not there yet. **Published numbers are theirs**, on their splits and pipelines, and never share a column with ours.
"""

BEFORE = {
    "ecg-fm-benchmarking": """Numbers (theirs): macro AUROC of ECGFounder / ECG-JEPA / ECG-CPC frozen with an attention head;
S4 from scratch. Lower is better where they say MAE.
""",
    "ecg-fix": "Logistic regression on 1, 10 and 100 % of the training part.\n",
    "BenchECG": "Sleep apnoea and atrial fibrillation from PPG have no twelve-lead ECG and are left out.\n",
}

AFTER = {
    "ecg-fm-benchmarking": """Errors in their published table that a comparison should know: HuBERT-ECG's fine-tuned values
on MIMIC equal its linear ones in all eleven rows, and ECG-FM's fine-tuned value on EchoNext its frozen one (copied
cells); all 16 points outside their own interval are ZZU's. Their intervals resample recordings, not patients.
""",
}


def pages() -> dict[str, str]:
    known = registry.entries(registry.TASKS)
    sections = [HEAD]
    for name, rows in their_tasks().items():
        sections += [f"## {name}\n", BEFORE[name], _table(rows, known), AFTER.get(name, "")]
    return {"reference/their-tasks.md": "\n".join(sections)}


def their_tasks() -> dict[str, list[dict[str, Any]]]:
    """Benchmark -> its tasks."""
    return read_yaml(Path(__file__).with_name("their_tasks.yaml"))


def _table(rows: list[dict[str, Any]], known: dict[str, registry.Entry]) -> str:
    return table(
        ("theirs", "ours", "kind", "what differs", "published (theirs)"),
        [
            (
                row["theirs"],
                ", ".join(_link(name, known) for name in row["ours"]) or "none",
                row["kind"],
                cell(row["differs"]),
                row.get("published", ""),
            )
            for row in rows
        ],
    )


def _link(name: str, known: dict[str, registry.Entry]) -> str:
    return f"[`{name}`](tasks/{name}.md)" if name in known else f"`{name}` (not yet)"
