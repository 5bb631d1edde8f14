"""Run, read and extend the benchmark from Python: the plans, cells and keys of the command line; tables are tidy DataFrames.

>>> import bench
>>> table = bench.run(methods="kmerl,random-resnet", tasks="ptbxl-super", modes="linear", fractions=[0.1, 1])
>>> table = bench.run(board="kmerl_table1")
>>> vectors = bench.encoder("kmerl", fs=500).transform(signals)
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench import registry
from bench.leaderboard.plots import plot as plot

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from bench.cells.result import Result
    from bench.data.source import DataSource
    from bench.dataset import OnBadRecord
    from bench.frozen_encoder import FrozenEncoder
    from bench.runner.execute import RunReport
    from bench.runner.plan import RunOptions
    from bench.signals.input_spec import InputSpec
    from bench.splitting.label_fractions import Rule

Names = str | Sequence[str]
DataRoots = str | Path | Mapping[str, str | Path] | None

COLUMNS = (
    "method", "task", "mode", "leads", "fraction", "seed", "fold", "metric", "value", "low", "high", "n_train", "n_test",
    "data", "profile", "complete", "corpus", "key",
)  # fmt: skip


class FailedCells(UserWarning):
    """Some cells of a run failed; the others are in the table."""


def run(
    methods: Names | FrozenEncoder | Sequence[str | FrozenEncoder] = (),
    tasks: Names = (),
    modes: Names = (),
    *,
    board: str | None = None,
    fractions: float | str | Sequence[float | str] = 1.0,
    leads: Names = "all",
    seeds: int | Sequence[int] | None = None,
    replicates: int | None = None,
    split_variance: bool = False,
    untrained: bool = False,
    profile: Literal["paper", "small", "smoke"] | None = None,
    settings: Mapping[str, Any] | None = None,
    protocols: Names = "ours",
    fraction_rule: Rule = "stratified",
    text: str | None = None,
    corpus: str | None = None,
    checkpoints: Mapping[str, str | Path] | None = None,
    pretrain: bool = True,
    retry_failed: bool = True,
    recompute: bool = False,
    cached_only: bool = False,
    resume: str | None = None,
    limit: int | None = None,
    executor: Literal["local", "ray"] = "local",
    jobs: int | None = None,
    address: str | None = None,
    time_limit: str | float | None = None,
    track: bool = True,
    trust: bool = False,
    data_root: DataRoots = None,
    simulated_records: int | None = None,
    on_bad_record: OnBadRecord = "error",
    workspace: str | Path | None = None,
) -> pd.DataFrame:
    """``bench run``: cross methods, tasks, modes and the rest; one row for each metric of each cell.

    Args:
        methods: names as on the command line (commas, wildcards, ``./mine.py:Mine``), encoders that :func:`encoder` made
            of modules, or a list of them; tasks, modes and protocols likewise.
        board: run what is missing of a leaderboard instead; it names its own methods, tasks and modes.
        fractions: labelled shares of the training records, ``0.1`` or ``"10%"``.
        leads: one subset as on the command line, or a list of subsets: ``["I,II", "limb"]``.
        seeds: of what is trained downstream, with one pretraining and one draw of labels.
        replicates: instead of seeds, that many joint draws of pretraining, labels and seed. By default 3 under the profile
            ``smoke`` and ``small`` and else 1; a board without published numbers has 5, under ``smoke`` 3.
        split_variance: with replicates, also vary pretraining, labelled draw and seed one at a time.
        untrained: also run each pretrained method without its pretraining: same network, input and pooling.
        settings: what ``--set`` takes: ``{"pretrain.epochs": 5, "kmerl.depth": 4, "linear.lr": 0.01}``.
        text: which of the corpus's texts to pretrain on.
        checkpoints: method -> folder, name in the workspace, or published file, which is imported.
        retry_failed: compute failed cells again; else skip those that have not changed.
        recompute: compute finished cells again.
        cached_only: compute nothing; the table holds the finished cells.
        resume: old words of these three; they work until version 0.3.
        time_limit: for each cell, in seconds or as ``"2h"``; a cell that takes longer has failed.
        data_root: a folder with one subfolder per dataset, or dataset -> its own folder.

    Returns:
        a DataFrame with the columns of :data:`COLUMNS`. Where cells failed, a :class:`FailedCells` warning says so and
        ``table.attrs["failures"]`` has their messages; ``attrs["left_out"]`` what the cross product left out.

    Raises:
        BenchError: the options or the data are wrong; nothing was computed.
    """
    from bench.errors import ConfigError
    from bench.leaderboard import load_board
    from bench.leaderboard.board_runs import board_options
    from bench.modes import OURS, modes_under
    from bench.project_file import project
    from bench.runner.execute import run as run_plan
    from bench.runner.executors.safe_path import safe_children
    from bench.runner.plan import RunOptions, with_default_replicates
    from bench.runner.prepare import profile_of
    from bench.runner.run_arguments import check_arguments, written
    from bench.runner.time_limit import parse_time_limit
    from bench.runner.untrained import with_untrained
    from bench.signals.leads import parse_leads

    methods = _without_encoders(methods)
    check_arguments(
        methods=methods,
        tasks=tasks,
        modes=modes,
        protocols=protocols,
        leads=leads,
        fractions=fractions,
        seeds=seeds,
        replicates=replicates,
        profile=profile,
        settings=settings,
        checkpoints=checkpoints,
        fraction_rule=fraction_rule,
        limit=limit,
        executor=executor,
        jobs=jobs,
        simulated_records=simulated_records,
        on_bad_record=on_bad_record,
    )
    others = (*_names(methods), *_names(tasks), *_names(modes))
    if board and (others or _names(leads) != ["all"] or _list(fractions) != [1.0] or _names(protocols) != [OURS]):
        raise ConfigError(
            "board= states methods, tasks, modes, fractions and leads; leave out methods, tasks, modes, protocols, "
            "fractions and leads."
        )
    for argument, values in (("methods", methods), ("tasks", tasks), ("modes", modes)):
        if not board and not _names(values):
            raise ConfigError(f"{argument} is missing: name methods, tasks and modes, or a board.")
    stand_ins = ({"pretrain.text_source": text} if text else {}) | ({"trust": True} if trust else {})
    options = RunOptions(
        methods=_names(methods),
        tasks=_names(tasks),
        modes=modes_under(_names(modes), _names(protocols)) if modes else [],
        fractions=[
            _share(fraction) for fraction in (_names(fractions) if isinstance(fractions, str) else _list(fractions))
        ],
        fraction_rule=fraction_rule,
        leads=[subset for value in _list(leads) for subset in parse_leads(value)],
        seeds=[] if seeds is None else [int(seed) for seed in _list(seeds)],
        replicates=replicates,
        split_variance=split_variance,
        untrained=untrained,
        profile=profile or project().profile,
        overrides=[written(*setting) for setting in {**stand_ins, **(settings or {})}.items()],
        corpus=corpus,
        checkpoints=[f"{method}={folder}" for method, folder in (checkpoints or {}).items()],
        allow_pretraining=pretrain,
        retry_failed=retry_failed,
        recompute=recompute,
        cached_only=cached_only,
        resume=resume,
        limit=limit,
        executor=executor,
        jobs=jobs or project().jobs or 1,
        address=address,
        time_limit=parse_time_limit(time_limit),
        track=track,
    )
    source = _source(data_root, workspace, simulated_records, on_bad_record)
    if board:
        planned_rows, left_out = board_options(load_board(board), options, source)
    else:
        planned_rows, left_out = [with_default_replicates(options, profile_of(options, source))], []
    runs = [run for planned in planned_rows for run in with_untrained(planned)]
    if not runs:
        raise ConfigError(f"no cell of board {board} can be run here: {'; '.join(left_out)}.")
    with safe_children():
        reports = [run_plan(planned, source) for planned in runs]
    table = tidy(result for report in reports for result in report.results)
    failures = _failures(runs, reports)
    table.attrs |= {
        "failures": failures,
        "left_out": list(dict.fromkeys([*left_out, *(reason for report in reports for reason in report.left_out)])),
    }
    if failures:
        first = next(iter(failures.items()))
        warnings.warn(
            f"{len(failures)} of the cells failed, the first: {first[0]}: {first[1]} (table.attrs['failures'] has all)",
            FailedCells,
            stacklevel=2,
        )
    return table


def _failures(runs: Sequence[RunOptions], reports: Sequence[RunReport]) -> dict[str, str]:
    """Label of each failed cell -> its message. Rows of a board may have cells of one label; their settings are added."""
    failures: dict[str, str] = {}
    for options, report in zip(runs, reports, strict=True):
        for cell, message in report.failures.items():
            failures[cell if cell not in failures else " · ".join([cell, *options.row])] = message
    return failures


def results(workspace: str | Path | None = None) -> pd.DataFrame:
    """Every finished cell of a workspace, as :func:`run` gives them; nothing is run."""
    from bench.cells.result import read_results
    from bench.storage.workspace import Workspace

    return tidy(read_results(Workspace.at(workspace).results))


def encoder(
    method: str | nn.Module, *, input: InputSpec | None = None, name: str | None = None, **settings: Any
) -> FrozenEncoder:
    """A frozen encoder with scikit-learn's ``fit``, ``transform`` and ``get_feature_names_out``, which :func:`run` accepts.

    Keywords are those of :class:`bench.frozen_encoder.FrozenEncoder`: ``fs`` and ``leads`` of the signals, ``checkpoint``,
    ``settings``, ``workspace``, ...

    Args:
        method: a name; or a torch module that maps float32 [record, lead, time] to [record, dim], with its ``input`` and
            a ``name``. Its weights and code are part of every key.
        input: what a module reads: sampling rate in Hz, length in s, scaling.
        name: of a module, in tables and on boards: small letters, digits and hyphens.

    Raises:
        UnknownName: no such method. ConfigError: a module without input or name, or one whose source cannot be read.
    """
    from bench.errors import ConfigError
    from bench.frozen_encoder import FrozenEncoder

    if isinstance(method, str):
        if input is not None or name is not None:
            raise ConfigError(f"input and name describe a torch module; {method} has its own. Leave them out.")
        return FrozenEncoder(registry.named(registry.METHODS, method), **settings)
    from bench.runner.memory_encoder import register_module

    if input is None or name is None:
        raise ConfigError(
            'a module needs its input and a name: bench.encoder(module, input=InputSpec(fs=250, seconds=10), name="mine").'
        )
    register_module(method, input, name)
    return FrozenEncoder(name, **{"fs": input.fs, **settings})


def board(name: str, workspace: str | Path | None = None) -> pd.DataFrame:
    """A leaderboard in long form, published numbers next to ours: one row for each place of each of its tables."""
    import io

    import pandas as pd

    from bench.cells.result import read_results
    from bench.leaderboard import collect, load_board
    from bench.leaderboard.formats.table_csv import write
    from bench.storage.workspace import Workspace

    wanted = load_board(name)
    text = write(wanted, collect(wanted, read_results(Workspace.at(workspace).results)))
    return pd.read_csv(io.StringIO(text))


def methods(pattern: str = "*") -> pd.DataFrame:
    """The registered methods, read from source without importing them."""
    return _listed(registry.METHODS, pattern, _of_method)


def _of_method(entry: registry.Entry) -> dict[str, Any]:
    return {
        "family": entry.attributes.get("family"),
        "paper": entry.paper,
        "year": entry.year,
        "modes": registry.modes_of(entry),
    }


def tasks(pattern: str = "*") -> pd.DataFrame:
    """The registered tasks, read from source without importing them."""
    fields = ("dataset", "kind", "split")

    def facts(entry: registry.Entry) -> dict[str, Any]:
        return {field: entry.attributes.get(field) for field in fields} | {"paper": entry.paper, "year": entry.year}

    return _listed(registry.TASKS, pattern, facts)


def tidy(finished: Iterable[Result]) -> pd.DataFrame:
    """One row for each metric of each result."""
    import pandas as pd

    from bench.signals.leads import name_leads

    rows = []
    for result in finished:
        about = {
            **result.cell.to_dict(),
            "method": result.method_name,
            "leads": name_leads(result.cell.leads),
            "n_train": result.counts["train"],
            "n_test": result.counts["test"],
            "data": result.data,
            "profile": result.profile,
            "complete": result.split["complete"],
            "corpus": (result.checkpoint.get("corpus") or {}).get("dataset"),
            "key": result.key,
        }
        rows += [about | {"metric": name, **_estimate(value)} for name, value in result.score["metrics"].items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _estimate(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.get(name) for name in ("value", "low", "high")}


def _listed(group: str, pattern: str, facts: Any) -> pd.DataFrame:
    import pandas as pd

    known = registry.entries(group)
    rows = [
        {
            "name": name,
            **facts(known[name]),
            "description": known[name].summary,
            "distribution": known[name].distribution,
        }
        for name in registry.match(group, _names(pattern))
    ]
    columns = list(rows[0]) if rows else ["name", "description", "distribution"]
    return pd.DataFrame(rows, columns=columns).set_index("name")


def _source(
    data_root: DataRoots, workspace: Any, simulated_records: int | None, on_bad_record: OnBadRecord
) -> DataSource:
    from bench.data.source import DataSource
    from bench.storage.workspace import Workspace

    if isinstance(data_root, Mapping):
        roots = [f"{name}={folder}" for name, folder in data_root.items()]
    else:
        roots = [] if data_root is None else [str(data_root)]
    return DataSource.from_options(Workspace.at(workspace), roots, simulated_records, on_bad_record)


def _names(value: Names) -> list[str]:
    return [part.strip() for text in _list(value) for part in text.split(",") if part.strip()]


def _without_encoders(methods: Any) -> Any:
    """Names of methods, also for the encoders that :func:`encoder` made of modules.

    Raises:
        ConfigError: an encoder of a registered method, whose checkpoint and settings a run takes separately.
    """
    from bench.errors import ConfigError

    if isinstance(methods, str) or methods is None:
        return methods
    names = []
    for method in _list(methods):
        name = method if isinstance(method, str) else getattr(method, "method", None)
        if name is None:
            raise ConfigError(
                f"methods: {method!r:.60} is neither the name of a method nor an encoder of bench.encoder."
            )
        if not isinstance(method, str) and registry.entries(registry.METHODS)[name].loaded is None:
            raise ConfigError(
                f"methods: give the name {name!r}, with checkpoints= and settings=, instead of an encoder of it."
            )
        names.append(name)
    return names


def _share(value: float | str) -> float:
    """``0.1`` and ``"10%"`` alike; always a float, since 1 and 1.0 would be two keys."""
    from bench.errors import ConfigError

    text = str(value).strip()
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise ConfigError(f"fractions: {value!r} is not a share; expected 0.1 or '10%'.") from None


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
