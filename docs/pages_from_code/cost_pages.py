"""Measured costs of runs, and the amount of pretraining that the papers ask for."""

from __future__ import annotations

import lzma
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from words import cell, table

from bench import registry
from bench.progress import time_span
from bench.reading.json_file import parse_json

BOARDS = Path(__file__).parents[2] / "leaderboards"

HEAD = """# Cost

`bench run --dry-run` estimates your own run, from the times of earlier cells in your workspace. The times below were measured
when the boards of this project were made: one thread of one processor core, no GPU.

## Per method

Measured: pretraining with the profile `smoke` on 1,282 recordings of PTB-XL (about 7 % of it), and the encoding of recordings
with this small network. Asked for: epochs and batch size of the profile `paper`. Pretraining time is proportional to epochs
times recordings, and grows with the network; the published networks are larger, so a full pretraining belongs on a GPU.

"""
TASKS = """
## Per task

Measured on simulated cohorts with the profile `smoke`: the median time of one cell after pretraining (training of the head or
the network, and scoring).

"""


def pages() -> dict[str, str]:
    return {"reference/cost.md": HEAD + _methods() + TASKS + _tasks()}


def cards(name: str) -> list[dict[str, Any]]:
    """The result cards of a folder of frozen boards."""
    with lzma.open(BOARDS / name / "cards.jsonl.xz", "rt", encoding="utf-8") as lines:
        return [parse_json(line) for line in lines]


def _methods() -> str:
    of_method = {card["cell"]["method"]: card for card in cards("ptbxl-subset")}
    rows = []
    for name, entry in registry.entries(registry.METHODS).items():
        if name not in of_method:
            continue
        card, config = of_method[name], entry.load().Config()
        checkpoint, provenance = card["checkpoint"], card["provenance"]
        learns = "pretraining_loss" in entry.defines
        rows.append(
            (
                f"[`{name}`](methods/{name}.md)",
                cell(entry.attributes.get("family") or ""),
                time_span(checkpoint["seconds"]) if checkpoint.get("seconds") else "none",
                f"{provenance['recordings_per_second']:,.0f}" if provenance.get("recordings_per_second") else "",
                f"{config.pretrain.epochs:,}" if learns else "none",
                f"{config.pretrain.batch_size:,}" if learns else "",
            )
        )
    head = ("method", "family", "pretraining, measured", "recordings encoded per s", "epochs (paper)", "batch (paper)")
    return table(head, rows)


def _tasks() -> str:
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for card in cards("simulated"):
        seconds = card["provenance"]["seconds"]
        times[card["cell"]["task"], card["cell"]["mode"]].append(seconds["answer"] + seconds["score"])
    modes = sorted({mode for _, mode in times})
    rows = [
        (
            f"[`{task}`](tasks/{task}.md)",
            *(time_span(median(t)) if (t := times.get((task, mode))) else "" for mode in modes),
        )
        for task in sorted({task for task, _ in times})
    ]
    return table(("task", *modes), rows)
