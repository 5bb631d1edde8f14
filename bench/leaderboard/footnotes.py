"""Footnotes of a table: classes left out, seeds, protocols that differ, results superseded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench import modes, registry
from bench.cells.changed_settings import set_by_hand
from bench.cells.result import Result
from bench.errors import DataError
from bench.leaderboard import class_notes
from bench.leaderboard.collapsed import collapse_notes
from bench.leaderboard.contamination import contamination_notes, states_corpus
from bench.leaderboard.corrections import corrections
from bench.leaderboard.identical_results import identical_results
from bench.leaderboard.match_results import OWN_RECORDS, coordinates_of, corpus_of, latest, protocol_of, reads_setting
from bench.leaderboard.replicates import Varied, by_replicate, varied
from bench.leaderboard.stale_results import stale_notes
from bench.leaderboard.text_ceilings import text_notes
from bench.progress import counted
from bench.provenance import LIBRARIES
from bench.reading import as_published
from bench.storage.artifacts import digest
from bench.tracking.run_fields import flatten


class Note(str):
    """A footnote; where there is room for a few only, those with the lowest ``rank`` are shown."""

    rank: int

    def __new__(cls, text: str, rank: int) -> Note:
        note = super().__new__(cls, text)
        note.rank = rank
        return note


def footnotes(used: Mapping[str, Sequence[Result]], described: Mapping[str, str] | None = None) -> list[str]:
    """Footnotes of a table, from the results behind each of its lines (label -> results).

    All but the last are from the latest result of each cell, the one that is shown.

    Args:
        described: label -> settings that the line's label or its own footnote states; they are not repeated.
    """
    with_older, used = used, {label: latest(results) for label, results in used.items()}
    everything = [result for results in used.values() for result in results]
    ranked: list[tuple[int, list[str]]] = [
        (8, _ceilings(everything)),
        (15, class_notes.macro_means(everything)),
        (7, class_notes.left_out(everything)),
        (13, class_notes.few_positives(everything)),
        (7, class_notes.unknown_labels(everything)),
        (10, class_notes.untrained_classes(everything)),
        (4, _refused(everything)),
        (5, _seeds(used)),
        (5, identical_results(used)),
        (9, _corpora(used, described or {})),
        (14, _prompts(used)),
        (2, _deviations(used)),
        (2, _assumptions(used)),
        (1, corrections(used)),
        (1, contamination_notes(used)),
        (0, text_notes(used)),
        (1, stale_notes(used)),
        (1, collapse_notes(used)),
        (6, _protocols(used, described or {})),
        (3, _overrides(used, described or {})),
        (3, _sweeps(used)),
        (11, _libraries(everything)),
        (12, _superseded(with_older)),
    ]
    return [Note(text, rank) for rank, texts in ranked for text in texts]


def _ceilings(results: Sequence[Result]) -> list[str]:
    """The score of the true risk or the true labels on the test records of a simulated cohort: a mean over folds."""
    ceilings: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for result in results:
        for metric, value in (result.provenance.get("ceiling") or {}).items():
            ceilings[result.cell.task, metric][result.cell.fold] = value
    return [
        f"{task}: the {'true labels have' if '@' in task else 'risk from which the simulator drew the outcomes has'} "
        f"{metric} {sum(at.values()) / len(at):.3f} on the same test records"
        f"{f', mean of {len(at)} folds' if len(at) > 1 else ''}; no method can be expected to exceed it."
        for (task, metric), at in sorted(ceilings.items())
    ]


def _assumptions(used: Mapping[str, Sequence[Result]]) -> list[str]:
    """What the releases of imported weights do not state and their methods assume."""
    lines: dict[str, dict[str, None]] = defaultdict(dict)
    for label, results in used.items():
        for result in results:
            if assumed := (result.checkpoint.get("imported") or {}).get("assumed"):
                lines[assumed][label] = None
    return [f"{', '.join(labels)}: it is assumed {assumed}." for assumed, labels in lines.items()]


_REFUSED = {
    "n_skipped": "unreadable and left out (--on-bad-record skip)",
    "n_doubtful": "without a signal or the amplitude of an ECG, but kept (--on-bad-record keep)",
}


def _refused(results: Sequence[Result]) -> list[str]:
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for result in results:
        for fact in _REFUSED:
            name = str(result.dataset.get("name"))
            counts[name, fact] = max(counts[name, fact], int(result.dataset.get(fact) or 0))
    return [
        f"{counted(n, 'recording')} of {name}: {_REFUSED[fact]}." for (name, fact), n in sorted(counts.items()) if n
    ]


def _seeds(used: Mapping[str, Sequence[Result]]) -> list[str]:
    """How means and intervals came about; of cross-validated tasks and of others apart, where a table has both."""
    folds: dict[str, int] = defaultdict(int)
    for results in used.values():
        for task in {r.cell.task for r in results}:
            folds[task] = max(folds[task], len({r.cell.fold for r in results if r.cell.task == task}))
    kinds = [[task for task, n in folds.items() if (n > 1) is crossed] for crossed in (False, True)]
    return [
        (f"{class_notes.listed(set(tasks))}: " if all(kinds) else "") + note
        for tasks in kinds
        if tasks
        for note in _how(used, tasks, max(folds[task] for task in tasks))
    ]


def _how(used: Mapping[str, Sequence[Result]], tasks: Sequence[str], folds: int) -> list[str]:
    counts: dict[Varied, set[int]] = defaultdict(set)
    for cell_results in (list(cell_results) for results in used.values() for cell_results in _places(results, tasks)):
        what = varied(cell_results)
        counts[what].add(
            len(by_replicate(cell_results)) if what == "replicates" else len({r.cell.seed for r in cell_results})
        )
    if folds > 1:
        several = [_OF_FOLDS[what].format(n=max(counts[what])) for what in _OF_FOLDS if counts[what]]
        how = "intervals (95 %) are corrected resampled t over them, as their training sets overlap"
        return [f"Means ± standard deviations over {folds} folds; {how}; {'; '.join(several) or 'one seed was run'}."]
    ranges = {what: f"{min(n)} to {max(n)}" if len(n) > 1 else str(max(n)) for what, n in counts.items()}
    notes = [_HOW[what].format(n=ranges[what]) for what in _HOW if what in ranges]
    return notes if len(notes) < 2 else [*notes, IN_CSV]


IN_CSV = "The CSV has the seeds and replicates of each number."
_HOW: dict[Varied, str] = {
    "replicates": "With {n} replicates (pretraining, labelled records and seed, drawn jointly where a method draws them), "
    "numbers are means, and intervals (95 %) cover test patients and replicates.",
    "seeds": "Where {n} seeds draw everything that a method draws, numbers are means, and intervals (95 %) cover test "
    "patients and seeds.",
    "seeds of one training": "Where {n} seeds share one pretraining or one draw of labelled records, numbers are means, and "
    "intervals (95 %) cover test patients and seeds, not another pretraining or other labelled records.",
    "one seed": "With one seed, intervals (95 %, bootstrap over patients) cover test patients, not another training: two "
    "rows compare two trained encoders, not two methods (--replicates 5).",
}
_OF_FOLDS: dict[Varied, str] = {
    "replicates": "up to {n} replicates (pretraining, labelled records and seed, drawn jointly) are averaged first, and "
    "intervals cover them",
    "seeds": "up to {n} seeds are averaged first, and intervals cover them",
    "seeds of one training": "up to {n} seeds on one pretraining or one draw of labelled records are averaged first",
}


def _places(results: Sequence[Result], tasks: Sequence[str]) -> Iterable[Sequence[Result]]:
    """Results by task, mode, fraction and leads."""
    places: dict[Any, list[Result]] = defaultdict(list)
    for result in results:
        if result.cell.task in tasks:
            places[coordinates_of(result)].append(result)
    return places.values()


def _corpora(used: Mapping[str, Sequence[Result]], stated: Mapping[str, str]) -> list[str]:
    """The corpora that neither a line's label nor the footnote on its mark states."""
    labels: dict[str, list[str]] = defaultdict(list)
    for label, results in used.items():
        for corpus in {str(corpus_of(r)["pretrained on"]) for r in results if corpus_of(r) and not states_corpus(r)}:
            if f"pretrained on {corpus}" not in stated.get(label, ""):
                labels["the task's dataset" if corpus == OWN_RECORDS else corpus].append(label)
    return [f"Pretrained on {corpus}: {', '.join(names)}." for corpus, names in sorted(labels.items())]


def deviations(results: Sequence[Result]) -> list[str]:
    """Where results with the settings of the paper's profile differ from the paper, as the method states it."""
    known = registry.entries(registry.METHODS)
    stated: dict[str, None] = {}
    for result in results:
        entry = known.get(result.cell.method)
        if result.profile != "paper" or entry is None:
            continue
        config = flatten(result.config.get("method", {}))
        try:
            declared = as_published.deviations(entry)
        except DataError:  # bench explain METHOD --paper reports it
            declared = entry.attributes.get("deviations", {})
        for name, (value, sentence) in declared.items():
            if name in config and config[name] == value and reads_setting(name, result):
                stated[sentence] = None
    return list(stated)


def _deviations(used: Mapping[str, Sequence[Result]]) -> list[str]:
    labels: dict[str, list[str]] = defaultdict(list)
    for label, results in used.items():
        for sentence in deviations(results):
            labels[sentence].append(label)
    return [f"§ {sentence}: {', '.join(rows)}." for sentence, rows in labels.items()]


_WORDING = {
    "described": "the task's words for the classes (those of PTB-XL's superclasses were chosen on its validation fold 9)",
    "original": "the category names that the dataset publishes",
}


def _prompt_words(config: Mapping[str, Any]) -> tuple[str, str]:
    """What a method with this config asks for a class with, and on what that was chosen; and how it is written."""
    prompts = config.get("prompts")
    if not isinstance(prompts, dict):
        return _WORDING["described"], "in a method that has no settings for prompts"
    words = _WORDING.get(prompts.get("wording", "described"), str(prompts.get("wording")))
    form = []
    if prompts.get("kind") == "file":
        words = f"a file of prompts (sha256 {str(prompts.get('sha256'))[:12]}), chosen by the user"
    elif prompts.get("kind") == "template":
        form.append(f"in {prompts.get('template')!r}")
    elif prompts.get("kind") == "entities":
        form.append("as the lexicon's entities")
    if prompts.get("lower", True) and prompts.get("kind") != "file":
        form.append("in lower case")
    reports = config.get("cqa")
    if config.get("prompt_waveforms") and isinstance(reports, dict) and reports.get("waveforms"):
        form.append(
            "each with the description of its waveform (chosen on a simulated test split, checked on validation data)"
        )
    return words, ", ".join(form)


def _prompts(used: Mapping[str, Sequence[Result]]) -> list[str]:
    """What asked for the classes in zero-shot, and on what it was chosen: a note for each choice of words."""
    labels: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for label, results in used.items():
        configs = [r.config.get("method", {}) for r in results if modes.facts(r.cell.mode).names_classes]
        for words, form in dict.fromkeys(map(_prompt_words, configs)):
            labels[words][form].append(label)
    notes = []
    for words, forms in sorted(labels.items()):
        rows = "; ".join(f"{form}{': ' if form else ''}{', '.join(named)}" for form, named in sorted(forms.items()))
        notes.append(f"Zero-shot prompts are {words}{': ' if '' in forms else ', '}{rows}.")
    return notes


def _protocols(used: Mapping[str, Sequence[Result]], stated: Mapping[str, str]) -> list[str]:
    notes = []
    for mode in sorted({r.cell.mode for results in used.values() for r in results}):
        by_protocol: dict[str, tuple[dict[str, Any], list[str]]] = {}
        for label, results in used.items():
            for protocol in {digest(p): p for p in (protocol_of(r) for r in results if r.cell.mode == mode)}.values():
                _, labels = by_protocol.setdefault(digest(protocol), (flatten(protocol), []))
                labels.append(label)
        if len(by_protocol) < 2:
            continue
        fields = sorted({name for settings, _ in by_protocol.values() for name in settings})
        differing = [n for n in fields if len({digest(settings.get(n)) for settings, _ in by_protocol.values()}) > 1]
        rows = [label for _, labels in by_protocol.values() for label in labels]
        if all(f"{mode}.{name} " in stated.get(label, "") for label in rows for name in differing):
            continue
        differences = "; ".join(
            f"{', '.join(f'{n} {settings.get(n)}' for n in differing)} for {', '.join(labels)}"
            for settings, labels in by_protocol.values()
        )
        notes.append(f"The protocol of {mode} differs: {differences}.")
    return notes


def _libraries(results: Sequence[Result]) -> list[str]:
    """The libraries of which a table's cells were computed with several versions, each version with its cells."""
    cells = {result.key: result.provenance.get("versions") or {} for result in results}
    mixed = []
    for library in LIBRARIES:
        counts = Counter(versions.get(library) or "not recorded" for versions in cells.values())
        if len(counts) > 1:
            shown = ", ".join(
                f"{version} ({n:,} {'cell' if n == 1 else 'cells'})" for version, n in sorted(counts.items())
            )
            mixed.append(f"{library} {shown}")
    return [f"The cells were computed with different versions of libraries: {'; '.join(mixed)}."] if mixed else []


def _overrides(used: Mapping[str, Sequence[Result]], stated: Mapping[str, str]) -> list[str]:
    labels: dict[str, list[str]] = defaultdict(list)
    for label, results in used.items():
        fields = {part.rpartition(" ")[0] for part in stated.get(label, "").split(", ")}
        for settings in sorted({" ".join(_unstated(r, fields)) for r in results} - {""}):
            labels[settings].append(label)
    return [f"Settings changed by --set {settings}: {', '.join(names)}." for settings, names in labels.items()]


def _unstated(result: Result, fields: set[str]) -> list[str]:
    """The settings of :func:`bench.cells.changed_settings.set_by_hand` whose fields a label does not state."""
    paths = {text: text.partition("=")[0].strip() for text in set_by_hand(result)}
    return [t for t, path in paths.items() if not {path, path.removeprefix(f"{result.cell.method}.")} & fields]


def _sweeps(used: Mapping[str, Sequence[Result]]) -> list[str]:
    labels: dict[str, list[str]] = defaultdict(list)
    for label, results in used.items():
        for sweep in {digest(s): s for r in results if (s := _how_swept(r))}.values():
            space = "; ".join(f"{field} of {values}" for field, values in sweep["space"].items())
            choice = f"{space} ({sweep['sampler']}, {counted(sweep['trials'], 'trial')})"
            labels[choice].append(label)
    return [f"Chosen on validation data: {choice}: {', '.join(names)}." for choice, names in labels.items()]


def _how_swept(result: Result) -> dict[str, Any] | None:
    sweep = result.provenance.get("sweep")
    return sweep and {k: sweep[k] for k in ("space", "sampler", "trials")}


def _superseded(used: Mapping[str, Sequence[Result]]) -> list[str]:
    older = sum(len(results) - len(latest(results)) for results in used.values())
    return [f"{older} older results of the same cells are not shown; the latest counts."] if older else []
