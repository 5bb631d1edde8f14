"""Weights from an object store that this machine would not have made to the bit."""

from __future__ import annotations

from typing import Any

from bench import provenance
from bench.training.devices import Devices, ran_on

WORDS = {
    "accelerator": "accelerator",
    "devices": "devices per machine",
    "nodes": "machines",
    "precision": "precision",
    "processor": "processor",
    "gpu": "GPU",
}


def made_elsewhere(facts: dict[str, Any], precision: str, devices: Devices | None) -> str:
    """How the making of a checkpoint differs from how it would be made here, written out; empty where it does not.

    Args:
        facts: its provenance.
    """
    theirs = {**facts.get("machine", {}), **facts.get("ran_on", {})}
    ours = {**provenance.machine(), **ran_on(precision, devices)}
    differing = [
        f"{words} {theirs[name]} (here {ours[name]})"
        for name, words in WORDS.items()
        if name in theirs and theirs[name] != ours[name]
    ]
    return ", ".join(differing)
