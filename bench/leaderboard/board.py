"""The leaderboard YAML: rows, columns, the metric and the published numbers.

A board names methods and tasks, and needs neither to exist: its rows are then missing, and say so::

    title: "K-MERL Table 1: linear probing"
    source: "K-MERL, Table 1"
    metric: macro_auroc
    scale: 100                 # the paper prints per cent
    columns:
      - {group: PTBXL-Super, label: "1%", task: ptbxl-super, mode: linear, fraction: 0.01}
    rows:
      - {group: ECG only SSL, label: SimCLR, method: simclr, published: [63.41]}
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from bench import registry
from bench.errors import BenchError, ConfigError, UnknownName, short_repr
from bench.reading.method_files import is_method_file
from bench.reading.text_file import said
from bench.reading.yaml_file import read_yaml
from bench.registry import resource_folders
from bench.signals.leads import parse_leads
from bench.splitting.label_fractions import Rule

GROUP = "bench.leaderboards"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class Published(_Strict):
    """One printed number and, where the paper gives one, its standard deviation, in the paper's own scale."""

    value: float
    sd: float | None = None


def _published(value: Any) -> Any:
    """YAML writes a number as ``84.19``, one with its deviation as ``[66.90, 0.47]``, and an empty cell as null."""
    if isinstance(value, list):
        return dict(zip(("value", "sd"), value, strict=True))
    return {"value": value} if isinstance(value, int | float) else value


def _one_subset(value: Any) -> Any:
    if value is None or isinstance(value, tuple):
        return value
    try:
        subsets = parse_leads(",".join(value) if isinstance(value, list) else str(value))
    except ConfigError as error:
        raise ValueError(str(error)) from None
    if len(subsets) != 1:
        raise ValueError(f"leads {value!r} name {len(subsets)} subsets; a column has one")
    return subsets[0]


class Coordinates(_Strict):
    """Which cells a number comes from. A row's word goes before its column's; what neither says takes the default."""

    task: str | None = None
    tasks: list[str] = Field(default=[], description="tasks to average; all must have a result")
    mode: str | None = None
    fraction: float | None = Field(default=None, gt=0, le=1)
    leads: Annotated[tuple[str, ...] | None, BeforeValidator(_one_subset)] = None
    metric: str | None = None
    class_name: str | None = Field(default=None, alias="class", description="a class, for a per-class metric")


class Column(Coordinates):
    label: str
    group: str = ""
    settings: dict[str, Any] = Field(
        default={}, description="fields of modes that the paper sets for this column alone"
    )
    change: dict[str, Any] = Field(
        default={},
        description="fields of the method's config with other values than in the board's config; the column shows the "
        "paired difference that they make",
    )
    mean_of: list[str] = Field(default=[], description="names of the columns that this one averages")
    folds: int = Field(default=1, ge=1, description="folds over all repeats; a mean over fewer is refused")
    decimals: int | None = Field(default=None, ge=0, le=15)
    scale: float | None = Field(default=None, gt=0)

    @property
    def name(self) -> str:
        """Group and label: unique within a board."""
        return f"{self.group} {self.label}".strip()


def _check_settings(columns: Sequence[Column]) -> None:
    """Each names its mode, and no two columns differ in them alone: a column shows all results of its cells."""
    modes = registry.entries(registry.MODES)
    for column in columns:
        for name in column.settings:
            if name.partition(".")[0] not in modes or "." not in name:
                raise ValueError(f"column {column.name!r} has settings: {name}; expected MODE.FIELD, such as linear.lr")
    seen: dict[Any, Column] = {}
    for column in columns:
        asked = column.model_dump(include={*Coordinates.model_fields, "change", "mean_of"})
        other = seen.setdefault(repr(asked), column)
        if other.settings != column.settings:
            raise ValueError(
                f"columns {other.name!r} and {column.name!r} differ in settings alone, and both would show the results of "
                "either; use a board for each"
            )


class Row(Coordinates):
    label: str
    group: str = ""
    method: str | None = Field(default=None, description="registered method; empty for a row that only the paper has")
    config: dict[str, Any] = Field(default={}, description="config fields (dotted paths) of this row")
    published: list[Annotated[Published | None, BeforeValidator(_published)]] = []
    untrained: str = Field(
        default="",
        description="group and label of the row with the same network and input untrained; bench run --untrained needs none",
    )
    note: str = ""

    @property
    def name(self) -> str:
        """Group and label: unique within a board."""
        return f"{self.group} {self.label}".strip()


class Mismatch(_Strict):
    """A printed average that is not the mean of the printed numbers, with the likely reason."""

    row: str
    column: str
    printed: float
    recomputed: float
    reason: str


class Board(_Strict):
    """One leaderboard."""

    name: str
    title: str
    source: str = Field(default="", description="paper and table of the published numbers; empty for a board of ours")
    metric: str
    scale: float = Field(
        default=1.0, gt=0, description="factor for our values (fractions of one), so that they read as in the paper"
    )
    decimals: int = Field(default=2, ge=0, le=15)
    spread: str = Field(default="", description="meaning of the paper's ± or parentheses")
    corpus: str | None = Field(
        default=None,
        description="pretraining corpus of every row, if its real data are available; default: each method's",
    )
    config: dict[str, Any] = Field(default={}, description="config fields of every row; those of a row take precedence")
    seeds: int = Field(default=1, ge=1, description="number of seeds behind the paper's numbers: 0, 1, ...")
    margin: float = Field(
        default=0.02, gt=0, description="difference, as a fraction of one, below which rows count as equal"
    )
    fraction_rule: Rule = Field(default="stratified", description="rule that draws the labelled fractions")
    columns: list[Column]
    rows: list[Row]
    footnotes: list[str] = []
    notes: str = ""
    mismatches: list[Mismatch] = []

    @model_validator(mode="before")
    @classmethod
    def _config_of_every_row(cls, values: Any) -> Any:
        shared = values.get("config")
        if not isinstance(shared, dict) or not isinstance(values.get("rows"), list):
            return values
        rows = [r | {"config": shared | (r.get("config") or {})} if isinstance(r, dict) else r for r in values["rows"]]
        return values | {"rows": rows}

    @model_validator(mode="after")
    def _consistent(self) -> Board:
        for what, names in (("column", [c.name for c in self.columns]), ("row", [r.name for r in self.rows])):
            twice = sorted({n for n in names if names.count(n) > 1})
            if twice:
                raise ValueError(f"two {what}s are named {twice[0]!r}")
        row_names = {row.name for row in self.rows}
        for row in self.rows:
            if row.untrained and row.untrained not in row_names - {row.name}:
                raise ValueError(
                    f"row {row.name!r} has untrained: {row.untrained!r}, which is no other row; expected group and label"
                )
        for column in self.columns:
            if unknown := sorted(set(column.change) - set(self.config)):
                raise ValueError(
                    f"column {column.name!r} changes {unknown[0]!r}, which the board's config does not state for all rows"
                )
        _check_settings(self.columns)
        columns = {c.name for c in self.columns}
        for column in self.columns:
            unknown = sorted(set(column.mean_of) - columns)
            if unknown:
                raise ValueError(f"column {column.name!r} averages {unknown[0]!r}, which is not a column")
        for row in self.rows:
            if row.published and len(row.published) != len(self.columns):
                raise ValueError(
                    f"row {row.name!r} has {len(row.published)} published numbers for {len(self.columns)} columns"
                )
        return self

    @property
    def has_published(self) -> bool:
        return any(p is not None for row in self.rows for p in row.published)


def read_board(path: Path) -> Board:
    """Read one board file.

    Raises:
        ConfigError: it cannot be read, or a field is missing, unknown or wrong; the message names file and field.
    """
    import yaml

    try:
        value = read_yaml(path)
        if not isinstance(value, dict):
            raise ConfigError(f"{path}: expected the fields of a board, such as title, metric, columns and rows.")
        return Board.model_validate({"name": path.stem} | value)
    except ValidationError as error:
        errors = sorted(
            error.errors(), key=lambda e: e["type"] != "extra_forbidden"
        )  # metrik, before that metric is missing
        raise ConfigError(f"{path}: {_words(errors[0])}.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            f"{path}: not a readable board: {said(error)}. bench leaderboard list shows the boards."
        ) from error


_FIELDS: dict[str, type[BaseModel]] = {"columns": Column, "rows": Row, "mismatches": Mismatch, "published": Published}


def _words(error: Any) -> str:
    """A validation error: the field, what is wrong, and the fix."""
    path = [str(part) for part in error["loc"]]
    where = ".".join(path) or "the board"
    model = next((_FIELDS[part] for part in reversed(path[:-1]) if part in _FIELDS), Board)
    if error["type"] == "extra_forbidden":
        fields = [
            info.alias or name for name, info in model.model_fields.items() if name != "name" or model is not Board
        ]
        return str(UnknownName(f"field of {'.'.join(path[:-1]) or 'the board'}", path[-1], fields)).removesuffix(".")
    if error["type"] == "missing":
        return f"{where} is missing. Add it"
    message = error["msg"].removeprefix("Value error, ")
    return f"{where}: {message[:1].lower()}{message[1:]}; found {short_repr(error['input'])}" if path else message


def with_registered_names(board: Board, path: Path) -> Board:
    """The board of a user's file with its methods, tasks and modes as they are registered. A method may be a class in a file
    (``./mine.py:Mine``), relative to the board's file.

    Raises:
        ConfigError: nobody registered a name, so that its row or column would stay empty; with the nearest names.
    """

    def registered(kind: str, line: Column | Row, group: str, name: str | None) -> str | None:
        if name is None:
            return None
        try:
            return registry.named(group, str(path.parent / name) if is_method_file(name) else name)
        except ConfigError as error:
            raise ConfigError(f"{path}: {kind} {line.name!r}: {error}") from None

    def names(kind: str, line: Column | Row) -> dict[str, Any]:
        return {
            "task": registered(kind, line, registry.TASKS, line.task),
            "tasks": [registered(kind, line, registry.TASKS, task) for task in line.tasks],
            "mode": registered(kind, line, registry.MODES, line.mode),
        }

    columns = [column.model_copy(update=names("column", column)) for column in board.columns]
    rows = [
        row.model_copy(update=names("row", row) | {"method": registered("row", row, registry.METHODS, row.method)})
        for row in board.rows
    ]
    return board.model_copy(update={"columns": columns, "rows": rows})


def board_files(folders: Iterable[Path] | None = None) -> dict[str, Path]:
    """The files of all boards that installed packages offer, by name.

    Raises:
        BenchError: two packages offer a board of one name.
    """
    files: dict[str, Path] = {}
    for folder in _installed_folders(tuple(sys.path)) if folders is None else folders:
        for path in sorted(folder.glob("*.yaml")):
            other = files.setdefault(path.stem, path)
            if other != path:
                raise BenchError(
                    f"two leaderboards are named {path.stem!r}: {other} and {path}. Rename one of the files."
                )
    return dict(sorted(files.items()))


@functools.cache
def _installed_folders(import_path: tuple[str, ...]) -> list[Path]:
    """Searching the entry points of all installed packages takes 20 ms, and a site asks twice per board."""
    return resource_folders(GROUP)


def boards(folders: Iterable[Path] | None = None) -> dict[str, Board]:
    """All boards that installed packages offer, by name. One that is malformed costs a warning and is left out."""
    boards_by_name = {}
    for name, path in board_files(folders).items():
        try:
            boards_by_name[name] = _read(path)
        except ConfigError as error:
            warnings.warn(str(error), stacklevel=2)
    return boards_by_name


@functools.cache
def _read(path: Path) -> Board:
    return read_board(path)


def load_board(name: str) -> Board:
    """The board of that name, or of the file ``name`` if it ends in ``.yaml``.

    Raises:
        UnknownName: nobody offers it. ConfigError: its file is malformed.
    """
    if name.endswith(".yaml"):
        return with_registered_names(read_board(Path(name)), Path(name))
    known = board_files()
    if name not in known:
        raise UnknownName("leaderboard", name, known)
    return _read(known[name])
