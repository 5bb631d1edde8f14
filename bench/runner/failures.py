"""Records of failed cells: a file with the traceback, removed when the cell succeeds. A failure is never a result."""

from __future__ import annotations

import traceback
import warnings
from typing import TYPE_CHECKING, Any

from bench import provenance
from bench.cells.cell import Cell
from bench.errors import BenchError
from bench.progress import say
from bench.reading.json_file import read_json_object
from bench.redaction import redact
from bench.storage.artifacts import digest, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.cells.cell import Profile
    from bench.data.source import DataSource
    from bench.storage.workspace import Workspace

OUT_OF_MEMORY = (
    "The usual reason is lack of memory: use fewer --jobs, smaller batches (--set finetune.batch_size=16), or a "
    "machine with more memory."
)


def explain(error: BaseException) -> tuple[str, str]:
    """An error in a sentence, and its traceback; neither holds a password."""
    message = str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
    if _of_memory(error):
        message = f"{message.strip().removesuffix('.')}. {OUT_OF_MEMORY}"
    return redact(message), redact("".join(traceback.format_exception(error)))


def _of_memory(error: BaseException) -> bool:
    """numpy raises MemoryError, torch a separate OutOfMemoryError on GPUs and a mere RuntimeError on CPUs."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
    )


def record(
    cell: Cell, source: DataSource, profile: Profile, key: str, message: str, trace: str, row: Sequence[str] = ()
) -> None:
    """Keep a failure under ``failures/``, where ``bench runs --failed`` finds it.

    Args:
        row: settings of a board's row (:attr:`bench.runner.plan.RunOptions.row`); rows may share a cell.
    """
    folder = source.workspace.failures
    value = {"cell": cell.to_dict(), "key": key, "error": message, "traceback": trace, "time": provenance.now()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / _name(cell, source, profile, row), value)
    except OSError as error:  # most often what the cell failed of, too; the run goes on and tells
        say(f"warning: the failure of {cell} could not be recorded ({error.strerror or error})")


def forget(cell: Cell, source: DataSource, profile: Profile, row: Sequence[str] = ()) -> None:
    """The cell succeeded."""
    (source.workspace.failures / _name(cell, source, profile, row)).unlink(missing_ok=True)


def recorded(workspace: Workspace) -> list[dict[str, Any]]:
    """The recorded failures, newest last."""
    folder, failures = workspace.failures, []
    for path in folder.glob("*.json") if folder.is_dir() else ():
        try:
            failure = read_json_object(path)
            Cell.from_dict(failure["cell"])
            failures.append({name: str(failure[name]) for name in ("key", "error", "traceback", "time")} | failure)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            warnings.warn(f"left out: {path}: not a readable failure ({error}). Delete the file.", stacklevel=2)
    return sorted(failures, key=lambda failure: str(failure["time"]))


def messages(workspace: Workspace) -> dict[str, str]:
    """Key of each cell with a recorded failure -> its message."""
    return {failure["key"]: failure["error"] for failure in recorded(workspace)}


def _name(cell: Cell, source: DataSource, profile: Profile, row: Sequence[str]) -> str:
    """One file for a cell of a profile, data kind and row."""
    of_row = [list(row)] if row else []
    return f"{digest([cell.to_dict(), profile, source.kind, *of_row], 16)}.json"
