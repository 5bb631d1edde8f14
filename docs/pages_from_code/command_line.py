"""The reference of the command line, from the commands themselves."""

from __future__ import annotations

import re
from typing import Any

from words import cell, code_cell, table

from bench.cli.main import EXIT_CODES, app
from bench.method.describe import written


def pages() -> dict[str, str]:
    """One page; a heading for each command."""
    import typer.main

    root = typer.main.get_command(app)
    parts = [
        "# Command line\n",
        "Written from the code. Every command prints the same with `--help`.\n",
        f"{EXIT_CODES} [More about them](exit-codes.md).\n",
    ]
    for name, command in _visible(root):
        parts += _command(f"bench {name}", command)
    return {"reference/cli.md": "\n".join(parts)}


def _visible(group: Any) -> list[tuple[str, Any]]:
    """Commands of a group, without old names."""
    return [(name, child) for name, child in getattr(group, "commands", {}).items() if not child.hidden]


def _command(path: str, command: Any, level: int = 2) -> list[str]:
    shown = [p for p in command.params if not getattr(p, "hidden", False) and p.name != "help"]
    arguments = [p for p in shown if p.param_type_name == "argument"]
    options = [p for p in shown if p.param_type_name == "option"]
    children = _visible(command)
    usage = [
        path,
        *(_argument(p) for p in arguments),
        *(["[OPTIONS]"] if options else []),
        *(["COMMAND"] * bool(children)),
    ]
    parts = [f"{'#' * level} {path}\n", _prose(command.help), f"```\n{' '.join(usage)}\n```\n"]
    rows = [(code_cell(_argument(p)), "", _prose(p.help)) for p in arguments]
    rows += [(_names(p), _default(p), cell(_prose(p.help))) for p in options]
    if rows:
        parts.append(table(("", "default", ""), rows))
    if command.epilog:
        parts.append(_examples(command.epilog))
    for name, child in children:
        parts += _command(f"{path} {name}", child, level + 1)
    return parts


def _argument(parameter: Any) -> str:
    name = parameter.name.upper().replace("_", "-") + ("..." if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


def _names(parameter: Any) -> str:
    names = ", ".join(code_cell(name) for name in [*parameter.opts, *parameter.secondary_opts])
    value = "" if parameter.is_flag else f" {code_cell(parameter.metavar)}" if parameter.metavar else ""
    return names + value


def _default(parameter: Any) -> str:
    value = parameter.default
    if value is None or value == [] or callable(value) or (parameter.is_flag and not parameter.secondary_opts):
        return ""
    if parameter.is_flag:
        return code_cell((parameter.opts if value else parameter.secondary_opts)[0])
    return code_cell(written(value))


def _prose(text: str | None) -> str:
    """Help texts, whose square and angle brackets are meant as written."""
    return re.sub(r"(?<!\\)([<\[])(?![^`]*`)", r"\\\1", text or "").replace("\b", "")


def _examples(epilog: str) -> str:
    """The commands of an epilog, one a line; what follows them as prose."""
    text = re.sub(r"^Examples?:\s+", "", epilog)
    pieces = [" ".join(piece.split("\n")).strip() for piece in text.split("\n\n")]
    notes = [piece for piece in pieces if piece.startswith("Exit codes:")]
    commands = [piece for piece in pieces if piece not in notes]
    return "```\n" + "\n".join(commands) + "\n```\n" + "".join(f"\n{note}\n" for note in notes)
