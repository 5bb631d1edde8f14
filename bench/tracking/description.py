"""The description of a run, in Markdown: what was run, its result, warnings, and the command that repeats it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from bench import modes
from bench.cells.changed_settings import changed_settings, set_by_hand
from bench.cells.result import Result
from bench.progress import counted
from bench.reading.yaml_file import parse_yaml
from bench.redaction import redact
from bench.signals.leads import name_leads


def describe(result: Result, links: Mapping[str, str] | None = None) -> str:
    """The description of a cell's run.

    Args:
        links: what the run belongs to (``Checkpoint``, ``Sweep``) -> a Markdown link to it.
    """
    cell, counts = result.cell, result.counts
    trained = f"trained on {counted(counts['train'], 'recording')}, " if modes.facts(cell.mode).uses_labels else ""
    lines = [
        f"**{cell}** ({result.data} data, profile {result.profile})",
        f"{_result(result)}; {trained}tested on {counts['test']:,}.",
    ]
    if (epoch := result.selection.get("epoch")) is not None and result.selection.get("value") is not None:
        selection = result.selection
        lines.append(
            f"Chosen on validation data: epoch {epoch}, {selection.get('metric', 'value')} {selection['value']:.4f}."
        )
    lines += [f"{name}: {link}" for name, link in (links or {}).items()]
    if warnings := list(_warnings(result)):
        lines.append("Warnings:\n\n" + "\n".join(f"- {warning}" for warning in warnings))
    file = str(result.provenance.get("method_file") or "").partition(":")[0]
    where = f" in the folder of {file}" if file else ""
    lines.append(f"Repeat it{where}:\n\n```\n{command_of(result)}\n```")
    return redact("\n\n".join(lines))


def command_of(result: Result) -> str:
    """The command that computes the cell again; a cross-validated task runs all its folds, and a replicate those before
    it. Of a module in a notebook, the call."""
    cell, mode = result.cell, modes.facts(result.cell.mode)
    if result.own_name == cell.method:
        return _call_of(result)
    file = result.provenance.get("method_file")
    sweep = result.provenance.get("sweep")
    method = f"./{file}" if file else cell.method
    words = ["bench", "sweep" if sweep else "run", "--method", method, "--task", cell.task, "--mode", mode.honest]
    if mode.released_protocol:
        words += ["--protocol", mode.released_protocol]
    if name_leads(cell.leads) != "all":
        words += ["--leads", name_leads(cell.leads)]
    if cell.fraction != 1:
        words += ["--fraction", f"{cell.fraction:g}"]
    if cell.fraction_rule != "stratified":
        words += ["--fraction-rule", cell.fraction_rule]
    if replicate := max(cell.draw, cell.training):
        words += ["--replicates", str(replicate + 1)]
        words += ["--split-variance"] if mode.uses_labels and cell.seed != replicate else []
    else:
        words += ["--seed", str(cell.seed)]
    words += ["--profile", result.profile]
    if sweep:
        words += ["--trials", str(sweep["trials"]), "--sampler", sweep["sampler"], "--pruner", sweep["pruner"]]
        words += ["--sampler-seed", str(sweep["sampler_seed"])]
        words += [word for name, space in sweep["space"].items() for word in ("--vary", f"{name}={space}")]
    words += [word for setting in set_by_hand(result) for word in ("--set", setting)]
    corpus = (result.checkpoint.get("corpus") or {}).get("dataset")
    if result.checkpoint.get("imported"):
        words += ["--checkpoint", f"{cell.method}={result.checkpoint.get('name')}"]
    elif corpus:
        words += ["--corpus", str(corpus)]
    if result.data == "real":
        words += ["--data-root", "FOLDER"]
    elif records := result.provenance.get("simulated_records"):
        words += ["--simulated-records", str(records)]
    return shlex.join(words)


def _call_of(result: Result) -> str:
    """The call of ``bench.run`` that computes a cell of a module in a notebook again; its author has the module."""
    cell = result.cell
    arguments: dict[str, Any] = {"tasks": cell.task, "modes": modes.facts(cell.mode).honest, "profile": result.profile}
    if name_leads(cell.leads) != "all":
        arguments["leads"] = name_leads(cell.leads)
    if cell.fraction != 1:
        arguments["fractions"] = cell.fraction
    if cell.fraction_rule != "stratified":
        arguments["fraction_rule"] = cell.fraction_rule
    arguments |= {"replicates": cell.draw + 1} if cell.draw else {"seeds": cell.seed}
    if changed := set_by_hand(result):
        arguments["settings"] = {
            path: parse_yaml(value) for path, _, value in (text.partition("=") for text in changed)
        }
    if result.data == "real":
        arguments["data_root"] = "FOLDER"
    elif records := result.provenance.get("simulated_records"):
        arguments["simulated_records"] = records
    method = f"bench.encoder(module, input=InputSpec(...), name={cell.method!r})"
    return f"bench.run(methods={method}, {', '.join(f'{name}={value!r}' for name, value in arguments.items())})"


def _result(result: Result) -> str:
    name, estimate = next(iter(result.score["metrics"].items()))
    value, low, high = ("-" if n is None else f"{n:.3f}" for n in (estimate.get(k) for k in ("value", "low", "high")))
    return f"{name} **{value}** [{low}, {high}]"


def _warnings(result: Result) -> list[str]:
    """What a reader of the number must know."""
    notes = []
    evidence: Any = result.contamination_evidence
    if result.contamination != "none":
        reasons = "; ".join(str(reason).rstrip(".") for reason in evidence.get("reasons") or ())
        notes.append(f"contamination by pretraining: {result.contamination}" + f" ({reasons})" * bool(reasons))
    if result.data != "real":
        notes.append("simulated recordings: the number says nothing about patients")
    if result.profile != "paper":
        notes.append(f"profile {result.profile}: short training, not comparable with a paper's number")
    mode = modes.facts(result.cell.mode)
    if mode.released_protocol:
        chosen = ": epoch and thresholds are chosen on the test set" if mode.looks_at_test else ""
        notes.append(f"protocol {mode.released_protocol}{chosen}")
    if not result.split.get("complete", True):
        notes.append("the split is not the complete published one")
    if left_out := result.score.get("left_out"):
        notes.append(f"classes without a positive test record, left out of the means: {', '.join(left_out)}")
    for name, value in (result.provenance.get("ceiling") or {}).items():
        notes.append(f"the simulator's own risk scores {name} {value:.3f}: no method can be expected to beat it")
    notes += map(str, result.score.get("notes") or ())
    if changed := changed_settings(result):
        notes.append(f"settings that differ from the profile: {' '.join(changed)}")
    return notes
