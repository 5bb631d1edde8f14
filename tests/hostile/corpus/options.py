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
    Case("dry-run", run(), exit=0, words=("1 cell",)),
]

FAULTS = {
    "data-root-empty": "silent; an empty folder is the current one",
}
