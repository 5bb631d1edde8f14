"""Seconds until ``bench --help`` and ``bench methods`` have answered, next to an interpreter that does nothing.

    python benchmarks/startup.py [--rounds 5]      # asked: 0.4 s and 1.0 s

Each is a separate process, warm (files and compiled modules in the page cache); the least of the rounds is printed next to
their median, since what else runs on the machine can only add. What bounds it: the interpreter itself and typer's imports;
``bench methods`` also parses the source of every method.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import typer, rich": ["-c", "import typer, rich.table"],
    "bench --help": ["-m", "bench.cli.main", "--help"],
    "bench methods": ["-m", "bench.cli.main", "methods"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(arguments.rounds + 1):
        for name, command in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, capture_output=True)
            seconds[name].append(time.perf_counter() - started)
    for name, times in seconds.items():
        print(f"{name:20} least {min(times[1:]):.2f} s, median {statistics.median(times[1:]):.2f} s")


if __name__ == "__main__":
    main()
