"""``bench doctor`` and ``bench init``: examine this machine, and write a project's settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options as o
from bench.progress import counted

if TYPE_CHECKING:
    from bench.doctor import Finding

DOCTOR_EXAMPLES = o.examples("bench doctor", "bench doctor --data-root ~/ecg --json")
INIT_EXAMPLE = "Example:  bench init ~/my-study"
_STYLES = {"ok": "green", "note": "dim", "warning": "yellow", "problem": "bold red"}


def doctor_command(
    data_root: o.DataRoot = None, workspace: o.WorkspaceOption = None, json_output: o.Json = False
) -> None:
    """Check versions, plugins, devices, data, encoders, disk and tracking, and print a fix for each problem.
    Exit code 1 if a problem would stop a run."""
    from bench.doctor import examine

    findings = []
    for finding in examine(data_root, workspace):
        findings.append(finding)
        if not json_output:
            _show(finding)
    problems = sum(f.state == "problem" for f in findings)
    if json_output:
        o.print_json(findings)
    else:
        warned = sum(f.state == "warning" for f in findings)
        typer.echo(f"{counted(problems, 'problem')}, {counted(warned, 'warning')}")
    if problems:
        raise typer.Exit(1)


def _show(finding: Finding) -> None:
    from rich.text import Text

    from bench.progress import plain_console

    line = Text.assemble((f"{finding.state:<8}", _STYLES[finding.state]), f"{finding.area:<10} {finding.found}")
    if finding.hint:
        line.append(f"\n{'':19}{finding.hint}", "dim")
    plain_console(highlight=False, soft_wrap=True).print(line)


def init_command(
    folder: Annotated[Path, typer.Argument(help="The project's folder; created if it does not exist.")] = Path(),
) -> None:
    """Write a commented bench.toml: workspace, data, profile and tracking for all commands in this folder."""
    from bench.scaffold.project import write_project

    path = write_project(folder)
    typer.echo(f"wrote {path}")
    typer.echo("Next:  change it, then   bench doctor")
