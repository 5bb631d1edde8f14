"""A frozen board as an RO-Crate (version 1.1): ``ro-crate-metadata.json`` names its files, boards and software.

Source: https://www.researchobject.org/ro-crate/specification/1.1
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.leaderboard.board import load_board
from bench.leaderboard.cards import COMPARISONS, CROISSANT, PACK, PREDICTIONS, RECORDS
from bench.reading.text_file import read_bytes

VERSION = "https://w3id.org/ro/crate/1.1"
SOFTWARE = "#ecg-bench"
KINDS = {
    ".md": "text/markdown", ".csv": "text/csv", ".tex": "text/x-tex", ".svg": "image/svg+xml", ".json": "application/json",
    ".xz": "application/x-xz",
}  # fmt: skip
WORDS = {
    PACK: "The result card of every cell of the boards, one JSON object per line",
    COMPARISONS: "Numbers of the paired tests",
    RECORDS: "Ids of the recordings of each task, and the way to obtain them",
    CROISSANT: "Croissant metadata of the boards as CSV",
}


def of_boards(folder: Path, names: Sequence[str], published: str) -> dict[str, Any]:
    """The crate of a frozen folder.

    Args:
        published: the date of the newest result, ISO 8601.
    """
    titles = {name: load_board(name).title for name in names}
    paths = [folder / f"{name}{suffix}" for name in names for suffix in (".md", ".csv", ".tex", ".svg")]
    paths += [folder / name for name in WORDS]
    files = [_file(path, titles.get(path.stem, "")) for path in paths if path.exists()]
    if (folder / PREDICTIONS).is_dir():
        files.append({"@id": f"{PREDICTIONS}/", "@type": "Dataset", "name": "Predictions of each card"})
    title = "; ".join(titles.values())
    root = {
        "@id": "./", "@type": "Dataset", "name": title, "datePublished": published,
        "description": f"Boards of ECG representation learning with their result cards, frozen by bench: {title}.",
        "hasPart": [{"@id": file["@id"]} for file in files],
        "mentions": {"@id": SOFTWARE},
    }  # fmt: skip
    software = {
        "@id": SOFTWARE, "@type": "SoftwareApplication", "name": "bench",
        "description": "bench leaderboard validate compares the boards with the cards",
    }  # fmt: skip
    descriptor = {
        "@id": "ro-crate-metadata.json", "@type": "CreativeWork", "conformsTo": {"@id": VERSION}, "about": {"@id": "./"},
    }  # fmt: skip
    return {"@context": f"{VERSION}/context", "@graph": [descriptor, root, software, *files]}


def _file(path: Path, title: str) -> dict[str, Any]:
    return {
        "@id": path.name, "@type": "File", "name": WORDS.get(path.name) or f"{title} ({path.suffix[1:]})",
        "encodingFormat": KINDS[path.suffix], "sha256": hashlib.sha256(read_bytes(path)).hexdigest(),
    }  # fmt: skip
