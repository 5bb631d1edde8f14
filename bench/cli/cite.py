"""Print what to cite: ``bench cite NAME``."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLES = "Example:  bench cite kmerl    |    bench cite ptbxl-super    |    bench cite kmerl_table1"


def cite_command(
    name: Annotated[str, typer.Argument(help="A method, a task, a dataset or a board.", metavar="METHOD|TASK|BOARD")],
) -> None:
    """Print BibTeX, licence and link: the paper of a method, the dataset of a task, or the paper and datasets of a board."""
    from bench.leaderboard.citation import citation

    for line in citation(name):
        typer.echo(line)
