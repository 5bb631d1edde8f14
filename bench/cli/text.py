"""``bench text``: the user's textbooks, from which descriptions of findings are written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli import options as o

app = typer.Typer(no_args_is_help=True, help="Prepare textbooks for methods that describe findings (ESI).")

Store = Annotated[
    Path | None,
    typer.Option("--store", metavar="FOLDER", help="The store. [default: textbooks/ in the workspace]"),
]


@app.command(epilog="Example:  bench text ingest ~/books/atlas.pdf ~/books/notes.md")
def ingest(
    files: Annotated[list[Path], typer.Argument(help="PDF, plain text or Markdown files.")],
    store: Store = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--text-model", help="Text encoder of a new store, by name or folder. [default: the packaged one]"
        ),
    ] = None,
    json_output: o.Json = False,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Split textbooks into passages for search and citation. A known file is not read again."""
    texts = _store(store, model, workspace, writable=True)
    ingested = texts.ingest([path.expanduser() for path in files])
    if json_output:
        return o.print_json({"store": str(texts.folder), "files": ingested})
    for file in ingested:
        parts = f"{file.parts:,} {file.unit}{'s' if file.parts != 1 else ''}"
        typer.echo(f"{file.name}: {parts}, {file.passages:,} passages{'' if file.new else ', already in the store'}")
    typer.echo(f"store {texts.folder}")
    typer.echo(
        "use it with: bench pretrain esi --set esi.cqa.textbooks="
        f"{texts.folder} --set 'esi.cqa.endpoint={{url: http://HOST:PORT/v1, model: NAME}}'"
    )
    return None


@app.command(epilog="Example:  bench text retrieve 'left bundle branch block' --top 3")
def retrieve(
    statements: Annotated[list[str], typer.Argument(help="Statements, in the words of reports.")],
    top: Annotated[
        int, typer.Option("--top", "-k", min=1, help="Number of passages per statement; 3 in ESI's code.")
    ] = 3,
    store: Store = None,
    json_output: o.Json = False,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Show the passages that a language model would receive for a statement, with page."""
    passages_of = _store(store, None, workspace).retrieve(statements, top)
    if json_output:
        return o.print_json(passages_of)
    for statement, passages in passages_of.items():
        typer.echo(statement)
        for passage in passages:
            typer.echo(f"  {passage.similarity:.2f}  {passage.citation}")
            typer.echo(f"        {passage.text}")
    return None


def _store(folder: Path | None, model: str | None, workspace: str | None, writable: bool = False) -> Any:
    from bench import registry
    from bench.storage.workspace import Workspace

    current = Workspace.at(workspace)
    if writable and folder is None:
        current.ensure_writable()
    return registry.text_store().of_model(folder.expanduser() if folder else current.textbooks, model)
