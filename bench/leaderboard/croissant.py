"""Croissant metadata (MLCommons, version 1.0) of frozen boards and of splits: JSON-LD that catalogues and loaders read.

Source: https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.leaderboard.board import load_board
from bench.leaderboard.citation import citation
from bench.leaderboard.formats.table_csv import FIELDS
from bench.reading.text_file import read_bytes
from bench.splitting.split import load_split, split_files

CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/", "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/", "dct": "http://purl.org/dc/terms/", "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
} | {
    name: f"cr:{name}"
    for name in (
        "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet", "format",
        "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex",
        "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
    )
}  # fmt: skip
NUMBERS = frozenset(
    {
        "value", "low", "high", "sd", "sd_patients", "sd_replicates", "sd_training", "sd_draw", "sd_seed", "text_ceiling",
        "text_ceiling_low", "text_ceiling_high", "published", "published_sd", "records", "labels_training",
        "labels_validation", "seeds", "replicates", "folds", "contrasts", "contrast_detectable", "pairs", "pair_detectable",
        "rank", *(f"{kind}_{part}" for kind in ("untrained", "supervised") for part in ("difference", "low", "high", "p")),
    }
)  # fmt: skip
"""Columns of a board's CSV that hold a number or nothing; the others are texts."""


def of_boards(folder: Path, names: Sequence[str], published: str) -> dict[str, Any]:
    """Metadata of the boards of a frozen folder: each CSV with its digest, and a record set with a field per column.

    Args:
        published: the date of the newest result, ISO 8601.
    """
    loaded = {name: load_board(name) for name in names}
    files = [_file(folder / f"{name}.csv", "text/csv") for name in names]
    sets = [
        {
            "@type": "cr:RecordSet", "@id": name, "name": name, "description": board.title,
            "field": [_csv_field(name, column) for column in FIELDS],
        }
        for name, board in loaded.items()
    ]  # fmt: skip
    cited = list(dict.fromkeys(line for name in names for line in citation(name)))
    title = "; ".join(board.title for board in loaded.values())
    words = f"Results of ECG representation learning with intervals and provenance, frozen by bench: {title}."
    return _dataset(f"boards-{folder_name(names)}", words, files, sets, cited) | {"datePublished": published}


def of_split(name: str) -> dict[str, Any]:
    """Metadata of a split: its file with its digest, and the stated counts and digests per partition as a record set.

    A split holds a rule and no recordings; the dataset stays with its publisher.

    Raises:
        UnknownName: there is no such split.
    """
    content = load_split(name).content
    path = split_files()[name]
    rows = [
        {
            "partitions/partition": part, "partitions/version": complete.version, "partitions/records": facts.records,
            "partitions/patients": -1 if facts.patients is None else facts.patients,
            "partitions/digest": facts.digest or "",
        }
        for complete in ([content.complete] if content.complete else [])
        for part, facts in complete.partitions.items()
    ]  # fmt: skip
    kinds = {"partition": "sc:Text", "version": "sc:Text", "records": "sc:Integer", "patients": "sc:Integer"}
    fields = [
        {"@type": "cr:Field", "@id": f"partitions/{field}", "name": field, "dataType": kind}
        for field, kind in (kinds | {"digest": "sc:Text"}).items()
    ]
    words = "Stated contents of a complete copy; -1 patients: not stated. Digests: BLAKE2b over sorted record ids and labels."
    partitions = {"@type": "cr:RecordSet", "@id": "partitions", "name": "partitions", "description": words}
    sets = [partitions | {"field": fields, "data": rows}] if rows else []
    description = f"{content.description} Source: {content.source}."
    return _dataset(name, description, [_file(path, "application/yaml")], sets, [content.source])


def folder_name(names: Sequence[str]) -> str:
    return "-".join(name.replace("_", "-") for name in names)


def _dataset(
    name: str, description: str, files: list[dict[str, Any]], sets: list[dict[str, Any]], cited: Sequence[str]
) -> dict[str, Any]:
    return {
        "@context": CONTEXT, "@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0", "name": name,
        "description": " ".join(description.split()), "citeAs": "\n".join(cited), "distribution": files, "recordSet": sets,
    }  # fmt: skip


def _file(path: Path, kind: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject", "@id": path.name, "name": path.name, "contentUrl": path.name, "encodingFormat": kind,
        "sha256": hashlib.sha256(read_bytes(path)).hexdigest(),
    }  # fmt: skip


def _csv_field(board: str, column: str) -> Mapping[str, Any]:
    return {
        "@type": "cr:Field", "@id": f"{board}/{column}", "name": column,
        "dataType": "sc:Float" if column in NUMBERS else "sc:Text",
        "source": {"fileObject": {"@id": f"{board}.csv"}, "extract": {"column": column}},
    }  # fmt: skip
