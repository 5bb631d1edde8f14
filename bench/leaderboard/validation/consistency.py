"""Checks of a card against itself, its task and the published facts of its split: cheap, and without its predictions.

No message states the right key, digest or metric: who forges a card would only have to copy it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bench import kinds, modes, registry
from bench.cells.cell import Cell
from bench.cells.result import SCHEMA
from bench.cells.seen_classes import SEEN_ABOVE
from bench.errors import BenchError
from bench.kinds.clinical_metrics import plain_name
from bench.leaderboard.card_form import Card
from bench.leaderboard.validation.verdict import NotChecked
from bench.splitting.label_fractions import subset_size
from bench.storage.artifacts import digest

if TYPE_CHECKING:
    from bench.splitting.split import Split

CLOCKS_DIFFER = timedelta(days=1)
"""How far the clock of the machine that made a card may be ahead."""


def entry_of_task(card: Card) -> Any:
    """The registered task of a card, or None."""
    return registry.entries(registry.TASKS).get(str(card.cell.get("task")))


def digests(card: Card) -> Iterator[str]:
    plain = card.model_dump(mode="json")
    stated = plain.pop("digest")
    if digest(plain) != stated:
        yield "digest: it is not that of the card, which was edited after it was exported"
    if card.result_schema != SCHEMA:
        yield f"result_schema: {card.result_schema}, expected {SCHEMA}; run the cell again and export it"
    try:
        cell = Cell.from_dict(card.cell)
    except (TypeError, KeyError) as error:
        yield f"cell: not a cell ({error})"
        return
    key = digest([SCHEMA, list(cell.to_dict().values()), card.profile, card.data, list(card.inputs.values())])
    if not card.inputs:
        yield "inputs: empty, so that the key cannot be checked; run the cell again with this version"
    elif key != card.key:
        yield "key: it is not the digest of cell, profile, data and inputs"
    if cell.fold != card.split.fold:
        yield f"split.fold: {card.split.fold}, but the cell's is {cell.fold}"


def counts(card: Card) -> Iterator[str]:
    score, counts = card.score, card.counts
    if score.n_records != counts.test:
        yield f"score.n_records: {score.n_records:,}, but counts.test is {counts.test:,}"
    if score.n_clusters > score.n_records:
        yield f"score.n_clusters: {score.n_clusters:,} patients in {score.n_records:,} records"
    for name, n in score.support.items():
        if not 0 <= n <= score.n_records:
            yield f"score.support: {n:,} positives of {name} in {score.n_records:,} records"
    kind = kinds.load(score.kind)
    if kind.one_class_each and sum(score.support.values()) != score.n_records:
        yield f"score.support: {sum(score.support.values()):,} in all, but {score.n_records:,} records"
    absent = {name for name, n in score.support.items() if n == 0}
    if kind.has_classes and not absent <= set(score.left_out):
        yield f"score.left_out: lacks {', '.join(sorted(absent - set(score.left_out)))}, which have no positive"
    from bench.scoring.score import BOOTSTRAP

    if score.bootstrap != BOOTSTRAP:
        yield f"score.bootstrap: {score.bootstrap:,}; expected {BOOTSTRAP:,}"
    if kind.has_classes and set(score.per_class) != set(score.support):
        yield f"score.per_class: has {len(score.per_class)} classes and score.support {len(score.support)}; expected the same"
    if card.split.complete and card.data == "real" and counts.expected:
        for part in ("validation", "test"):
            if part in counts.expected and getattr(counts, part) != counts.expected[part]:
                yield f"counts.{part}: {getattr(counts, part):,} of a complete split that has {counts.expected[part]:,}"


RANGES = {
    "pearson_r": (-1.0, 1.0),
    "r2": (-math.inf, 1.0),
    "rmse": (0.0, math.inf),
    "mae": (0.0, math.inf),
    "brier_resolution": (-1.0, 1.0),
    "calibration_": (-math.inf, math.inf),
    "net_benefit_": (-math.inf, 1.0),
    "known": (0.0, math.inf),
}
"""Of the metrics that are not shares of one."""
MEANS = {
    "macro_auroc": "auroc",
    "macro_auprc": "auprc",
    "macro_f1": "f1",
    "macro_accuracy": "accuracy",
    "pearson_r": "pearson_r",
    "r2": "r2",
}
"""Metrics that are means of per-class values."""


def scores(card: Card) -> Iterator[str]:
    for name, estimate in card.score.metrics.items():
        low, high = _range(name)
        for part in ("value", "low", "high"):
            value = getattr(estimate, part)
            bounded = part == "value" or name in MEANS or name == "c_index"
            if value is not None and bounded and not low - 1e-9 <= value <= high + 1e-9:
                yield f"score.metrics.{name}.{part}: {value:g} is not within {low:g} and {high:g}"
        if None not in (estimate.value, estimate.low, estimate.high) and not (
            estimate.low - 1e-9 <= estimate.value <= estimate.high + 1e-9  # type: ignore[operator]
        ):
            yield f"score.metrics.{name}: {estimate.value:g} is outside its interval [{estimate.low:g}, {estimate.high:g}]"
        if name not in MEANS or estimate.value is None:
            continue
        each = [v.get(MEANS[name]) for label, v in card.score.per_class.items() if label not in card.score.left_out]
        known = [v for v in each if v is not None]
        if known and len(known) == len(each) and abs(math.fsum(known) / len(known) - estimate.value) > 1e-6:
            yield f"score.metrics.{name}.value: {estimate.value:.6g} is not what the classes' values average"

    for label, values in card.score.per_class.items():
        for name, value in values.items():
            low, high = _range(name)
            if value is not None and not low - 1e-9 <= value <= high + 1e-9:
                yield f"score.per_class.{label}.{name}: {value:g} is not within {low:g} and {high:g}"


def _range(name: str) -> tuple[float, float]:
    return next((span for metric, span in RANGES.items() if plain_name(name).startswith(metric)), (0.0, 1.0))


def task_and_split(card: Card) -> Iterator[str]:
    """Dataset, kind and split of the registered task; of a complete copy also what the split's file states."""
    from bench.splitting.split import load_split

    entry = entry_of_task(card)
    if registry.is_transferred(str(card.cell.get("task"))):
        yield NotChecked("transferred results are checked by replay alone: bench replay")
        return
    if entry is None:
        yield f"cell.task: {card.cell.get('task')!r} is not registered, so that its split cannot be checked"
        return
    known = entry.attributes
    if card.score.kind != kinds.of_entry(entry):
        yield f"score.kind: {card.score.kind}, but {entry.name} is {kinds.of_entry(entry)}"
        return
    if card.dataset.get("name") != known.get("dataset"):
        yield f"dataset.name: {card.dataset.get('name')}, but {entry.name} is on {known.get('dataset')}"
    if card.split.name not in (known.get("split"), known.get("released_split")):
        yield f"split.name: {card.split.name}, but {entry.name} is split by {known.get('split')}"
        return
    try:
        split = load_split(card.split.name)
    except BenchError as error:
        yield f"split.name: {error}"
        return
    yield from _classes(card, split)
    whole = card.data == "real" and card.dataset.get("version") == split.version and not card.dataset.get("n_skipped")
    if card.split.complete and not whole:
        yield f"split.complete: the card's data are not a complete copy of version {split.version}"
    elif whole and split.version is not None and not card.split.complete:
        yield f"split.complete: false, but the card states all of version {split.version}"
    if card.data == "real" and card.provenance.get("ceiling"):
        yield "data: real, but provenance.ceiling is known for simulated records only"
    if card.data == "real" and card.split.complete:
        yield from _complete(card, split)


def _classes(card: Card, split: Split) -> Iterator[str]:
    """All classes of the split are scored, and those that could be are not left out of the means."""
    score, kind, classes = card.score, kinds.load(card.score.kind), split.content.classes
    if not (kind.has_classes and classes):
        return
    if set(score.per_class) != set(classes):
        missing = ", ".join(sorted(set(classes) - set(score.per_class)))
        yield f"score.per_class: {f'lacks {missing}' if missing else f'its classes are not those of {split.name}'}"
    for name in score.left_out:
        known = score.per_class.get(name, {}).get("known") or score.n_records  # where labels are unknown, their number
        if 0 < score.support.get(name, 0) < known:
            yield f"score.left_out: {name}, which has positive and negative test records"


def _complete(card: Card, split: Split) -> Iterator[str]:
    """What a complete copy of the data must hold, from the split's file."""
    from bench.splitting.rules import PARTITIONS

    complete = split.content.complete
    if card.split.fold not in split.folds:
        yield f"split.fold: {card.split.fold}, but {split.name} has folds 0 to {split.folds[-1]}"
    if complete is None:
        return
    parts = complete.partitions
    for name, facts in parts.items():
        count = getattr(card.counts, name)
        if (count != facts.records and name != "train") or count > facts.records:
            yield f"counts.{name}: {count:,}, but {split.name} has {facts.records:,}"
        elif name == "train" and count != subset_size(
            facts.records, float(card.cell["fraction"]), card.cell.get("fraction_rule", "stratified")
        ):
            yield f"counts.train: {count:,} is not the labelled fraction {card.cell['fraction']:g} of {split.name}"
    test = parts.get("test")
    for label, n in (test.classes or {}).items() if test else ():
        if card.score.support.get(label, n) != n:
            yield f"score.support: {card.score.support[label]:,} positives of {label}, but {split.name} has {n:,} in test"
    if test and test.patients is not None and card.score.n_clusters != test.patients:
        yield f"score.n_clusters: {card.score.n_clusters:,} patients, but {split.name} has {test.patients:,} in test"
    stated = [[name, parts[name].digest] for name in PARTITIONS if name in parts]
    if complete.binding and len(stated) == len(PARTITIONS) and all(part_digest for _, part_digest in stated):
        expected = digest([split.name, stated])
        if card.split.digest != expected:
            yield f"split.digest: it is not that of {split.name}, of which the card claims to have all records"


def dates(card: Card) -> Iterator[str]:
    """Nothing was started or finished in the future."""
    latest = datetime.now(UTC) + CLOCKS_DIFFER
    for where, text in (
        ("provenance.started", card.provenance.get("started")),
        ("checkpoint.finished", card.checkpoint.get("finished")),
    ):
        if not text:
            if where == "provenance.started":
                yield NotChecked("provenance.started is empty")
            continue
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            yield f"{where}: {str(text)[:40]!r} is not a date; expected, for example, 2026-01-31T12:00:00+00:00"
            continue
        if (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) > latest:
            yield f"{where}: {str(text)[:40]} lies in the future"


def coordinates(card: Card) -> Iterator[str]:
    """Labels, fraction and draws that the mode can have."""
    cell = card.cell
    entry = registry.entries(registry.MODES).get(str(cell.get("mode")))
    if entry is None:
        yield f"cell.mode: {cell.get('mode')!r} is not registered"
        return
    mode = modes.facts(str(cell["mode"]))
    if not mode.uses_labels and cell["fraction"] != 1:
        yield f"cell.fraction: {cell['fraction']:g}, but {mode.name} uses no labels"
    if mode.released_protocol and card.provenance.get("protocol") != mode.released_protocol:
        yield f"provenance.protocol: {mode.name} repeats a released protocol, which the card does not state"
    if cell["mode"] not in card.config:
        yield f"config: lacks the settings of {mode.name}"
    if len(set(cell["leads"])) != len(cell["leads"]):
        yield "cell.leads: a lead is listed twice"
    if not mode.uses_checkpoint and card.checkpoint:
        yield f"checkpoint: stated, but {mode.name} starts from none"


def seen(card: Card) -> Iterator[str]:
    """Whether a class counts as seen follows from its similarity to what pretraining named."""
    classes = card.seen.get("classes") if card.seen else None
    if not classes:
        return
    if not isinstance(classes, dict) or not all(isinstance(facts, dict) for facts in classes.values()):
        yield "seen.classes: expected class -> seen, nearest and similarity"
        return
    for label, facts in classes.items():
        similarity = facts.get("similarity")
        if not isinstance(similarity, int | float) or facts.get("seen") is not (similarity > SEEN_ABOVE):
            yield f"seen.classes.{label}: seen does not follow from the similarity"
    if classes.keys() - set(card.score.per_class):
        yield "seen.classes: lists classes that the card does not score"
    yield NotChecked("the similarities themselves need the checkpoint")
