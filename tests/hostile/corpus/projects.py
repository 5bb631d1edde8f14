"""``bench.toml``: what a project sets once."""

from __future__ import annotations

from collections.abc import Sequence

from ..case import Case, Sandbox

DEEP = 5000


def toml(content: str | bytes, *arguments: str):
    """A ``bench.toml`` in the current folder."""

    def make(box: Sandbox) -> Sequence[str]:
        box.environment["BENCH_TOML"] = str(box.write("bench.toml", content))
        return arguments or ("data", "status")

    return make


def folder(box: Sandbox) -> Sequence[str]:
    (box.folder / "bench.toml").mkdir()
    box.environment["BENCH_TOML"] = str(box.folder / "bench.toml")
    return ("data", "status")


BAD: dict[str, str | bytes] = {
    "no-toml": "workspace",
    "open-string": 'workspace = "a',
    "twice-a-key": 'profile = "smoke"\nprofile = "paper"\n',
    "unknown-key": 'workspce = "a"\n',
    "unknown-table": "[bench]\na = 1\n",
    "latin-1": b'workspace = "\xe9"\n',
    "utf-16": 'workspace = "a"\n'.encode("utf-16"),
    "nul": 'workspace = "a\0"\n',
    "escaped-nul": 'workspace = "a\\u0000b"\n',
    "brackets": "jobs = " + "[" * DEEP + "]" * DEEP,
    "inline-tables": "data = " + "{a = " * DEEP + "1" + "}" * DEEP,
    "dotted": ".".join(["data"] * DEEP) + " = 1\n",
    "workspace-number": "workspace = 1\n",
    "workspace-empty": 'workspace = ""\n',
    "workspace-list": 'workspace = ["a"]\n',
    "jobs-zero": "jobs = 0\n",
    "jobs-negative": "jobs = -1\n",
    "jobs-text": 'jobs = "2"\n',
    "jobs-true": "jobs = true\n",
    "jobs-float": "jobs = 1.5\n",
    "jobs-infinite": "jobs = inf\n",
    "jobs-digits": f"jobs = {'9' * 5000}\n",
    "profile-other": 'profile = "fast"\n',
    "profile-date": "profile = 2026-01-01\n",
    "records-few": "simulated_records = 1\n",
    "records-negative": "simulated_records = -50\n",
    "data-text": 'data = "a"\n',
    "data-number": "[data]\nptbxl = 1\n",
    "data-unknown": '[data]\nptbx = "."\n',
    "data-absent": '[data]\nptbxl = "nowhere"\n',
    "data-empty": '[data]\nptbxl = ""\n',
    "data-root-absent": '[data]\nroot = "nowhere"\n',
    "data-root-empty": '[data]\nroot = ""\n',
    "data-user": '[data]\nptbxl = "~nosuchuser/ecg"\n',
    "workspace-user": 'workspace = "~nosuchuser/ecg"\n',
    "artifacts-number": "artifacts = 1\n",
    "escape-sequence": 'workspace = "a"\n\x1b[2J\n',
}
GOOD = {
    "empty": "",
    "comment": "# nothing\n",
    "byte-order-mark": b"\xef\xbb\xbf" + b'profile = "smoke"\n',
    "windows-lines": 'profile = "smoke"\r\njobs = 1\r\n',
    "spaces-in-names": '[data]\nptbxl = "."\n',
}

CASES = [
    *(Case(name, toml(content), words=("bench.toml",)) for name, content in BAD.items()),
    *(Case(name, toml(content), exit=0, words=("ptbxl",)) for name, content in GOOD.items()),
    Case("directory", folder, words=("bench.toml",)),
]
