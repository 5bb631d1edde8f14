"""The table of names in the documentation, compared with what the code logs."""

import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.cells.result import write_result
from bench.sweep.mirror import metrics_of_study, params_of_study, tags_of_study
from bench.tracking.pretraining import metrics_of_point, params_of_checkpoint, tags_of_checkpoint
from bench.tracking.run_fields import curves_of, metrics_of, params_of, run_name, tags_of
from bench.training.collapse import MEASURES
from bench.training.training_log import Point

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "mlflow.md"
ROW = re.compile(r"^\| (param|metric|tag) \| `([^`]+)` \| \S.* \|$", re.MULTILINE)
BY_WRITER = {"mlflow.runName", "mlflow.note.content", "mlflow.parentRunId", "bench.logged_model"}
"""Tags that are set with a run and not by the functions of its fields."""
PLACEHOLDER = re.compile(r"[A-Z]{2,}")


@pytest.fixture(scope="module")
def complete_result(store_result, tmp_path_factory):
    """A result in which every field that is logged has a value."""
    result = store_result(tmp_path_factory.mktemp("results"), left_out=["PMI"])
    provenance = result.provenance | {
        "overrides": ["linear.epochs=2"],
        "ceiling": {"macro_auroc": 0.9},
        "board": "ptbxl",
        "sweep": {"study": "kmerl-linear"},
    }
    cell = dataclasses.replace(result.cell, draw=1, training=1)
    result = dataclasses.replace(result, provenance=provenance, cell=cell)
    history = [{"epoch": k, "loss": 1 / k, "validation": k / 10, "lr": 0.1} for k in range(1, 9)]
    return write_result(tmp_path_factory.mktemp("results"), result, result.predictions(), history)


def test_the_name_of_a_run_begins_with_what_differs(complete_result):
    cell = dataclasses.replace(complete_result.cell, draw=0, training=0)
    complete_result = dataclasses.replace(complete_result, cell=cell)
    assert run_name(complete_result) == "kmerl · linear · ptbxl-super · linear.epochs=2"
    cell = dataclasses.replace(cell, seed=2, fraction=0.1)
    swept = complete_result.provenance | {"sweep": {"space": {"linear.epochs": "2,4"}, "setting": {"linear.epochs": 2}}}
    other = dataclasses.replace(complete_result, cell=cell, provenance=swept)
    assert run_name(other) == "kmerl 10% s2 · linear · ptbxl-super"
    replicate = dataclasses.replace(other, cell=dataclasses.replace(cell, draw=2, training=2))
    assert run_name(replicate) == "kmerl 10% r2 · linear · ptbxl-super"
    pretrained_again = dataclasses.replace(other, cell=dataclasses.replace(cell, seed=0, training=2))
    assert run_name(pretrained_again) == "kmerl 10% training 2 · linear · ptbxl-super"


CHECKPOINT = {
    "key": "c0ffee",
    "method": "kmerl",
    "checkpoint": "kmerl-c0ffee",
    "weights_sha256": "0" * 64,
    "config": {"pretrain": {"epochs": 2}},
    "corpus": {"dataset": "ptbxl", "data": "real", "text": "report"},
    "records": {"train": 10, "validation": 2},
    "parameters": 7,
    "git_commit": "0" * 40,
}
POINT = Point(
    "",
    "epoch",
    1,
    0,
    {"contrastive": 1.0, "entities": 2.0},
    {"contrastive": 1.0, "entities": 2.0},
    dict.fromkeys(("lr", "gradient_norm", "recordings_per_second", "memory_gb", *MEASURES), 1.0),
)


STUDY = {
    "cell": {"method": "kmerl", "task": "ptbxl-super", "mode": "linear", "fraction": 1.0, "fold": 0},
    "space": {"linear.lr": "log:1e-5..1e-1"},
    "sampler": "tpe",
    "pruner": "none",
    "sampler_seed": 0,
    "metric": "macro_auroc",
    "profile": "smoke",
    "data": "simulated",
}
BEST = SimpleNamespace(number=3, value=0.8, params={"linear.lr": 0.01})


def documented(section: str) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {"param": set(), "metric": set(), "tag": set()}
    text = PAGE.read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    for kind, name in ROW.findall(text):
        names[kind].add(name)
    return names


def matches(name: str, row: str) -> bool:
    """A placeholder in upper case is any text, but a name that has a row belongs to that row."""
    return bool(re.fullmatch(PLACEHOLDER.sub(".+", re.escape(row)), name))


def logged_fields(result) -> dict[tuple[str, str], set[str]]:
    """Names that the code logs, by section of the page and kind."""
    return {
        ("Results", "param"): set(params_of(result)),
        ("Results", "metric"): set(metrics_of(result)) | {name for name, _, _ in curves_of(result)},
        ("Results", "tag"): set(tags_of(result)),
        ("Pretraining", "param"): set(params_of_checkpoint(CHECKPOINT)),
        ("Pretraining", "metric"): set(metrics_of_point(POINT)),
        ("Pretraining", "tag"): set(tags_of_checkpoint(CHECKPOINT)) | {"weights_sha256"},
        ("Sweeps", "param"): set(params_of_study(STUDY)),
        ("Sweeps", "metric"): set(metrics_of_study(5, BEST, 5)),
        ("Sweeps", "tag"): set(tags_of_study("kmerl-linear", STUDY)),
    }


def test_the_tables_name_what_is_logged_and_nothing_else(complete_result):
    for (section, kind), logged in logged_fields(complete_result).items():
        rows, logged = documented(section)[kind] - BY_WRITER, logged - BY_WRITER
        plain = {row for row in rows if not PLACEHOLDER.search(row)}
        assert plain <= logged, section
        for name in logged - plain:
            own = [row for row in rows - plain if matches(name, row)]
            assert own, f"{name} is logged, and {PAGE.name} has no row for it under {section}"
        for row in rows - plain:
            assert any(matches(name, row) for name in logged), f"{row} is in {PAGE.name}, and is not logged"


def test_a_run_has_at_most_25_tags(complete_result):
    for section in ("Results", "Pretraining", "Sweeps", "Trials"):
        assert len(documented(section)["tag"]) <= 25
    assert set(tags_of(complete_result)) <= documented("Results")["tag"]


def test_the_chosen_epoch_is_a_point_on_the_curve_and_long_curves_are_thinned(complete_result, tmp_path):
    points = curves_of(complete_result)
    assert [point for point in points if point[0] == "curve/chosen"] == [("curve/chosen", 0.7, 7)]
    assert [step for name, _, step in points if name == "curve/loss"] == list(range(1, 9))
    history = [{"epoch": k, "loss": 1.0, "validation": 0.5} for k in range(1, 2001)]
    long = write_result(tmp_path, complete_result, complete_result.predictions(), history)
    steps = [step for name, _, step in curves_of(long) if name == "curve/loss"]
    assert len(steps) <= 502 and {1, 7, 2000} <= set(steps)
