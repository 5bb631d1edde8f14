"""``bench run --untrained``, and the replicates that a run makes by default."""

import json

import pytest

from bench.cells.cell import Cell
from bench.errors import ConfigError
from bench.runner.plan import RunOptions, plan, with_default_replicates
from bench.runner.untrained import with_untrained

RUN = (
    "run",
    "-m",
    "small,random-resnet",
    "-t",
    "ptbxl-super",
    "--mode",
    "linear",
    "--set",
    "linear.epochs=2",
    "--no-track",
)
SMALL_RESNET = ("--set", "random-resnet.width=2")


def test_each_pretrained_method_is_also_run_untrained_and_shown_with_its_trained_twin(bench, small):
    done = bench(*RUN, *SMALL_RESNET, "--set", "pretrain.epochs=1", "--replicates", "2", "--untrained")
    assert done.code == 0, done.err
    assert "small (untrained)" in done.out and "random-resnet (untrained)" not in done.out
    assert "6 cells computed" in done.out
    assert "Difference to the same network untrained, ptbxl-super linear · 100%: small " in " ".join(done.out.split())
    results = json.loads(bench(*RUN, *SMALL_RESNET, "--replicates", "2", "--untrained", "--cached-only", "--json",
                               "--set", "pretrain.epochs=1").out)  # fmt: skip
    untrained = [r for r in results if r["config"]["method"].get("pretrain", {}).get("epochs") == 0]
    assert {(r["cell"]["method"], r["cell"].get("training", 0), r["contamination"]) for r in untrained} == {
        ("small", 0, "none"), ("small", 1, "none"),
    }  # fmt: skip
    keys = {r["checkpoint"]["key"] for r in results if r["checkpoint"]}
    assert len(keys) == 4  # two trainings and two initialisations


def test_the_twin_keeps_what_the_network_reads_and_drops_what_pretraining_reads(small):
    options = RunOptions(
        ["small", "random-resnet"], ["ptbxl-super"], ["linear", "scratch"], untrained=True, replicates=3,
        overrides=["pretrain.epochs=7", "pretrain.seed=4", "small.dies=x", "linear.lr=0.1", "random-resnet.width=4"],
    )  # fmt: skip
    trained, twin = with_untrained(options)
    assert (trained.untrained, trained.overrides) == (False, options.overrides)
    assert (twin.methods, twin.modes, twin.replicates) == (["small"], ["linear"], 3)
    assert twin.overrides == ["pretrain.seed=4", "small.dies=x", "linear.lr=0.1", "small.pretrain.epochs=0"]
    assert with_untrained(RunOptions(["random-resnet"], ["ptbxl-super"], ["linear"], untrained=True))[1:] == []
    given = RunOptions(["small"], ["ptbxl-super"], ["linear"], untrained=True, checkpoints=["small=folder"])
    assert len(with_untrained(given)) == 1


def test_a_board_runs_the_twins_of_its_rows(bench, small, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "title: B\nmetric: macro_auroc\ncolumns: [{label: L, task: ptbxl-super, mode: linear}]\n"
        "rows: [{label: S, method: small}, {label: R, method: random-resnet}]\n",
        encoding="utf-8",
    )
    cells = json.loads(
        bench("run", "--board", str(file), "--replicates", "2", "--untrained", "--dry-run", "--json").out
    )
    untrained = [c for c in cells if "small.pretrain.epochs=0" in c["settings"]]
    assert (len(cells), len(untrained)) == (6, 2)


@pytest.mark.parametrize(
    ("options", "profile", "trainings"),
    [
        ({}, "smoke", {0, 1, 2}),
        ({}, "paper", {0}),  # a pretraining with a paper's settings takes days
        ({"replicates": 1}, "smoke", {0}),
        ({"seeds": [0, 1]}, "smoke", {0}),
    ],
)
def test_a_run_makes_three_replicates_under_the_smoke_profile(monkeypatch, options, profile, trainings):
    monkeypatch.setattr("bench.runner.plan.REPLICATES", {"smoke": 3})
    run = with_default_replicates(RunOptions(["simclr"], ["ptbxl-super"], ["linear"], **options), profile)
    cells: list[Cell] = plan(run).cells
    assert {cell.training for cell in cells} == trainings


def test_the_default_is_that_of_the_command(bench, monkeypatch, small):
    monkeypatch.setattr("bench.runner.plan.REPLICATES", {"smoke": 3})
    cells = json.loads(bench(*RUN, "--dry-run", "--json").out)
    assert {cell.get("training", 0) for cell in cells if cell["method"] == "small"} == {0, 1, 2}
    assert {cell["seed"] for cell in cells if cell["method"] == "random-resnet"} == {0, 1, 2}


def test_the_variance_is_split_by_cells_that_differ_in_one_draw_alone():
    options = RunOptions(["simclr"], ["ptbxl-super"], ["linear"], fractions=[0.1], replicates=3, split_variance=True)
    drawn = [(c.seed, c.draw, c.training) for c in plan(options).cells if c.mode == "linear"]
    alone = [(k, 0, 0) for k in (1, 2)] + [(0, k, 0) for k in (1, 2)] + [(0, 0, k) for k in (1, 2)]
    assert sorted(drawn) == sorted([(0, 0, 0), (1, 1, 1), (2, 2, 2), *alone])
    kmerl = RunOptions(["kmerl"], ["ptbxl-super"], ["zeroshot"], replicates=3, split_variance=True)
    assert len(plan(kmerl).cells) == 3  # the pretraining alone varies
    with pytest.raises(ConfigError, match="--replicates 2"):
        plan(RunOptions(["simclr"], ["ptbxl-super"], ["linear"], split_variance=True))
