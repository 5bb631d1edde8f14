"""Find settings of pretraining for the profile ``small``, on training and validation records.

    python benchmarks/small_settings.py simclr mae --data-root ptbxl=FOLDER
    python benchmarks/small_settings.py clocs --data-root ptbxl=FOLDER --vary clocs.encoder=resnet18,clocs-cnn

A grid over the learning rate and the number of epochs (0: the untrained network). The criterion is the validation value of
an exact linear probe with a tenth of the labels, a mean over ``--replicates`` trainings and draws of labels: with one
training, the luckiest setting wins. Test records are not read. Every setting becomes a line of a CSV file; trials that the
workspace has are not repeated. What is chosen goes into the class attribute ``small`` of the method.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from bench import registry
from bench.cli.options import data_source
from bench.runner.plan import RunOptions
from bench.sweep.show import as_json, study_at
from bench.sweep.sweep import Planned, SweepOptions, plan_sweep, take_part

TASK, FRACTION = "ptbxl-super", 0.1
GRIDS = {
    "masked": {"lr": "1e-3,3e-3", "epochs": "0,30,60"},  # what is reconstructed takes longer to learn
    "report": {"lr": "5e-4,2e-3", "epochs": "0,25"},
    "": {"lr": "3e-4,1e-3", "epochs": "0,10,30"},
}
BATCHES = {"report": 64, "": 32}  # a report is compared with the others of its batch
"""By family of the method; the empty name is for all others."""

MOST = 24
"""Trials of one study."""

COLUMNS = ("method", "settings", "trainings", "validation", "metric", "chosen")


def options_for(method: str, fixed: list[str], varied: list[str], replicates: int) -> SweepOptions:
    """The study of one method: the grid of its family, with what the command fixes and varies in addition."""
    family = str(registry.entries(registry.METHODS)[method].attributes.get("family"))
    grid, batch = GRIDS.get(family, GRIDS[""]), BATCHES.get(family, BATCHES[""])
    named = {text.partition("=")[0] for text in (*fixed, *varied)}
    spaces = {f"{method}.pretrain.{field}": values for field, values in grid.items()}
    overrides = {
        f"{method}.pretrain.threads": "1",
        f"{method}.pretrain.batch_size": str(batch),
        "linear.solver": "exact",
    }
    run = RunOptions(
        [method],
        [TASK],
        ["linear"],
        fractions=[FRACTION],
        replicates=replicates,
        profile="small",
        overrides=[*(f"{name}={value}" for name, value in overrides.items() if name not in named), *fixed],
        track=False,
    )
    vary = [*(f"{name}={values}" for name, values in spaces.items() if name not in named), *varied]
    return SweepOptions(run, sampler="grid", vary=vary)


def studies_of(planned: Planned) -> list[Planned]:
    """A study for each replicate; the first has the name that it has without others."""
    first, *others = planned.scored
    return [
        replace(planned, cell=first),
        *(
            replace(
                planned,
                cell=cell,
                what=replace(
                    planned.what,
                    name=f"{planned.what.name}-training{cell.training}",
                    facts=(planned.what.facts or {}) | {"cell": cell.to_dict()},
                ),
            )
            for cell in others
        ),
    ]


def lines_of(studies: list[dict[str, Any]], fixed: list[str]) -> list[dict[str, str]]:
    """A line for each setting that all studies tried; the best mean of those that pretrained is chosen."""
    method = studies[0]["cell"]["method"]
    epochs = f"{method}.pretrain.epochs"
    values: dict[str, dict[int, float]] = {}
    pretrained = set()
    trials = [(number, trial) for number, study in enumerate(studies) for trial in study["trials"]]
    for number, trial in trials:
        setting = dict(text.split("=", 1) for text in fixed) | trial["setting"]
        if trial["setting"].get(epochs) == 0:  # no other setting of pretraining is read
            setting = {n: v for n, v in setting.items() if n == epochs or not n.startswith(f"{method}.pretrain.")}
        words = ", ".join(f"{name.removeprefix(f'{method}.')}={value}" for name, value in sorted(setting.items()))
        if trial["value"] is not None:
            values.setdefault(words, {})[number] = trial["value"]
        if trial["setting"].get(epochs) != 0:
            pretrained.add(words)
    means = {words: fmean(found.values()) for words, found in values.items() if len(found) == len(studies)}
    chosen = max(pretrained & set(means), key=means.__getitem__, default=None)
    metric = studies[0]["metric"]
    trainings = str(len(studies))
    rows = [(method, w, trainings, f"{m:.4f}", metric, "yes" if w == chosen else "") for w, m in means.items()]
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="+", metavar="METHOD")
    parser.add_argument("--vary", action="append", default=[], metavar="FIELD=VALUES", help="in addition, or instead")
    parser.add_argument("--set", action="append", default=[], dest="fixed", metavar="FIELD=VALUE")
    parser.add_argument(
        "--replicates", type=int, default=3, metavar="N", help="trainings of each setting [%(default)s]"
    )
    parser.add_argument("--data-root", action="append", metavar="FOLDER")
    parser.add_argument("--simulated-records", type=int)
    parser.add_argument("--workspace")
    parser.add_argument("--csv", type=Path, help="append a line for each trial")
    arguments = parser.parse_args()
    source = data_source(arguments.data_root, arguments.workspace, arguments.simulated_records)
    for method in arguments.methods:
        options = options_for(method, arguments.fixed, arguments.vary, arguments.replicates)
        (planned,), session = plan_sweep(options, source)
        if planned.what.trials > MOST:
            parser.error(f"{method}: {planned.what.trials} trials; at most {MOST}. Vary less.")
        studies = []
        for replicate in studies_of(planned):
            take_part(options, session, replicate)
            with study_at(source.workspace, None, replicate.what.name) as study:
                studies.append(as_json(study))
        lines = lines_of(studies, arguments.fixed)
        for line in lines:
            print("  ".join(line[column] for column in COLUMNS), flush=True)
        if arguments.csv:
            is_new = not arguments.csv.exists()
            with open(arguments.csv, "a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
                if is_new:
                    writer.writeheader()
                writer.writerows(lines)


if __name__ == "__main__":
    main()
