"""Every released model from the authors' file to a board, with weights from a closed form: time, memory, no damage.

    python benchmarks/released_models.py [--methods "clef-small; ecgfounder"] [--modes linear,knn] [--data-root PTBXL_ROOT]

Each model gets a file in its authors' layout (``tests/golden/released_files.py``), which ``bench weights import`` takes; then
``bench run`` runs the modes (unless others are named: a linear head of two epochs, and the nearest neighbours), and a board
shows each. ``attentive`` and ``lora`` train for ``--epochs`` at one rate, two recordings in a step. Without
``--data-root``, a folder in PTB-XL's layout, the recordings are 120 simulated ones; ``--recordings 400`` takes that many of
the folder's, at equal distances, where a large network would take hours for all. Models run one after the other, the
smallest first. Seconds are those of whole commands. ``GiB`` is the largest resident memory of one process of a command,
mapped files included. The weights are random: the macro AUROCs show that the path works, and say nothing about the models.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TASK = "ptbxl-super"
RATE = ("lrs=[1e-3]", "batch_size=2")
SETTINGS = {"linear": (), "attentive": RATE, "lora": RATE}
"""Modes that train -> their settings besides the epochs."""
LIMIT = 3.0
"""GiB that no model may exceed."""
BOARD = """title: Released models with random weights
metric: macro_auroc
columns:
{columns}
rows:
  - {{label: {method}, method: {method}, config: {config}}}
"""


def released_layouts() -> dict:
    """``LAYOUTS`` of ``tests/golden/released_files.py``."""
    sys.path.insert(0, str(ROOT / "tests" / "golden"))
    return importlib.import_module("released_files").LAYOUTS


@dataclass(frozen=True)
class Done:
    """A finished command.

    Attributes:
        seconds: wall time; gib: largest resident memory of one of its processes; output: what it printed.
    """

    seconds: float
    gib: float
    output: str


class CommandFailed(Exception):
    """A command ended with an error; the text is the end of what it printed."""


def bench(*arguments: str, workspace: Path, log: Path) -> Done:
    """Run ``bench`` in a separate process.

    Raises:
        CommandFailed: the command failed.
    """
    code = "import sys; from bench.cli.main import command; sys.argv[0] = 'bench'; sys.exit(command())"
    environment = os.environ | {"BENCH_WORKSPACE": str(workspace), "BENCH_SIMULATED_RECORDS": "120"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [environment.get("PYTHONPATH")])])
    environment.pop("BENCH_DATA", None)
    began = time.perf_counter()
    with open(log, "wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=workspace, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
        output = process.stdout.read().decode(errors="replace")
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
    if process.returncode:
        raise CommandFailed(f"bench {' '.join(arguments)}: " + (output + log.read_text(errors="replace"))[-2000:])
    gib = used.ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
    return Done(time.perf_counter() - began, gib, output)


def part_of(root: Path, recordings: int, folder: Path) -> Path:
    """A folder in PTB-XL's layout with some of the recordings of another, at equal distances; signals are linked."""
    import pandas as pd

    index = pd.read_csv(root / "ptbxl_database.csv", dtype=str)
    count = min(recordings, len(index))
    folder.mkdir()
    index.iloc[[i * len(index) // count for i in range(count)]].to_csv(folder / "ptbxl_database.csv", index=False)
    for entry in root.iterdir():
        if entry.name != "ptbxl_database.csv":
            (folder / entry.name).symlink_to(entry)
    return folder


def parameters(layout) -> float:
    """Millions of weights in a file, statistics of BatchNorm included."""
    return sum(math.prod(shape) for shape in layout.shapes().values()) / 1e6


def line(case: str, layout, modes: list[str], data: list[str], epochs: int, workspace: Path) -> str:
    """The line of the table for one model.

    Raises:
        CommandFailed: a command failed. OSError: the file cannot be written.
    """
    method, log, board = case.partition(",")[0], workspace / "log.txt", workspace / "board.yaml"
    settings = [part for name, value in layout.settings.items() for part in ("--set", f"{method}.{name}={value}")]
    with tempfile.TemporaryDirectory(dir=workspace) as folder:
        written = layout.write(Path(folder))
        own = (*settings, "--accept-licence")  # of weights that were made here
        imported = bench("weights", "import", method, str(written), *own, workspace=workspace, log=log)
    trained = {mode: (f"epochs={epochs}", *SETTINGS[mode]) for mode in modes if mode in SETTINGS}
    own_settings = [part for mode in trained for field in trained[mode] for part in ("--set", f"{mode}.{field}")]
    cells = ("--method", method, "--task", TASK, "--mode", ",".join(modes), "--replicates", "1")
    ran = bench("run", *cells, *own_settings, *settings, *data, "--json", workspace=workspace, log=log)
    results = {
        cell["cell"]["mode"]: cell["score"]["metrics"]["macro_auroc"]["value"] for cell in json.loads(ran.output)
    }
    columns = "\n".join(f"  - {{label: {mode}, task: {TASK}, mode: {mode}}}" for mode in modes)
    board.write_text(BOARD.format(columns=columns, method=method, config=json.dumps(layout.settings)))
    shown = bench("leaderboard", "render", str(board), "--format", "markdown", workspace=workspace, log=log)
    table = (workspace / "boards" / "board.md").read_text()
    results = {mode: math.nan if value is None else value for mode, value in results.items()}  # of few recordings
    missing = [mode for mode in modes if f"| {results[mode]:.3f}" not in table and not math.isnan(results[mode])]
    for part in ("weights", "checkpoints", "features"):
        shutil.rmtree(workspace / part, ignore_errors=True)
    gib = max(done.gib for done in (imported, ran, shown))
    marks = [f"not on the board: {', '.join(missing)}"] if missing else []
    marks += [f"over {LIMIT:g} GiB"] if gib > LIMIT else []
    return (
        f"{case:24} {parameters(layout):8.1f} {imported.seconds:8.1f} {ran.seconds:8.1f} {imported.gib:6.2f} {ran.gib:6.2f} "
        f"{' '.join(f'{results[mode]:9.3f}' for mode in modes)}  {'; '.join(marks)}"
    ).rstrip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", default="", help="cases of LAYOUTS, separated by semicolons (default: all)")
    parser.add_argument(
        "--data-root", type=Path, help="a folder in PTB-XL's layout (default: 120 simulated recordings)"
    )
    parser.add_argument("--recordings", type=int, help="how many of --data-root (default: all)")
    parser.add_argument("--modes", default="linear,knn", help="modes, separated by commas (default: linear,knn)")
    parser.add_argument("--epochs", type=int, default=2, help="of modes that train")
    arguments = parser.parse_args()
    modes = [mode.strip() for mode in arguments.modes.split(",") if mode.strip()]
    layouts = released_layouts()
    chosen = [case.strip() for case in arguments.methods.split(";") if case.strip()] or list(layouts)
    if unknown := [case for case in chosen if case not in layouts]:
        parser.error(f"no layout of {', '.join(unknown)}; known: {'; '.join(layouts)}")
    if arguments.recordings is not None and (arguments.recordings < 1 or not arguments.data_root):
        parser.error("--recordings: expected a number above 0, together with --data-root")
    failures = 0
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as parts:
        workspace, root = Path(folder), arguments.data_root and arguments.data_root.resolve()
        if root and arguments.recordings:
            root = part_of(root, arguments.recordings, Path(parts) / "ptbxl")
        data = ["--data-root", f"ptbxl={root}"] if root else []
        log = workspace / "log.txt"
        prepared = bench("data", "prepare", "ptbxl", *data, workspace=workspace, log=log)
        print(f"recordings prepared: {prepared.seconds:.0f} s, {prepared.gib:.2f} GiB", flush=True)
        names = " ".join(f"{mode:>9}" for mode in modes)
        print(f"{'':24} {'million':>8} {'seconds':>8} {'seconds':>8} {'GiB':>6} {'GiB':>6} {'AUROC of each mode':>9}")
        print(f"{'model':24} {'weights':>8} {'import':>8} {'run':>8} {'import':>6} {'run':>6} {names}")
        for case in sorted(chosen, key=lambda case: parameters(layouts[case])):
            try:
                text = line(case, layouts[case], modes, data, arguments.epochs, workspace)
            except CommandFailed as error:
                text = f"{case:24} FAILED: {error}"
            failures += "FAILED" in text or "not on the board" in text or "over" in text
            print(text, flush=True)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
