"""Pictures for the pages of a site, kept in a cache: the input and network of each method, example recordings of each task.

All recordings are simulated, so that a published site shows no patient.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench import kinds, registry
from bench.data.source import DataSource
from bench.errors import foreign_code
from bench.explain.ecg_paper import draw_recording
from bench.explain.input_picture import LEAD, USUAL, draw_steps, input_steps
from bench.explain.network_blocks import network_blocks
from bench.leaderboard.site.pictures import Block, Drawing, Pictures, SitePictures
from bench.progress import track
from bench.reading.json_file import read_json
from bench.registry import Entry
from bench.storage.artifacts import digest, once, write_json
from bench.storage.code_digest import method_digest, module_digest, source_digest
from bench.storage.workspace import Workspace
from bench.task import Examples, Task

RECORDS = 120
"""Size of the simulated cohorts: every task has examples, and all cohorts are written within minutes."""
EXAMPLES = 2
NAMED = 6
"""Values or classes of a caption."""
_CODE = ("ecg_paper", "figure", "input_picture", "network_blocks", "site_pictures")


def site_pictures(workspace: Workspace) -> SitePictures:
    """Pictures of all methods and tasks; those whose code has not changed are taken from the cache."""
    source = DataSource(workspace, simulated_records=RECORDS)
    folder = workspace.cache / "pictures"
    drawing = [module_digest(f"bench.explain.{name}") for name in _CODE]
    methods, tasks = registry.entries(registry.METHODS), registry.entries(registry.TASKS)
    made: dict[str, dict[str, Pictures]] = {"method": {}, "task": {}}
    with track("drawing pictures") as progress:
        for number, (what, name, entry) in enumerate(
            [*(("method", n, e) for n, e in methods.items()), *(("task", n, e) for n, e in tasks.items())], 1
        ):
            draw = pictures_of_method if what == "method" else pictures_of_task
            try:
                with foreign_code():
                    made[what][name] = draw(entry, source, folder, drawing)
            except Exception as error:  # what a method needs and is not here, or whatever a plugin's code does
                made[what][name] = Pictures(missing=f"No picture: {_first_sentence(error)}")
            progress(number, len(methods) + len(tasks), name)
    return SitePictures(made["method"], made["task"])


def pictures_of_method(entry: Entry, source: DataSource, folder: Path, drawing: list[str]) -> Pictures:
    """Input and parts of the network of a method.

    Args:
        folder: the cache; drawing: digests of what draws.

    Raises:
        Exception: whatever the method raises when it is built or encodes.
    """
    cls = entry.load()
    if not cls.implements("encode"):
        return Pictures(missing="No picture: the method has no encoder of recordings.")
    config = cls.Config()
    key = digest([entry.name, method_digest(cls, config), config, _cohort(USUAL, source), drawing])

    def draw(save: Callable[[Any, str], Drawing]) -> Pictures:
        store = source.store(USUAL)
        steps = input_steps(store, 0, cls.input_for(config))
        caption = f"Lead {LEAD} of a simulated recording after each step; on the right, its first second."
        drawings = [save(draw_steps(steps, entry.name), caption)]
        if needed := cls.input_for(config).downstream:
            return Pictures(drawings, missing=f"No shapes: the network also reads {' and '.join(needed)}.")
        return Pictures(drawings, network_blocks(cls(config)))

    return kept(folder / key, draw)


def pictures_of_task(entry: Entry, source: DataSource, folder: Path, drawing: list[str]) -> Pictures:
    """Example recordings of a task, with their answers; arguments as for a method."""
    task: Task = entry.load()()
    code = source_digest(type(task).__module__, type(task).__qualname__)
    key = digest([entry.name, code, _cohort(task.dataset, source), drawing])

    def draw(save: Callable[[Any, str], Drawing]) -> Pictures:
        store = source.store(task.dataset)
        examples = task.examples(store.records)
        drawings: list[Drawing] = []
        for example in _different(task, examples):
            row = int(store.rows([str(examples.record_ids[example])])[0])
            first = 0 if examples.start is None else round(float(examples.start[example]) * store.fs)
            length = round((examples.seconds or 10.0) * store.fs)
            signal = store.read(np.array([row]), first, min(length, int(store.lengths[row]) - first))[0]
            title = f"{entry.name}, simulated recording {len(drawings) + 1}"
            answer = answer_words(task, examples, example)
            drawings.append(save(draw_recording(signal, store.fs, title), f"Simulated recording: {answer}."))
        return Pictures(drawings)

    return kept(folder / key, draw)


def answer_words(task: Task, examples: Examples, example: int) -> str:
    """The target of an example, written out."""
    kind, target = kinds.load(task.kind), examples.targets[example]
    names = kind.target_columns(list(task.classes))
    if kind.follow_up:
        years, event = target
        return f"{'Event after' if event else 'No event within'} {years:.1f} years"
    if kind.measured_values:
        values = [f"{n}: {v:.3g}" for n, v in zip(names, np.atleast_1d(target), strict=True) if np.isfinite(v)]
        return _shortened(values)
    if kind.several_at_once:
        present = [name for name, value in zip(names, target, strict=True) if value == 1]
        return _shortened([_with_words(task, name) for name in present]) or "None of the classes"
    if kind.one_class_each:
        return _with_words(task, list(task.classes)[int(target)])
    return f"Person {examples.patient_ids[example]}"


def _with_words(task: Task, name: str) -> str:
    words = task.classes.get(name, "")
    return name if not words or words.lower() == name.lower() else f"{name} ({words})"


def _shortened(parts: list[str]) -> str:
    more = len(parts) - NAMED
    return ", ".join(parts[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _different(task: Task, examples: Examples) -> list[int]:
    """The first examples with different targets (of survival: with and without the event), positive ones first."""
    targets = np.asarray(examples.targets)
    if kinds.load(task.kind).follow_up:
        targets = targets[:, 1]
    firsts: dict[bytes, int] = {}
    for number, target in enumerate(targets):
        firsts.setdefault(np.asarray(target).tobytes(), number)
    order = sorted(firsts.values(), key=lambda n: (not np.any(np.nan_to_num(targets[n])), n))
    return order[:EXAMPLES]


def _cohort(dataset: str, source: DataSource) -> list[str]:
    cls = registry.load(registry.DATASETS, dataset)
    return [source.simulated_root(dataset).parent.name, source_digest(cls.__module__, cls.__qualname__)]


def kept(folder: Path, draw: Callable[[Callable[[Any, str], Drawing]], Pictures]) -> Pictures:
    """The pictures in a folder, drawn unless they are there."""

    def make(unfinished: Path) -> None:
        files: list[Path] = []

        def save(figure: Any, caption: str) -> Drawing:
            files.append(unfinished / f"{len(files) + 1}.svg")
            save_compact(figure, files[-1])
            return Drawing(files[-1], caption)

        pictures = draw(save)
        drawings = [(drawing.file.name, drawing.caption) for drawing in pictures.drawings]
        write_json(unfinished / "pictures.json", asdict(pictures) | {"drawings": drawings})

    facts = read_json(once(folder, make) / "pictures.json")
    drawings = [Drawing(folder / name, caption) for name, caption in facts["drawings"]]
    return Pictures(drawings, [Block(**block) for block in facts["blocks"]], facts["missing"])


def save_compact(figure: Any, path: Path) -> None:
    """A figure as SVG with coordinates of two decimals (0.01 point), half as large as matplotlib writes it."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"path.simplify_threshold": 0.25}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = re.sub(r"\d+\.\d{3,}", lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), buffer.getvalue())
    path.write_text(text, encoding="utf-8")


def _first_sentence(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text.split(". ")[0].rstrip(".") + "."
