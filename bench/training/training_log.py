"""The course of a pretraining, as points by step and by epoch: one JSON object per line of ``training.jsonl``.

The file only grows. It lies in the folder of the unfinished checkpoint, where a tracking server's client reads it while
training goes on, and afterwards in the checkpoint. Nothing here changes a weight.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench import provenance
from bench.processes.memory import peak_memory
from bench.training.collapse import MEASURES

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from bench.method import Method
    from bench.method.pretrain_config import PretrainConfig
    from bench.training.checkpoint import CheckpointSpec

LOG = "training.jsonl"
POINTS = 2000
"""Steps of a stage that are recorded, at most, at equal distances."""
WRITE_SECONDS = 1.0

Axis = Literal["step", "epoch"]


def partial_folder(final: Path) -> Path:
    """Where an unfinished checkpoint lies."""
    return final.with_name(f".{final.name}.partial")


def finished_folder(partial: Path) -> Path:
    """Where an unfinished checkpoint will lie when it is finished."""
    return partial.with_name(partial.name.removeprefix(".").removesuffix(".partial"))


@dataclass(frozen=True)
class Point:
    """Values of one step or epoch.

    Attributes:
        stage: of pretraining; empty where there is only one.
        at: step or epoch, from 1, within the stage.
        time: milliseconds since 1970.
        losses, validation: loss terms by name.
        values: ``lr``, ``gradient_norm``, ``recordings_per_second``, ``memory_gb`` and those of
            :data:`bench.training.collapse.MEASURES`, as far as they were measured.
    """

    stage: str
    axis: Axis
    at: int
    time: int
    losses: dict[str, float]
    validation: dict[str, float]
    values: dict[str, float]


class TrainingLog:
    """Records one stage of pretraining; without a path it measures and writes nothing.

    Lines are written together, at most once a second.
    """

    def __init__(self, path: Path | None = None, stage: str = ""):
        self.path, self.stage = path, stage
        self._lines: list[str] = []
        self._written = time.monotonic()
        self._previous: tuple[int, float] | None = None  # step, seconds
        self._norms: list[float] = []

    def begin(self, spec: CheckpointSpec, checkpoint: str, stages: Mapping[str, PretrainConfig], records: dict) -> None:
        """Note what is pretrained; also when it is continued."""
        facts = {
            "key": spec.key,
            "method": spec.method.name,
            "checkpoint": checkpoint,
            "config": spec.config.model_dump(mode="json"),
            "corpus": spec.corpus,
            "records": records,
            "epochs": {stage: config.epochs for stage, config in stages.items()},
            "batch_size": {stage: config.batch_for(records["train"]) for stage, config in stages.items()},
            "git_commit": provenance.git_commit(),
        }
        self._lines.append(json.dumps({"run": facts, "time": _now()}))
        self.write()

    def wants(self, step: int, total: int) -> bool:
        """Whether a step is recorded: the first, the last, and every n-th. It depends on nothing but the numbers."""
        return step in (1, total) or step % -(-total // POINTS) == 0

    def step(self, step: int, batch_size: int, losses: dict[str, float], lr: float, gradient_norm: float) -> None:
        """Record a step."""
        values = {"lr": lr, "gradient_norm": gradient_norm, "memory_gb": memory_gb()}
        now = time.monotonic()
        if self._previous is not None and now > self._previous[1]:
            values["recordings_per_second"] = (step - self._previous[0]) * batch_size / (now - self._previous[1])
        self._previous = step, now
        self._norms.append(gradient_norm)
        self._add("step", step, losses, {}, values)
        if now - self._written >= WRITE_SECONDS:
            self.write()

    def measured(self) -> dict[str, float]:
        """Mean gradient norm of this epoch's recorded steps, and memory."""
        norms = [norm for norm in self._norms if math.isfinite(norm)]
        mean = {"gradient_norm": sum(norms) / len(norms)} if norms else {}
        return mean | {"memory_gb": memory_gb()}

    def epoch(self, entry: dict[str, float], terms: list[str]) -> None:
        """Record an epoch, as it is in the checkpoint's history; the time until the next step is not training."""
        names = ("lr", "gradient_norm", "recordings_per_second", "memory_gb", *MEASURES)
        losses = {name: entry[name] for name in terms}
        validation = {name: entry[f"validation_{name}"] for name in terms if f"validation_{name}" in entry}
        self._add("epoch", int(entry["epoch"]), losses, validation, {n: entry[n] for n in names if n in entry})
        self._norms, self._previous = [], None
        self.write()

    def write(self) -> None:
        """Append what is recorded."""
        if self.path is not None and self._lines:
            with open(self.path, "a", encoding="utf-8") as file:
                if file.tell() and not _ends_a_line(self.path):  # a process was killed while it wrote
                    file.write("\n")
                file.write("\n".join(self._lines) + "\n")
        self._lines = []
        self._written = time.monotonic()

    def _add(
        self, axis: Axis, at: int, losses: dict[str, float], validation: dict[str, float], values: dict[str, float]
    ) -> None:
        point = Point(self.stage, axis, at, _now(), losses, validation, values)
        self._lines.append(json.dumps(vars(point)))


def read_log(path: Path) -> tuple[list[dict[str, Any]], list[Point]]:
    """Facts of each start and continuation, and the points in order. A pretraining that was continued repeats the steps
    since its last state: the first of each counts. Incomplete lines are left out."""
    runs: list[dict[str, Any]] = []
    points: list[Point] = []
    latest: dict[tuple[str, str], int] = {}
    for line in _complete_lines(path):
        try:
            value = json.loads(line)
            if "run" in value:
                runs.append(value["run"] | {"time": value["time"]})
                continue
            point = Point(**value)
        except (ValueError, TypeError, KeyError):
            continue
        if point.at > latest.get((point.stage, point.axis), 0):
            latest[point.stage, point.axis] = point.at
            points.append(point)
    return runs, points


def memory_gb() -> float:
    """The most memory that tensors have held on the GPU; without a GPU, that this process has held."""
    import torch

    held = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else peak_memory()
    return round(held / 1e9, 3)


def gradient_norm(fabric: Fabric, method: Method) -> float:
    """Global L2 norm of the gradients, before clipping. All processes must call it."""
    import torch

    from bench.training.devices import full

    gradients = [p.grad for p in method.parameters() if p.grad is not None]
    norm = full([torch.nn.utils.get_total_norm(gradients)])[0].item() if gradients else 0.0
    scaler = getattr(fabric.strategy.precision, "scaler", None)
    return norm / (scaler.get_scale() if scaler is not None else 1.0)


def _ends_a_line(path: Path) -> bool:
    with open(path, "rb") as file:
        file.seek(-1, 2)
        return file.read() == b"\n"


def _complete_lines(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    yield from (line for line in text.splitlines(keepends=True) if line.endswith("\n"))


def _now() -> int:
    return time.time_ns() // 1_000_000
