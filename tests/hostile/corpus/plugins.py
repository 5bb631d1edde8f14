"""Packages of strangers that end the process or take the name of a built-in one."""

from __future__ import annotations

from collections.abc import Sequence

from ..case import Case, Make, Sandbox

EXITS = "raise SystemExit(0)\nclass Mine:\n    name = 'strange'\n    def encode(self, batch): pass\n"


def installed(file: str, value: str, *arguments: str) -> Make:
    """A distribution ``stranger`` with a method, found through PYTHONPATH, whose file ends the process."""

    def make(box: Sandbox) -> Sequence[str]:
        box.write(file, EXITS)
        box.write("stranger-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: stranger\nVersion: 1\n")
        box.write("stranger-1.dist-info/entry_points.txt", f"[bench.methods]\nstranger = {value}\n")
        box.environment |= {"PYTHONPATH": str(box.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        return arguments

    return make


def hiding(name: str, *arguments: str) -> Make:
    def make(box: Sandbox) -> Sequence[str]:
        box.write(name, "import os; open(os.environ['HOSTILE_MARKER'], 'w')")
        box.environment |= {"PYTHONPATH": str(box.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        return arguments

    return make


CASES = [
    Case(
        "package-that-exits",
        installed("leaving/__init__.py", "leaving.method", "methods", "kmerl"),
        exit=0,
        words=("kmerl", "stranger", "pip uninstall stranger"),
        child=True,
    ),
    Case(
        "module-that-exits",
        installed("leaving.py", "leaving", "run", "-m", "strange", "-t", "ptbxl-super", "--mode", "linear"),
        words=("strange", "sys.exit(0)"),
        child=True,
    ),
    Case("own-tasks-module", hiding("tasks.py", "tasks"), words=("tasks.py hides", "Rename"), child=True),
    Case("own-methods-package", hiding("methods/__init__.py", "methods"), words=("hides", "Rename"), child=True),
]
