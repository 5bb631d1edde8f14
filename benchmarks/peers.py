"""The linear probe of MERL's own released code against ours: same recordings, same encoder, same machine.

    python benchmarks/peers.py MERL_CHECKOUT MERL_SPLITS PTBXL_ROOT [--their-epochs 2] [--fractions 1,10,100]

``benchmarks/peers.md`` says what to fetch. Their script runs as released, except that a copy of it reads the given folders
instead of the two that are written in it, and that ``cuda`` becomes ``cpu`` where there is no GPU. It takes those recordings
of its split files that PTBXL_ROOT has. Both probe an untrained ResNet18 at 500 Hz: time does not depend on the weights.
Theirs decodes every recording and runs the encoder in each epoch. ``--their-epochs`` epochs after the first are measured, and
multiplied to the 100 of the released script. Ours is the whole command ``bench run --protocol merl-released``: the same
protocol, 100 epochs, in a new workspace, with its preparation and its results.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch

EPOCHS = 100
"""Of the released script."""
TASK = "ptbxl_super_class"


def adapt(checkout: Path, folder: Path, splits: Path, root: Path) -> Path:
    """A copy of the released script that reads our folders.

    Raises:
        SystemExit: the checkout is not the one that this was written for.
    """
    source = checkout / "finetune"
    if not (source / "main_single.py").is_file():
        sys.exit(f"{checkout}: no finetune/main_single.py; expected a checkout of MERL's released code.")
    copied = folder / "finetune"
    shutil.copytree(source, copied)
    script = copied / "main_single.py"
    text = script.read_text()
    for name, value in (("data_split_path", folder / "splits"), ("data_meta_path", folder / "data")):
        text, changed = re.subn(rf"(\n\s*){name} = '[^']*'", rf"\1{name} = {str(value)!r}", text, count=1)
        if not changed:
            sys.exit(f"{script}: no line {name} = '...'; expected MERL's released script.")
    script.write_text(text if torch.cuda.is_available() else text.replace("'cuda'", "'cpu'"))
    (folder / "data").mkdir()
    (folder / "data" / "ptbxl").symlink_to(root.resolve())
    written = folder / "splits" / "ptbxl" / TASK.removeprefix("ptbxl_")
    written.mkdir(parents=True)
    for part in ("train", "val", "test"):
        found = sorted(splits.rglob(f"{TASK}_{part}.csv"))
        if not found:
            sys.exit(f"{splits}: no {TASK}_{part}.csv; expected MERL's split files.")
        table = pd.read_csv(found[0])
        there = [(root / f"{name}.dat").is_file() for name in table.filename_hr]
        table[there].to_csv(written / found[0].name, index=False)
        print(f"their {part}: {sum(there)} recordings")
    torch.save({}, folder / "weights.pth")
    return script


def seconds(command: list[str], folder: Path, **variables: str) -> float:
    """Wall time of a command.

    Raises:
        SystemExit: it failed; with the end of what it printed.
    """
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=os.environ | variables, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return time.perf_counter() - started


def theirs(script: Path, folder: Path, fraction: int, epochs: int) -> float:
    """Seconds of the 100 epochs of a fraction."""

    def run(count: int) -> float:
        command = [sys.executable, script.name, "--dataset", TASK, "--ratio", str(fraction), "--name", "linear"]
        command += ["--workers", str(min(os.cpu_count() or 1, 8)), "--epochs", str(count)]
        command += ["--pretrain_path", str(folder / "weights.pth"), "--checkpoint-dir", str(folder / "out")]
        return seconds(command, script.parent, MPLBACKEND="agg")

    first = run(1)
    return first + (run(1 + epochs) - first) / epochs * (EPOCHS - 1)


def ours(root: Path, folder: Path, fractions: list[int]) -> float:
    """Seconds of the whole command."""
    code = "import sys; from bench.cli.main import command; sys.argv[0] = 'bench'; sys.exit(command())"
    shares = ",".join(f"{fraction}%" for fraction in fractions)
    command = [sys.executable, "-c", code, "run", "-m", "merl", "-t", "ptbxl-super", "--mode", "linear"]
    command += ["--protocol", "merl-released", "--fraction", shares, "--profile", "paper", "--replicates", "1"]
    command += ["--set", "merl.pretrain.epochs=0", "--data-root", f"ptbxl={root.resolve()}"]
    return seconds(command, folder, BENCH_WORKSPACE=str(folder / "workspace"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="of MERL's released code")
    parser.add_argument("splits", type=Path, help="a folder with MERL's split files, which its checkout has as well")
    parser.add_argument("root", type=Path, help="a PTB-XL data root with records500/")
    parser.add_argument("--their-epochs", type=int, default=2, help="measured after the first")
    parser.add_argument("--fractions", default="1,10,100", help="percent of the training recordings")
    arguments = parser.parse_args()
    fractions = [int(part) for part in arguments.fractions.split(",")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = adapt(arguments.checkout, folder, arguments.splits, arguments.root)
        total = 0.0
        for fraction in fractions:
            taken = theirs(script, folder, fraction, arguments.their_epochs)
            total += taken
            print(f"theirs, {fraction} %: {taken:.0f} s for {EPOCHS} epochs", flush=True)
        mine = ours(arguments.root, folder, fractions)
    print(f"ours, {len(fractions)} fractions: {mine:.0f} s; ratio {total / mine:.0f}")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
