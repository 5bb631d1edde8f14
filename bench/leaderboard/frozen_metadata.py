"""Metadata files of a frozen folder: Croissant and RO-Crate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.cells.result import Result
from bench.leaderboard import croissant, ro_crate
from bench.leaderboard.cards import CROISSANT, RO_CRATE
from bench.storage.artifacts import write_json


def write_metadata(folder: Path, names: Sequence[str], results: Sequence[Result]) -> list[Path]:
    """Write both files, from the other files of the folder alone; the date is that of the newest result."""
    published = max((str(result.provenance.get("started", ""))[:10] for result in results), default="")
    write_json(folder / CROISSANT, croissant.of_boards(folder, names, published))
    write_json(folder / RO_CRATE, ro_crate.of_boards(folder, names, published))
    return [folder / CROISSANT, folder / RO_CRATE]
