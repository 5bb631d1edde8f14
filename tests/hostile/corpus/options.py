"""Options, arguments and environment variables of the command line."""

from __future__ import annotations

from collections.abc import Sequence

from ..case import Case, Sandbox

RUN = ("run", "-m", "kmerl", "-t", "ptbxl-super", "--mode", "linear", "--dry-run", "--simulated-records", "50")


def command(*arguments: str, **environment: str):
    def make(box: Sandbox) -> Sequence[str]:
        box.environment |= environment
        return arguments

    return make


def run(*arguments: str, **environment: str):
    return command(*RUN, *arguments, **environment)


def project(content: bytes):
    def make(box: Sandbox) -> Sequence[str]:
        box.write("bench.toml", content)
        box.environment["BENCH_TOML"] = str(box.folder / "bench.toml")
        return RUN

    return make


CASES = [
    Case("no-such-command", command("rnu"), words=("rnu",)),
    Case("no-such-option", run("--sede", "1"), words=("--sede",)),
    Case("no-such-method", command("run", "-m", "kmrel", "-t", "ptbxl-super", "--mode", "linear"), words=("kmerl",)),
    Case(
        "no-such-task", command("run", "-m", "kmerl", "-t", "ptbxl-supre", "--mode", "linear"), words=("ptbxl-super",)
    ),
    Case("no-such-mode", command("run", "-m", "kmerl", "-t", "ptbxl-super", "--mode", "liner"), words=("linear",)),
    *(
        Case(f"fraction-{value}", run("--fraction", value), words=("--fraction",))
        for value in ("0", "-1", "2", "nan", "inf", "1e999", "ten", "101%")
    ),
    *(Case(f"seed-{value}", run("--seed", value), words=("--seed",)) for value in ("1.5", "x", "-1", "1e3")),
    *(Case(f"set-{value}", run("--set", value), words=("--set",)) for value in ("linear.lr", "=1")),
    Case("set-empty", run("--set", "linear.lr="), words=("linear", "lr")),
    *(
        Case(f"rate-{value}", run("--set", f"linear.lr={value}"), words=("linear", "lr"))
        for value in ("inf", "nan", "-1", "0", "x", "1e999")
    ),
    *(Case(f"leads-{value}", run("--leads", value), words=("lead",)) for value in ("0", "13", "X", "-1")),
    *(
        Case(f"time-limit-{value}", run("--time-limit", value), words=("--time-limit", "2h"))
        for value in ("0", "-1", "inf", "nan", "2 hours", "1e400", "h")
    ),
    Case("time-limit-ray", run("--time-limit", "2h", "--executor", "ray"), words=("--time-limit", "--executor local")),
    Case("text-unknown", run("--corpus", "ptbxl", "--text", "french"), words=("french", "statements", "--text")),
    Case("set-of-another-method", run("--set", "merl.fs=100"), words=("merl.fs=100", "no effect")),
    Case("data-root-empty", run("--data-root", "ptbxl="), words=("--data-root",)),
    Case("data-root-absent", run("--data-root", "nowhere"), words=("--data-root", "nowhere")),
    Case("data-root-unknown", run("--data-root", "ptbx=."), words=("ptbxl",)),
    Case(
        "variable-records",
        command("data", "status", BENCH_SIMULATED_RECORDS="many"),
        words=("BENCH_SIMULATED_RECORDS",),
    ),
    Case("variable-data", command("data", "status", BENCH_DATA="nowhere"), words=("BENCH_DATA", "nowhere")),
    Case("variable-toml", command("data", "status", BENCH_TOML="nowhere.toml"), words=("BENCH_TOML", "nowhere.toml")),
    *(
        Case(f"empty-{name}", run(f"--{name}", ""), words=(f"--{name}", "empty"))
        for name in ("seed", "workspace", "set")
    ),
    Case("seeds-without-end", run("--seed", "0-99999999999"), words=("--seed",)),
    Case("records-without-end", run("--simulated-records", "9" * 30), words=("--simulated-records",)),
    Case("data-root-too-long", run("--data-root", "a" * 5000), words=("--data-root",)),
    Case(
        "task-is-a-dataset",
        command("run", "-m", "kmerl", "-t", "ptbxl", "--mode", "linear"),
        words=("ptbxl-super", "or all: --task"),
    ),
    *(
        Case(f"toml-{name}", project(content), words=("bench.toml",))
        for name, content in (
            ("nested", b"jobs = " + b"[" * 5000),
            ("latin-1", 'workspace = "Universit\u00e4t"'.encode("latin-1")),
            ("digits", b"jobs = " + b"9" * 5000),
            ("twice", b"jobs = 1\njobs = 2"),
            ("table", b"[jobs]\nx = 1"),
            ("empty", b'workspace = ""'),
            ("data-empty", b'[data]\nptbxl = ""'),
            ("nul", b"\0"),
        )
    ),
    Case("toml-bom", project(b"\xef\xbb\xbfjobs = 1\n"), exit=0, words=("1 cell",)),
    Case("dry-run", run(), exit=0, words=("1 cell",)),
]
