"""Options that several commands share."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from bench.errors import ConfigError
from bench.project_file import MAX_SIMULATED, MIN_SIMULATED
from bench.renamed import warn_renamed

if TYPE_CHECKING:
    from bench.cells.cell import Profile
    from bench.data.source import DataSource

LONGEST_RANGE = 1000

DataRoot = Annotated[
    list[str] | None,
    typer.Option(
        "--data-root",
        metavar="FOLDER",
        help="Real data: a folder with one subfolder per dataset, or DATASET=FOLDER for one dataset. Repeatable. Also "
        "BENCH_DATA. Without it the built-in simulated cohorts are used.",
    ),
]
NoTrack = Annotated[bool, typer.Option("--no-track", help="Do not mirror results to MLflow.")]
LogModels = Annotated[
    bool, typer.Option("--log-models", help="Send the weights of checkpoints to MLflow, too. [default: their digests]")
]
WorkspaceOption = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        metavar="FOLDER",
        help="Folder for all outputs. Also BENCH_WORKSPACE. [default: bench-workspace]",
    ),
]
ArtifactsOption = Annotated[
    str | None,
    typer.Option(
        "--artifacts",
        metavar="URL",
        help="Object store through which machines without a shared folder share results, checkpoints and features: "
        "s3://BUCKET/PREFIX, file:///mnt/share, ... (fsspec). Also BENCH_ARTIFACTS. [default: none]",
    ),
]
SimulatedRecords = Annotated[
    int | None,
    typer.Option(
        "--simulated-records",
        metavar="N",
        min=MIN_SIMULATED,
        max=MAX_SIMULATED,
        help="Size of the simulated cohorts. [default: the dataset's]",
    ),
]
OnBadRecord = Annotated[
    str,
    typer.Option(
        "--on-bad-record",
        metavar="WHAT",
        help="What to do with a record that cannot be read or is not an ECG: error, skip (list and count it), or keep "
        "(if it can be read).",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Override a config field: pretrain.epochs=5 (every method that has it), kmerl.depth=4, linear.lr=0.01. "
        "Repeatable.",
    ),
]
TextOption = Annotated[
    str | None,
    typer.Option(
        "--text",
        metavar="SOURCE",
        help="The text of the corpus to pretrain on (bench data status lists the texts). For ptbxl: report (as "
        "written, mostly German), statements, likelihoods, english, report-english, report-german. Same as --set "
        "pretrain.text_source. [default: the corpus's first]",
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="paper: the published settings. small: for 1,000 to 20,000 recordings. smoke: small networks, quick. [default: paper "
        "on real data, smoke on simulated]",
    ),
]
CheckpointOption = Annotated[
    list[str] | None,
    typer.Option(
        "--checkpoint",
        metavar="METHOD=FOLDER",
        help="Use this checkpoint and its config: a name in this workspace, or a folder. METHOD=FILE imports a published "
        "file. Repeatable.",
    ),
]
NoPretrain = Annotated[
    bool, typer.Option("--no-pretrain", help="Stop if a checkpoint is missing, instead of pretraining it.")
]
Json = Annotated[bool, typer.Option("--json", help="Print only machine-readable JSON on standard output.")]


Notes = Annotated[
    bool,
    typer.Option(
        "--notes", help="Print every footnote of a table, whole. By default the five most important, a line each."
    ),
]
TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Run code in a method's files: the same as --set trust=true. Without it such files are refused.",
    ),
]


def print_json(value: Any) -> None:
    """Machine-readable output; dataclasses are written as objects."""
    import json
    from dataclasses import asdict, is_dataclass
    from pathlib import Path

    def written(item: Any) -> Any:
        if is_dataclass(item) and not isinstance(item, type):
            return asdict(item)
        if isinstance(item, Path):
            return str(item)
        raise TypeError(f"{type(item).__name__} has no form in JSON")

    typer.echo(json.dumps(value, indent=2, default=written))


def examples(*lines: str) -> str:
    """The end of a command's help: examples, each on separate lines, and remarks."""
    return "\n\n".join(("Examples:", *lines))


def complete(*groups: str) -> Callable[[str], list[str]]:
    """Shell completion by the registered names of some groups; what stands before a comma is kept."""

    def names(incomplete: str) -> list[str]:
        from bench import registry

        before, comma, last = incomplete.rpartition(",")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a broken plugin has no place in a completion
            known = [name for group in groups for name in registry.entries(group)]
        return [f"{before}{comma}{name}" for name in known if name.startswith(last)]

    return names


def complete_modes(incomplete: str) -> list[str]:
    """Shell completion by the modes; what stands before a comma is kept."""
    from bench import modes

    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{mode}" for mode in modes.names() if mode.startswith(last)]


def complete_boards(incomplete: str) -> list[str]:
    """Shell completion by the names of the boards."""
    from bench import registry

    folders = registry.resource_folders("bench.leaderboards")
    return sorted(f.stem for folder in folders for f in folder.glob("*.yaml") if f.stem.startswith(incomplete))


def registered(group: str) -> Callable[[str | None], str | None]:
    """Callback of an argument or option that is one registered name: the name as it is registered."""

    def name(value: str | None) -> str | None:
        from bench import registry

        return None if value is None else registry.named(group, value)

    return name


def matching(group: str) -> Callable[[Any], Any]:
    """Callback of an option that takes names and patterns: a wrong one is refused before anything is imported."""

    def check(values: Any) -> Any:
        from bench import registry

        registry.match(group, split_commas([values] if isinstance(values, str) else values))
        return values

    return check


def name_argument(group: str, help: str) -> Any:
    """An argument that is one registered name."""
    return typer.Argument(help=help, callback=registered(group), autocompletion=complete(group))


def names_option(group: str, *flags: str, metavar: str, help: str) -> Any:
    """An option that takes names and patterns of a group."""
    return typer.Option(*flags, metavar=metavar, help=help, callback=matching(group), autocompletion=complete(group))


def mode_option(metavar: str) -> Any:
    """The option ``--mode`` of commands that train downstream."""
    text = (
        "What is trained downstream. Nothing: zeroshot, knn. A head on the frozen encoder: linear, kshot (few labels), layer "
        "(after each block), attentive (over tokens). Small additions to it: lora. All weights: finetune, scratch. Also modes of plugins."
    )
    return typer.Option("--mode", metavar=metavar, help=text, autocompletion=complete_modes)


MethodName = Annotated[str, name_argument("bench.methods", "The method.")]
TaskName = Annotated[str, name_argument("bench.tasks", "The task.")]
DatasetName = Annotated[str, name_argument("bench.datasets", "The dataset.")]
CorpusOption = Annotated[
    str | None,
    typer.Option(
        "--corpus",
        metavar="DATASET",
        callback=registered("bench.datasets"),
        help="The dataset to pretrain on. [default: the paper's if available, else the task's training folds; in bench "
        "pretrain ptbxl]",
        autocompletion=complete("bench.datasets"),
    ),
]


def refuse_empty(arguments: Sequence[str]) -> None:
    """Refuse a value that is empty: a variable of a shell script that is not set, which would pass for an option left out.

    Raises:
        ConfigError: with the option's name.
    """
    for before, argument in zip(["", *arguments], arguments, strict=False):
        option, equals, value = argument.partition("=")
        empty = not value.strip() if equals and re.fullmatch(r"--?[a-z-]+", option) else not argument.strip(" ,")
        if empty:
            name = option if equals else before
            if not name.strip("-") or not name.startswith("-"):
                raise ConfigError(
                    f"an argument{f' after {name}' if name.strip('-') else ''} is empty. Give it a value, or leave it out."
                )
            raise ConfigError(f"{name}: the value is empty. Give one, or leave {name} out.")


def old_name_of(command: Callable[..., None], old: str, new: str) -> Callable[..., None]:
    """The same command under its old name, with a warning that names the new one."""

    @functools.wraps(command)
    def renamed(*arguments: Any, **options: Any) -> None:
        warn_renamed(old, new, stacklevel=1)
        command(*arguments, **options)

    return renamed


def split_commas(values: Sequence[str] | None) -> list[str]:
    """Repeated options and commas alike: ``-m a,b -m c`` is a, b, c."""
    return [part.strip() for value in values or () for part in value.split(",") if part.strip()]


def overrides(set_: Sequence[str] | None, text: str | None, trust: bool = False) -> list[str]:
    """The ``--set`` values, and those of separate options; ``--set`` goes before them."""
    stand_ins = [*([f"pretrain.text_source={text}"] if text else []), *(["trust=true"] if trust else [])]
    return [*stand_ins, *(set_ or ())]


def choice(value: str | None, name: str, allowed: Sequence[str]) -> str | None:
    """One of the allowed words, or None.

    Raises:
        ConfigError: another word.
    """
    if value is not None and value not in allowed:
        raise ConfigError(f"{name} {value!r}: expected one of {', '.join(allowed)}.")
    return value


def chosen_profile(value: str | None) -> Profile | None:
    """``--profile``, else the project's.

    Raises:
        ConfigError: there is no such profile.
    """
    from bench.project_file import project

    return choice(value, "--profile", ("paper", "small", "smoke")) or project().profile  # type: ignore[return-value]


def numbers(values: Sequence[str] | None, name: str, kind: type) -> list:
    """Numbers from repeated or comma-joined options; ``1%`` is 0.01, and of whole numbers ``0-4`` and ``0..4`` are five.

    Raises:
        ConfigError: not a number.
    """
    out: list[Any] = []
    for text in split_commas(values):
        try:
            if kind is int and (ends := re.fullmatch(r"(\d+)(?:-|\.\.)(\d+)", text)):
                out += _range(int(ends[1]), int(ends[2]), f"{name} {text}")
            else:
                out.append(kind(text[:-1]) / 100 if text.endswith("%") and kind is float else kind(text))
        except ValueError:
            expected = "a whole number, or a range such as 0-4" if kind is int else "a number, such as 0.1 or 10%"
            raise ConfigError(f"{name} {text[:60]!r}: expected {expected}.") from None
    return out


def _range(first: int, last: int, where: str) -> range:
    if not first <= last < first + LONGEST_RANGE:
        raise ConfigError(
            f"{where}: expected a range from a lower to a higher number, of at most {LONGEST_RANGE:,} numbers."
        )
    return range(first, last + 1)


def data_source(
    data_root: Sequence[str] | None,
    workspace: str | None,
    simulated_records: int | None = None,
    on_bad_record: str = "error",
    workers: int | None = None,
    artifacts: str | None = None,
) -> DataSource:
    """The data source that the options name."""
    from bench.data.source import DataSource
    from bench.dataset import OnBadRecord
    from bench.storage.workspace import Workspace

    choice(on_bad_record, "--on-bad-record", get_args(OnBadRecord))
    return DataSource.from_options(
        Workspace.at(workspace, artifacts),
        data_root or (),
        simulated_records,
        on_bad_record,  # type: ignore[arg-type]
        workers,
    )
