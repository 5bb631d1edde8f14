"""Record which cards this workspace has replayed (``bench replay CARD``); a card cannot claim it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.reading.json_file import read_json
from bench.storage.artifacts import write_json

if TYPE_CHECKING:
    from bench.leaderboard.card_form import Card
    from bench.storage.workspace import Workspace


@dataclass(frozen=True)
class ReplayRecord:
    """Outcome of replaying a card: its digest, whether it was accepted, and the reason."""

    digest: str
    accepted: bool
    reason: str


def folder_of(workspace: Workspace) -> Path:
    return workspace.root / "replays"


def record_replay(record: ReplayRecord, workspace: Workspace) -> Path:
    """Keep the outcome of a replay."""
    folder = folder_of(workspace)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{record.digest}.json"
    write_json(path, asdict(record))
    return path


def was_replayed(card: Card, workspace: Workspace) -> bool:
    """Whether this workspace computed the card's cell again and accepted what came out."""
    path = folder_of(workspace) / f"{card.digest}.json"
    if not path.is_file():
        return False
    try:
        value = read_json(path)
    except (OSError, ValueError):
        return False
    return isinstance(value, dict) and value.get("digest") == card.digest and value.get("accepted") is True
