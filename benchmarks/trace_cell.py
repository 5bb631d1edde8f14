"""Count what one prepared linear cell passes through: files, functions, moves between files, repeated look-ups.

    python benchmarks/trace_cell.py             # expected: under 250 moves between files
    python benchmarks/trace_cell.py WORKSPACE

Run it from the project's root. A first cell prepares the store, the features and the contamination audit; the count covers
resolving a second cell and computing its result, with one epoch of training. A last count covers a fresh session, as a
worker process opens it, in which each look-up of the session occurs once.
"""

from __future__ import annotations

import collections
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.data.source import DataSource
from bench.runner import execute
from bench.runner.executors import worker
from bench.runner.plan import RunOptions
from bench.runner.session import Session
from bench.storage.workspace import Workspace

ROOT = f"{Path.cwd()}/"
SKIPPED = ("<module>", "<genexpr>", "<listcomp>", "<dictcomp>", "<setcomp>", "<lambda>")
LOOKUPS = ("Session.method", "Session.task_data", "Session.checkpoint_spec")
calls: list[tuple[str, str]] = []


def profile(frame: Any, event: str, _arg: Any) -> None:
    code = frame.f_code
    ours = code.co_filename.startswith(ROOT) and "/.venv/" not in code.co_filename
    if event == "call" and ours and code.co_name not in SKIPPED and code.co_flags & 0x2:
        calls.append((code.co_filename[len(ROOT) :], code.co_qualname))


def main() -> int:
    workspace = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()
    source = DataSource.from_options(Workspace.at(workspace), (), 60)
    options = RunOptions(
        methods=["random-resnet"],
        tasks=["ptbxl-super"],
        modes=["linear"],
        fractions=[0.5, 0.05],
        overrides=["linear.epochs=1"],
        track=False,
        recompute=True,
    )
    done = worker._done

    def traced(*arguments: Any, **named: Any) -> Any:
        calls.clear()
        sys.setprofile(profile)
        try:
            return done(*arguments, **named)
        finally:
            sys.setprofile(None)

    worker._done = traced
    planned, session = execute.prepare_session(options, source)
    execute.run(options, source)
    files = [file for file, _ in calls]
    moves = sum(a != b for a, b in zip(files, files[1:], strict=False))
    print(
        f"{len(set(files))} files, {len(set(calls))} functions, {len(calls)} calls, {moves} moves between files; of "
        "the session and the registry:"
    )
    for (file, name), n in collections.Counter(calls).most_common():
        if name.startswith("Session.") or (file.endswith("registry.py") and name == "load"):
            print(f"  {n:3d} {name}")
    worker.perform(worker.Job("", "cell", planned.cells[-1]), Session(**session.settings()), again=True)
    counts = collections.Counter(name for file, name in calls if name in LOOKUPS)
    print("in a fresh session: " + ", ".join(f"{counts[name]} {name}" for name in LOOKUPS))
    return 0 if moves < 250 else 1


if __name__ == "__main__":
    sys.exit(main())
