"""A finished cell on disk: metrics, predictions per record and provenance. MLflow is a copy of it.

``results/KEY/result.json`` holds everything but the predictions, ``results/KEY/predictions.parquet`` one row for each
scored example of the validation and test partitions: ``record_id, patient_id, partition, target_*, score_*``, and
``results/KEY/history.csv``, where a mode trains in epochs, one row per epoch. Of a mode that scores the test records at
several points (numbers of labels, layers), ``results/KEY/curve.npy`` holds float32 [point, record, ...]: the scores of each
row of the history.
"""

from __future__ import annotations

import csv
import hashlib
import io
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from bench.cells.cell import Cell
from bench.errors import ConfigError, DataError
from bench.reading.json_file import parse_json
from bench.storage.artifacts import file_digest, read_sealed, seal, write_json, writing
from bench.storage.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SCHEMA = 1
HISTORY = "history.csv"
CURVE = "curve.npy"
NAMED = 5
"""Damaged results that are named when all are read; of more, the number."""


@dataclass(frozen=True)
class Result:
    """One finished cell.

    Attributes:
        key: digest of what determines the result; the folder's name.
        cell: its coordinates.
        profile: ``paper``, ``small`` or ``smoke``; never mixed in a table.
        data: ``real`` or ``simulated``; never mixed in a table.
        score: :class:`bench.scoring.score.Score` as JSON: metrics with intervals, per-class values, classes left out.
        counts: records per partition: ``train, validation, test`` as scored, and ``expected`` for the complete split.
        split: name, digest of the partition used, whether it is the complete published split, fold.
        dataset: name, version, digest of the prepared store, quality counts (NaN, flat, skipped); of a transferred task
            those of the train task, and as ``tested_on`` those of the test task.
        checkpoint: key, digest, corpus and pretraining facts; empty for a method that is not pretrained.
        config: the method's config and the protocol's (``{"method": ..., "linear": ...}``).
        selection: what was chosen on validation data: metric, value, epoch.
        inputs: the digest of each part of the key (:mod:`bench.runner.keys`).
        contamination: whether what was tested on was pretrained on: ``none``, ``same dataset``, ``test records`` or
            ``unknown`` (:mod:`bench.contamination.audit`); results older than this field are ``unknown``.
        contamination_evidence: the corpus, the reasons, what could be checked, counts, and the first records found; where
            pretraining read texts, ``text_ceiling`` (:mod:`bench.contamination.text_ceiling`).
        provenance: versions, git commit, device, seeds, input spec, source digest, the command, start time, seconds by phase.
        level: the level of proof of a result that came as a card (:mod:`bench.leaderboard.validation.verdict`); empty for
            one of this workspace. It is not stored.
        seen: of a zero-shot result, which classes pretraining had named (:mod:`bench.cells.seen_classes`); empty if unknown.
    """

    key: str
    cell: Cell
    profile: str
    data: str
    score: dict[str, Any]
    counts: dict[str, Any]
    split: dict[str, Any]
    dataset: dict[str, Any]
    checkpoint: dict[str, Any]
    config: dict[str, Any]
    selection: dict[str, Any]
    provenance: dict[str, Any]
    inputs: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)
    contamination: str = "unknown"
    contamination_evidence: dict[str, Any] = field(default_factory=dict)
    predictions_digest: str = ""
    schema: int = SCHEMA
    folder: Path | None = field(default=None, compare=False)
    level: str = field(default="", compare=False)

    @property
    def tested_dataset(self) -> str:
        """Name of the dataset of the test records."""
        return str(self.dataset.get("tested_on", self.dataset).get("name"))

    @property
    def own_name(self) -> str | None:
        """The name that the user gave an encoder: the field ``name`` of its config."""
        return (self.config.get("method") or {}).get("name")

    @property
    def method_name(self) -> str:
        """The method as tables show it: the name of the user's encoder, else that of the method."""
        return self.own_name or self.cell.method

    @property
    def title(self) -> str:
        """The cell as tables show it."""
        return str(replace(self.cell, method=self.method_name))

    def metric(self, name: str) -> dict[str, float | None]:
        """``{"value": ..., "low": ..., "high": ...}`` of one metric."""
        return self.score["metrics"][name]

    def predictions(self) -> pd.DataFrame:
        """The per-record predictions; refuses a file whose bytes changed since the cell was finished."""
        import pandas as pd

        return pd.read_parquet(io.BytesIO(self.prediction_bytes()))

    def prediction_columns(self) -> dict[str, np.ndarray]:
        """The same as an array for each column, ten times as fast: a board compares thousands of results."""
        import pyarrow
        from pyarrow import parquet

        table = parquet.ParquetFile(pyarrow.BufferReader(self.prediction_bytes())).read(use_threads=False)
        return {name: table.column(name).to_numpy(zero_copy_only=False) for name in table.column_names}

    def history(self) -> list[dict[str, float]]:
        """One entry per epoch of downstream training, in order; empty for a mode that has none, or if it was not kept."""
        if self.folder is None or self.level or HISTORY not in (self.provenance.get("files") or {}):
            return []  # with a card come its predictions; no check covers what else lies next to it
        path = self.folder / HISTORY
        if not path.is_file():
            return []
        with open(path, newline="", encoding="utf-8") as file:
            return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]

    def curve(self) -> np.ndarray | None:
        """Scores of the test records at each row of :meth:`history`, float32 [point, record, ...]; None for a mode without
        and for a card.

        Raises:
            DataError: the file is missing or was altered since the cell was finished.
        """
        import numpy as np

        recorded = (self.provenance.get("files") or {}).get(CURVE)
        if self.folder is None or self.level or recorded is None:
            return None
        path = self.folder / CURVE
        if not path.exists() or file_digest(path) != recorded:
            raise DataError(
                f"{path}: missing or altered since the cell was finished. Delete {self.folder} and run the cell again."
            )
        scores: np.ndarray = np.load(path, allow_pickle=False)
        return scores

    def prediction_bytes(self) -> bytes:
        """The predictions as they are stored; refuses bytes that changed since the cell was finished."""
        if self.folder is None:
            raise DataError(f"result {self.key} was not read from a folder, so its predictions cannot be found.")
        path = self.folder / "predictions.parquet"
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != self.predictions_digest:
            raise DataError(
                f"{path}: missing or altered since the cell was finished (its digest is not the recorded one). "
                f"Delete {self.folder} and run the cell again."
            )
        return content


def write_result(
    results: Path,
    result: Result,
    predictions: pd.DataFrame,
    history: Sequence[Mapping[str, float]] = (),
    curve: Sequence[np.ndarray] | np.ndarray = (),
) -> Result:
    """Store a finished cell; it appears whole or not at all, and takes the place of an older one.

    Args:
        history: one entry per epoch of downstream training.
        curve: test scores of each entry of the history; empty for a mode without.

    Returns:
        The result with folder and predictions digest filled in.
    """
    final = results / result.key
    with writing(final, replace=True) as folder:
        path = folder / "predictions.parquet"
        predictions.to_parquet(path, index=False)
        value = asdict(result) | {"cell": result.cell.to_dict(), "predictions_digest": file_digest(path)}
        if history:
            _write_history(folder / HISTORY, history)
            files = {HISTORY: file_digest(folder / HISTORY)}
            if len(curve):
                _write_curve(folder / CURVE, curve)
                files[CURVE] = file_digest(folder / CURVE)
            value["provenance"] = value["provenance"] | {"files": files}
        del value["folder"], value["level"]
        write_json(folder / "result.json", value)
        seal(folder, "result", {"key": result.key} | result.inputs)
    return read_result(final)


def _write_history(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in history for name in row)))
        writer.writeheader()
        writer.writerows(history)


def _write_curve(path: Path, curve: Sequence[np.ndarray] | np.ndarray) -> None:
    import numpy as np

    np.save(path, np.stack([scores.astype(np.float32) for scores in curve]))


def read_result(folder: Path) -> Result:
    """Read one finished cell; its ``result.json`` must be the one that was sealed.

    Raises:
        DataError: the folder holds no readable result of this schema, or one that was altered.
    """
    try:
        content = read_sealed(folder, "result.json")
    except (OSError, ValueError) as error:
        raise _unreadable(folder, error) from error
    return parse_result(content, folder)


def parse_result(content: bytes, folder: Path) -> Result:
    """A finished cell from the bytes of its ``result.json``, in the folder that holds its predictions.

    Raises:
        DataError: no readable result of this schema.
    """
    try:
        value = parse_json(content.decode())
        if value.get("schema") != SCHEMA:
            raise DataError(f"{folder}: schema {value.get('schema')}, expected {SCHEMA}; run the cell again.")
        result = Result(**(value | {"cell": Cell.from_dict(value["cell"]), "folder": folder}))
        imported = bool(result.checkpoint.get("imported"))
        read_in_order = not imported or bool(result.checkpoint["corpus"].get("lead_order"))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _unreadable(folder, error) from error
    if not read_in_order:
        raise DataError(
            f"{folder}: computed from weights that version 0.1.0 imported without the order of their leads, so that "
            "they may have read wrong leads. Import the file again (bench checkpoints import) and run the cell again."
        )
    return result


def _unreadable(folder: Path, error: Exception) -> DataError:
    return DataError(
        f"{folder / 'result.json'}: not a readable result ({error}). Run the cell again, or delete the folder."
    )


class StoredResults(Sequence[Result]):
    """Finished cells, each read when it is asked for: a hundred thousand of them do not fit into memory at once."""

    def __init__(self, folders: Sequence[Path]):
        self.folders = folders

    def __len__(self) -> int:
        return len(self.folders)

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> StoredResults: ...
    def __getitem__(self, index: int | slice) -> Result | StoredResults:
        selected = self.folders[index]
        return read_result(selected) if isinstance(selected, Path) else StoredResults(selected)


def read_results(results: Path) -> Iterator[Result]:
    """Every finished cell of a result store, in the order of their keys; damaged ones are left out, with a warning."""
    damaged: list[str] = []
    for folder in sorted(results.iterdir()) if results.is_dir() else ():
        if folder.is_dir() and not folder.name.startswith("."):
            try:
                result = read_result(folder)
            except DataError as error:
                damaged.append(str(error))
            else:
                yield result
    for message in damaged[:NAMED]:
        warnings.warn(f"left out: {message}", stacklevel=2)
    if more := damaged[NAMED:]:
        warnings.warn(
            f"left out: {len(more):,} more damaged results. bench artifacts verify --kind result lists all.",
            stacklevel=2,
        )


def named_results(workspace: Workspace, names: Iterable[str]) -> list[Result]:
    """The results whose keys begin with the names; all of them without names.

    Raises:
        ConfigError: a name that no key begins with, or several do. DataError: a result that is damaged.
    """
    if not (names := list(names)):
        return list(read_results(workspace.results))
    keys = [path.name for path in workspace.results.glob("[!.]*")]
    chosen = []
    for name in names:
        matches = [key for key in keys if name and key.startswith(name)]
        if len(matches) != 1:
            which = f"{len(matches)} results in" if matches else "no result in"
            problem = f"{which} {workspace.results} {'have' if matches else 'has'}"
            raise ConfigError(f"{problem} a key that begins with {name!r}. bench runs --verbose lists the keys.")
        chosen.append(read_result(workspace.results / matches[0]))
    return chosen


def columns_of(table: pd.DataFrame, prefix: str) -> np.ndarray:
    """The columns ``prefix`` or ``prefix_*`` of predictions, such as ``score`` or ``target``, as a matrix."""
    return (table[prefix] if prefix in table else table.filter(regex=f"^{prefix}_")).to_numpy()
