"""The page of a checkpoint on a model hub: what it is, what goes in, its results with intervals, how to use it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import modes, registry
from bench.cells.result import Result
from bench.leaderboard.citation import citation
from bench.leaderboard.metric_names import metric_name
from bench.signals.leads import LEADS
from bench.training.checkpoint_files import read_config, read_provenance

if TYPE_CHECKING:
    from huggingface_hub import EvalResult


def of_checkpoint(results: Iterable[Result], folder: Path) -> list[Result]:
    """The results that start from a checkpoint, in the order of their cells."""
    key = read_provenance(folder)["key"]
    return sorted((r for r in results if r.checkpoint.get("key") == key), key=lambda r: r.cell)


def model_card(folder: Path, repository: str, licence: str, results: Sequence[Result]) -> str:
    """The ``README.md`` of a checkpoint: metadata with a ``model-index`` as the hub reads it, and the text.

    Results on simulated recordings are in the text alone: the hub ranks what is in a ``model-index``.

    Args:
        repository: ``OWNER/NAME``, for the commands in the text.
        licence: of the weights, as the hub spells it (``cc-by-4.0``).
        results: of this checkpoint (:func:`of_checkpoint`).

    Raises:
        DataError: no readable checkpoint.
    """
    from huggingface_hub import ModelCardData

    facts = read_provenance(folder)
    evaluations = [_evaluation(result) for result in results if result.data == "real"]
    metadata = ModelCardData(
        license=licence,
        library_name="ecg-bench",
        tags=["ecg", "12-lead-ecg", "ecg-bench", facts["method"]],
        datasets=None,  # the hub takes only datasets that it hosts
        model_name=repository.partition("/")[2] if evaluations else None,
        eval_results=evaluations or None,
    )
    text = "\n".join(_text(folder, facts, repository, results))
    return f"---\n{metadata.to_yaml()}\n---\n\n{text}\n"


def _evaluation(result: Result) -> EvalResult:
    from huggingface_hub import EvalResult

    name, value = _main_metric(result)
    return EvalResult(
        task_type="other",
        task_name=f"{result.cell.task}, {_condition(result)}",
        dataset_type=result.tested_dataset,
        dataset_name=registry.load(registry.DATASETS, result.tested_dataset).title,
        dataset_split="test",
        metric_type=name,
        metric_name=f"{metric_name(name)} (95 % interval {_number(value['low'])} to {_number(value['high'])})",
        metric_value=value["value"],
    )


def _main_metric(result: Result) -> tuple[str, dict[str, float | None]]:
    """The first metric of a result, which is the one of its task."""
    return next(iter(result.score["metrics"].items()))


def _condition(result: Result) -> str:
    cell = result.cell
    parts = [
        cell.mode,
        f"{cell.fraction:.4g} of the labels" if cell.fraction < 1 else "all labels",
        f"seed {cell.seed}",
    ]
    parts += [f"leads {', '.join(cell.leads)}"] if len(cell.leads) < len(LEADS) else []
    return ", ".join(parts if modes.facts(cell.mode).uses_labels else parts[:1])


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"


def _text(folder: Path, facts: dict[str, Any], repository: str, results: Sequence[Result]) -> Iterator[str]:
    name = facts["method"]
    method = registry.load(registry.METHODS, name)
    config = read_config(method, folder)
    wanted, corpus = method.input_for(config), facts["corpus"]
    yield f"# {repository.partition('/')[2]}\n"
    yield f"Weights of `{name}`, pretrained and evaluated with `ecg-bench`.\n"
    if corpus.get("data") == "simulated":
        yield "**The corpus is simulated: the weights show that the method runs, and know no real ECG.**\n"
    yield "## Facts\n"
    yield "| | |\n|---|---|"
    yield f"| parameters | {facts['parameters']:,} |"
    trained = facts.get("records", {}).get("train")
    yield f"| pretrained on | {corpus.get('dataset')} {corpus.get('version', '')}, {_counted(trained)} |"
    if corpus.get("text"):
        yield f"| texts | {corpus['text']} |"
    seconds = facts.get("seconds")
    made = f"{facts.get('steps', 0):,} steps" + (f" in {seconds / 60:.0f} min" if seconds else "")
    yield f"| training | {made}; settings in `config.yaml`, course in `history.csv` |"
    scaled = f"{wanted.seconds:g} s at {wanted.fs:g} Hz, normalised: {wanted.normalise}"
    yield f"| input | {scaled}; leads {', '.join(LEADS)}, in mV |"
    yield f"| SHA-256 of the weights | `{facts['weights_sha256']}` |"
    yield f"| key of the checkpoint | `{facts['key']}` |\n"
    yield "Recordings of any length and rate are taken to this input by ecg-bench.\n"
    yield "## Results\n"
    yield from _results(results)
    yield "\n## Use\n"
    yield "```\npip install ecg-bench"
    yield f"hf download {repository} --local-dir {folder.name}"
    yield f"bench run --method {name} --checkpoint {name}={folder.name} --task TASK --mode linear\n```\n"
    yield "In Python, on recordings in mV, [record, lead, time]:\n"
    yield "```python\nfrom bench.frozen_encoder import FrozenEncoder\n"
    yield f'features = FrozenEncoder("{name}", fs=500, checkpoint="{folder.name}").transform(recordings)\n```\n'
    yield "## Cite\n"
    yield "```bibtex"
    yield from citation(name)
    if corpus.get("dataset") in registry.entries(registry.DATASETS):
        yield from citation(corpus["dataset"])
    yield "```"


def _results(results: Sequence[Result]) -> Iterator[str]:
    if not results:
        yield "No result of this checkpoint was in the workspace that it was published from."
        return
    yield "| task | condition | metric | value [95 % interval] | test records | contamination | data, profile |"
    yield "|---|---|---|---:|---:|---|---|"
    for result in results:
        name, value = _main_metric(result)
        interval = f"{_number(value['value'])} [{_number(value['low'])}, {_number(value['high'])}]"
        yield (
            f"| {result.cell.task} | {_condition(result)} | {metric_name(name)} | {interval} | {result.counts['test']:,} | "
            f"{result.contamination} | {result.data}, {result.profile} |"
        )
    yield "\nContamination: whether test records, or other records of their dataset, were pretrained on."


def _counted(records: int | None) -> str:
    return "number of recordings not known" if records is None else f"{records:,} recordings"
