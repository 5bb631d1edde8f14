"""Measured costs of runs, and the amount of pretraining that the papers ask for."""

from __future__ import annotations

import lzma
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from words import cell, table

from bench import registry
from bench.progress import time_span
from bench.reading.json_file import parse_json

TRAINING_RECORDS = 17_418
"""Of PTB-XL, folds 1 to 8."""
BOARDS = Path(__file__).parents[2] / "leaderboards"

HEAD = """# Cost

`bench run --dry-run` estimates your own run, from the times of earlier cells in your workspace. The times below were measured
when the boards of this project were made: one thread of one processor core, no GPU.

## Per method

Measured: pretraining with the profile `small` on 1,282 recordings of PTB-XL (about 7 % of it), and the encoding of recordings
with this small network. Asked for: epochs and batch size of the profile `paper`. Pretraining time is proportional to epochs
times recordings, and grows with the network. A full pretraining takes at least the measured time per recording, with the
epochs of the paper and PTB-XL's 17,418 training recordings; the published networks are larger, so it belongs on a GPU.
Methods with `no` are not pretrained; methods without a row have not been measured.

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
    of_method = {}
    for card in (*cards("ptbxl-subset"), *cards("ptbxl-small")):
        if (card["config"]["method"].get("pretrain") or {}).get("epochs") == 0:  # an untrained network
            continue
        if card["checkpoint"].get("seconds") or card["cell"]["method"] not in of_method:
            of_method[card["cell"]["method"]] = card
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
                time_span(checkpoint["seconds"]) if checkpoint.get("seconds") else "" if learns else "no",
                _full(card, entry.load().stages(config)),
                f"{provenance['recordings_per_second']:,.0f}" if provenance.get("recordings_per_second") else "",
                f"{config.pretrain.epochs:,}" if learns else "",
                f"{config.pretrain.batch_size:,}" if learns else "",
            )
        )
    head = (
        "method",
        "family",
        "pretraining, measured",
        "full, at least",
        "recordings encoded per s",
        "epochs (paper)",
        "batch (paper)",
    )
    return table(head, rows)


def _full(card: dict[str, Any], stages: Mapping[str, Any]) -> str:
    """The measured time of pretraining with the epochs of the paper, on all training recordings of PTB-XL."""
    checkpoint = card["checkpoint"]
    if not checkpoint.get("seconds") or len(stages) != 1:
        return ""
    epochs = next(iter(stages.values())).epochs / card["config"]["method"]["pretrain"]["epochs"]
    return time_span(checkpoint["seconds"] * epochs * TRAINING_RECORDS / checkpoint["records"]["train"])


def _tasks() -> str:
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for card in cards("simulated"):
        seconds = card["provenance"]["seconds"]
        times[card["cell"]["task"], card["cell"]["mode"]].append(seconds["answer"] + seconds["score"])
    modes = sorted({mode for _, mode in times})
    rows = [
        (
            f"[`{task}`](tasks/{task}.md)",
            *(_short(median(t)) if (t := times.get((task, mode))) else "" for mode in modes),
        )
        for task in sorted({task for task, _ in times})
    ]
    return table(("task", *modes), rows)


def _short(seconds: float) -> str:
    return time_span(seconds) if seconds >= 1 else "under 1 s"
