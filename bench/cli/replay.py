"""``bench replay`` and ``bench rescore``: verify finished cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options as o
from bench.errors import DataError
from bench.progress import counted

if TYPE_CHECKING:
    from bench.cells.result import Result
    from bench.data.source import DataSource

REPLAY_EXAMPLES = "Example:  bench replay 3f9c   # bench runs --verbose lists the keys"
RESCORE_EXAMPLES = o.examples("bench rescore", "bench rescore 3f9c --write")


def replay_command(
    run: Annotated[
        list[str], typer.Argument(help="Keys of results, or their first characters; or result cards (CARD.json).")
    ],
    pretraining: Annotated[
        bool,
        typer.Option(
            "--pretraining",
            help="Repeat from the corpus, pretraining included; the metric is compared within a tolerance taken from "
            "reruns. Always so for cards.",
        ),
    ] = False,
    reruns: Annotated[
        int,
        typer.Option("--reruns", help="Reruns at most, with --pretraining; one is enough if the metric is the same."),
    ] = 3,
    data_root: o.DataRoot = None,
    json_output: o.Json = False,
    simulated_records: o.SimulatedRecords = None,
    on_bad_record: o.OnBadRecord = "error",
    workspace: o.WorkspaceOption = None,
) -> None:
    """Compute finished cells again from their recorded inputs and compare the predictions. Exit code 1 if any differ.

    A card that passes is `replayed` in this workspace (bench leaderboard validate). To repeat a cell in another workspace,
    name it: `bench replay CARD.json --workspace FOLDER`.
    """
    from bench import progress
    from bench.cells.result import named_results

    progress.set_quiet(json_output)
    source = o.data_source(data_root, workspace, simulated_records, on_bad_record)
    cards = [name for name in run if name.endswith(".json")]
    keys = [name for name in run if name not in cards]
    results = named_results(source.workspace, keys) if keys else []
    if cards or pretraining:
        _replay_from_corpus(cards, results, source, reruns, json_output)
        return
    from bench.runner.replay import replay

    replays = []
    for result in results:
        comparison = replay(result, source)
        replays.append({"key": result.key, "cell": result.title, **comparison.__dict__})
        if not json_output:
            outcome = (
                "the same predictions, bit for bit"
                if comparison.identical
                else "the scored records differ"
                if comparison.largest is None
                else f"predictions differ by {comparison.largest:.3g} at most"
            )
            since = f"; changed since: {', '.join(comparison.changed)}" if comparison.changed else ""
            typer.echo(f"{result.key[:12]}  {result.title}: {outcome}{since}")
    if json_output:
        o.print_json(replays)
    if not all(row["identical"] for row in replays):
        raise typer.Exit(1)


def _replay_from_corpus(
    cards: list[str], results: list[Result], source: DataSource, reruns: int, json_output: bool
) -> None:
    from bench.leaderboard.cards import read_card
    from bench.leaderboard.validation.replays import ReplayRecord, record_replay
    from bench.leaderboard.validation.validate import check
    from bench.runner.replay_from_corpus import replay_from_corpus

    source.workspace.ensure_writable()
    rows = []
    for card in map(read_card, map(Path, cards)):
        if problems := check(card):
            raise DataError(f"card {card.key}: {'; '.join(problems)}. bench leaderboard validate reports the same.")
        repeated = replay_from_corpus(card.result(), source, reruns)
        record_replay(ReplayRecord(card.digest, repeated.accepted, repeated.reason), source.workspace)
        rows.append((card.result(), repeated))
    rows += [(result, replay_from_corpus(result, source, reruns)) for result in results]
    if json_output:
        o.print_json([{"key": result.key, "cell": result.title, **vars(repeated)} for result, repeated in rows])
    for result, repeated in () if json_output else rows:
        outcome = "replayed" if repeated.accepted else "not replayed"
        typer.echo(f"{result.key[:12]}  {result.title}: {outcome}: {repeated.reason}")
    if not all(repeated.accepted for _, repeated in rows):
        raise typer.Exit(1)


def rescore_command(
    run: Annotated[
        list[str] | None, typer.Argument(help="Keys of results, or their first characters. [default: all]")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Replace the stored metrics with the new metrics.")] = False,
    json_output: o.Json = False,
    workspace: o.WorkspaceOption = None,
) -> None:
    """Compute the metrics of stored predictions again and report results that differ. Exit code 1 if any still differ."""
    import json

    from bench.cells.result import named_results
    from bench.storage.workspace import Workspace

    current = Workspace.at(workspace)
    results = named_results(current, run or ())
    from bench.runner.rescore import differences, rescored, with_score

    differing, damaged = [], 0
    if not run:  # those that cannot be read at all were named in a warning
        stored = [path for path in current.results.glob("[!.]*") if path.is_dir()]
        damaged = len(stored) - len(results)
    for result in results:
        try:
            now = rescored(result)
        except (DataError, OSError) as error:
            if run:
                raise
            typer.echo(f"left out: {error}", err=True)
            damaged += 1
            continue
        changes = differences(json.loads(json.dumps(result.score)), json.loads(json.dumps(now)))
        if changes:
            differing.append({"key": result.key, "cell": result.title, "differences": changes})
            if write:
                with_score(result, now)
        if changes and not json_output:
            typer.echo(
                f"{result.key[:12]}  {result.title}: {'; '.join(changes[:4])}{'; ...' if len(changes) > 4 else ''}"
            )
    if json_output:
        o.print_json(differing)
    else:
        replaced = ", and stored" if write and differing else ""
        left_out = f", {damaged:,} that cannot be scored again" if damaged else ""
        typer.echo(
            f"{counted(len(results), 'result')}, {len(differing):,} with other metrics than stored{replaced}{left_out}"
        )
    if damaged or (differing and not write):
        raise typer.Exit(1)


recompute_command = o.old_name_of(rescore_command, "bench recompute", "bench rescore")
