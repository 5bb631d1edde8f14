"""``bench run`` from the terminal: tables, caching, dry runs, and every wrong word answered with its fix."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cells import ledger
from bench.data.source import DataSource

QUICK = ("--set", "pretrain.epochs=1", "--set", "linear.epochs=3", "--no-track")
TINY = ("--set", "kmerl.depth=1", "--set", "kmerl.segment=100")  # ten tokens a lead
SHORT = ("--set", "pretrain.epochs=1", "--no-track")
KMERL = ("run", "--method", "kmerl", "--task", "ptbxl-super", "--mode", "zeroshot", *SHORT, *TINY)
SMALL = ("run", "--method", "small", "--task", "ptbxl-super", "--mode", "linear", *QUICK)  # a linear encoder


def made(workspace) -> list[str]:
    """What was written next to the shared simulated data."""
    return sorted(p.name for p in workspace.root.iterdir() if p.name not in ("simulated", "stores"))


def test_a_command_that_code_of_a_plugin_ends_has_failed(bench, plugin):
    plugin("leaving", """
        from bench.task import Task
        class Leaving(Task):
            name = "leaving"
            dataset = "ptbxl"
            split = "ptbxl"
            def examples(self, records):
                pass
            def __init__(self):
                raise SystemExit(0)
    """, group="bench.tasks")  # fmt: skip
    done = bench("run", "-m", "kmerl", "-t", "leaving", "--mode", "linear", "--dry-run")
    assert (done.code, done.out) == (2, "")
    assert "called sys.exit(0)" in done.err


def test_a_run_ends_with_a_table_and_the_second_answers_from_finished_cells(bench, small, workspace):
    first = bench(*SMALL)
    assert first.code == 0, first.err
    assert "pretraining small on ptbxl" in first.err
    assert "data=simulated" in first.err
    assert "macro_auroc" in first.out
    assert "1 cell computed, 0 finished before" in first.out
    assert "MLflow" not in first.out  # --no-track
    assert str(workspace.results) in first.out.replace("\n", "")
    second = bench(*SMALL)
    assert "0 cells computed, 1 finished before" in second.out
    assert "pretraining" not in second.err
    old_words = bench(*SMALL, "--resume", "collect")
    assert "0 cells computed, 1 finished before" in old_words.out
    assert "--resume collect is now --cached-only" in old_words.err
    again = bench(*SMALL, "--recompute", "--json")
    (result,) = json.loads(again.out)
    assert result["data"] == "simulated"
    assert result["profile"] == "smoke"
    assert ledger.scored(workspace)["simulated", "ptbxl-super"].times == 2  # found results are not scored again
    assert result["provenance"]["overrides"] == ["pretrain.epochs=1", "linear.epochs=3"]


def test_options_are_crossed_and_dry_runs_only_say_so(bench, workspace):
    done = bench(
        "run", "-m", "kmerl,random-vit", "-m", "merl", "--task", "ptbxl-sub,ptbxl-super", "--mode", "zeroshot,linear",
        "--fraction", "1%,1", "--leads", "I,II", "--leads", "1..2", "--seed", "0,1", "--dry-run",
    )  # fmt: skip
    cells = [line.partition("  (")[0] for line in done.out.splitlines()]
    # per method, task (2) and lead subset (I,II = two leads of the range, so 2): 1 zero-shot (2 seeds if untrained),
    # and 2 fractions x 2 seeds linear
    assert len(cells) == 2 * 2 * (2 * (1 + 4) + (2 + 4))
    assert "merl · ptbxl-sub · linear · leads I · 1% · seed 1" in cells
    assert made(workspace) == []


def test_a_dry_run_says_what_is_finished_what_is_made_and_what_options_change(bench, small, workspace):
    assert bench(*SMALL).code == 0
    done = bench(*SMALL, "--seed", "0,1", "--dry-run", "--set", "small.sleeps=0")
    finished, todo = done.out.splitlines()
    assert done.code == 0, done.err
    assert finished == "small · ptbxl-super · linear · 100% · seed 0  (finished)"
    assert todo.startswith("small · ptbxl-super · linear · 100% · seed 1  (about ")
    assert "2 cells: 1 finished, 1 to compute, about " in done.err
    assert "--set linear.epochs=3: linear.epochs 40 → 3 (small)" in done.err
    assert "--set small.sleeps=0: no difference" in done.err
    other = bench(*SMALL, "--set", "pretrain.lr=0.5", "--dry-run")
    assert "made first: pretraining of small on ptbxl, 1 epoch (about " in other.err
    (cell,) = json.loads(bench(*SMALL, "--dry-run", "--json").out)
    assert cell["finished"] is True
    failing = bench(*SMALL, "--set", "pretrain.lr=0.5", "--no-pretrain", "--dry-run")
    assert failing.code == 1
    assert "error: 1 cell would fail: small has no checkpoint for this config and corpus" in failing.err


def test_a_dry_run_without_prepared_data_says_so_and_prepares_nothing(bench, tmp_path):
    new = tmp_path / "new"
    options = ("-m", "random-vit,merl", "-t", "ptbxl-super", "--mode", "linear", "--profile", "paper", "--seed", "0")
    done = bench("run", *options, "--dry-run", "--workspace", str(new))
    assert done.code == 0, done.err
    assert "made first, unless it is finished: pretraining of merl on ptbxl, 50 epochs" in done.err
    assert "note: merl: the text encoder is the packaged MiniLM, Med-CPT in the paper" in done.err
    assert done.err.count("pretraining of") == 1
    assert "ptbxl is not prepared, so its finished cells are not known: bench data prepare ptbxl" in done.err
    assert not (new / "stores").exists()


def test_a_run_with_the_paper_s_profile_says_where_a_method_differs(bench, workspace):
    from bench.runner.paper_notes import paper_notes
    from bench.runner.session import Session

    session = Session(DataSource(workspace, simulated_records=240), "paper")
    notes = list(paper_notes([session.method("merl")[0]], session))
    sentence = "the text encoder is the packaged MiniLM, Med-CPT in the paper"
    assert notes[0] == f"note: merl: {sentence} (--set merl.text.model=...)"
    assert not list(paper_notes([session.method("merl")[0]], replace(session, profile="smoke", _methods={})))


def test_features_are_computed_once_for_every_fraction_seed_and_task(bench, small, workspace):
    done = bench(
        "run", "-m", "small", "-t", "ptbxl-super,ptbxl-rhythm", "--mode", "linear",
        "--fraction", "0.1,1", "--seed", "0", *QUICK,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "4 cells computed" in done.out
    assert len([p for p in workspace.features.iterdir() if p.is_dir()]) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--method", "kmrel"), "unknown method 'kmrel'. Did you mean 'kmerl'"),
        (("--task", "ptbxl-supr"), "unknown task 'ptbxl-supr'. Did you mean 'ptbxl-super'"),
        (("--mode", "zeroshoot"), "unknown mode 'zeroshoot'. Did you mean 'zeroshot'"),
        (("--leads", "V7"), "unknown lead 'V7'. Did you mean 'V6'"),
        (("--leads", "0..3"), "between 1 and 12"),
        (("--seed", "-1"), "--seed -1: expected a whole number from 0 to"),
        (("--corpus", "ptbxll"), "unknown dataset 'ptbxll'. Did you mean 'ptbxl'"),
        (("--set", "pretrain.epoch=3"), "unknown config field 'pretrain.epoch'. Did you mean 'pretrain.epochs'"),
        (("--set", "kmerl.depht=3"), "unknown config field of kmerl 'depht'. Did you mean 'depth'"),
        (("--set", "merl.fs=100"), "merl is not run, so the setting has no effect (methods: kmerl). Add merl to"),
        (("--text", "french", "--corpus", "ptbxl"), "'french': ptbxl offers report, statements, likelihoods, english"),
        (("--set", "kmerl.pretrain.partition=mrl"), "'mrl': ptbxl offers one way only"),
        (("--set", "pretrain.epochs=none"), "field pretrain.epochs = 'none': input should be a valid integer"),
        (("--set", "depth"), "expected FIELD=VALUE"),
        (("--fraction", "1.5"), "above 0, at most 1"),
        (("--fraction", "ten"), "expected a number"),
        (("--profile", "fast"), "expected one of paper, small, smoke"),
        (("--data-root", "/nowhere/at/all"), "/nowhere/at/all, which does not exist"),
        (("--data-root", "ptbxl=/nowhere/at/all"), "/nowhere/at/all does not exist"),
        (("--data-root", "ptbx=/tmp"), "unknown dataset 'ptbx'. Did you mean 'ptbxl'"),
        (("--no-pretrain",), "--no-pretrain was given. Make it with: bench pretrain kmerl"),
    ],
)
def test_bad_options_exit_2_name_the_cure_and_write_nothing(bench, workspace, arguments, words):
    replaced = {name for name in arguments if name in ("--method", "--task", "--mode")}
    base = [("--method", "kmerl"), ("--task", "ptbxl-super"), ("--mode", "zeroshot")]
    kept = [part for pair in base if pair[0] not in replaced for part in pair]
    done = bench("run", *kept, *arguments)
    assert done.code == (1 if arguments == ("--no-pretrain",) else 2), done.err
    assert words in " ".join(done.err.split())
    assert "Traceback" not in done.err
    assert not workspace.results.exists()
    assert not workspace.checkpoints.exists()


@pytest.mark.parametrize("size", ["abc", "10"])
def test_a_size_of_the_cohorts_that_is_none(bench, monkeypatch, size):
    monkeypatch.setenv("BENCH_SIMULATED_RECORDS", size)
    done = bench(*KMERL, "--dry-run")
    assert (done.code, f"BENCH_SIMULATED_RECORDS={size}: expected a whole number" in done.err) == (2, True)


def test_a_workspace_that_cannot_be_written(bench, tmp_path):
    (tmp_path / "file").write_text("")
    done = bench(*KMERL, "--workspace", str(tmp_path / "file" / "workspace"))
    assert done.code == 2
    assert "cannot be written to" in " ".join(done.err.split())


def test_help_teaches(bench):
    done = bench("run", "--help")
    assert done.code == 0
    for word in ("--method", "--leads", "--set", "Examples"):
        assert word in done.out


def test_runs_lists_what_was_done_and_what_failed(bench, small, workspace, monkeypatch):
    assert "no finished cells" in bench("runs").out
    bench(*SMALL)
    listed = bench("runs").out
    assert "small · ptbxl-super · linear" in listed
    monkeypatch.setenv("COLUMNS", "80")  # nothing is broken in the middle there
    narrow = bench("runs", "--verbose").out.splitlines()
    assert narrow[0] == "small · ptbxl-super · linear · 100% · seed 0"
    assert narrow[1].startswith("  macro_auroc 0.")
    (row,) = json.loads(bench("runs", "--json").out)
    assert row["overrides"] == ["pretrain.epochs=1", "linear.epochs=3"]
    assert narrow[2].strip() == "--set pretrain.epochs=1 --set linear.epochs=3"
    assert narrow[3].strip() == row["key"]
    assert "no failures" in bench("runs", "--failed").out
    shutil.rmtree(workspace.checkpoints)
    quiet = bench(*SMALL, "--recompute", "--no-pretrain", "--json")  # silences progress, and no failure
    assert (quiet.code, json.loads(quiet.out)) == (1, [])
    assert "--no-pretrain was given" in quiet.err
    assert "1 of 1 cell failed" in quiet.err
    assert "--no-pretrain was given" in bench("runs", "--failed").out
    assert bench(*SMALL, "--recompute").code == 0
    assert "no failures" in bench("runs", "--failed").out


def test_pretrain_then_run_uses_the_checkpoint(bench, small, workspace):
    done = bench("pretrain", "small", "--set", "pretrain.epochs=1")
    assert done.code == 0, done.err
    (folder,) = [p for p in workspace.checkpoints.iterdir() if not p.name.startswith(".")]
    assert {p.name for p in folder.iterdir()} >= {"model.safetensors", "config.yaml", "provenance.json", "history.csv"}
    run = bench(*SMALL)
    assert (run.code, "pretraining" in run.err) == (0, False)
    assert "has no pretraining objective" in bench("pretrain", "random-vit").err


def test_a_pretraining_is_probed_and_shown_by_its_checkpoint_or_run(bench, small, workspace):
    probed = ("--set", "pretrain.epochs=2", "--probe", "ptbxl-super", "--probe-every", "1")
    done = bench("pretrain", "small", *probed)
    assert done.code == 0, done.err
    (folder,) = [p for p in workspace.checkpoints.iterdir() if not p.name.startswith(".")]
    shown = bench("explain", folder.name)
    assert shown.code == 0, shown.err
    heads, first, second = (line.split() for line in shown.out.splitlines()[1:4])
    assert (heads[0], heads[-1]) == ("epoch", "probe")
    assert all(0 < float(row[-1]) <= 1 for row in (first, second))
    assert (workspace.root / "explained" / folder.name / "pretraining.png").is_file()
    assert "no effect: the checkpoint is finished" in bench("pretrain", "small", *probed).err
    assert "no effect without --probe" in bench("pretrain", "small", "--probe-every", "2").err
    assert "Leave out --paper" in bench("explain", folder.name, "--paper").err
    run = bench("run", "-m", "small", "-t", "ptbxl-super", "--mode", "linear", "--set", "pretrain.epochs=2", "--json")
    (result,) = json.loads(run.out)
    by_run = bench("explain", result["key"][:10])
    assert by_run.out.splitlines()[:4] == shown.out.splitlines()[:4]
    assert "no such method" in bench("explain", "smal-0123").err.lower() or bench("explain", "smal-0123").code == 2


def test_listings(bench):
    methods = {row["name"]: row for row in json.loads(bench("methods", "--json").out)}
    assert {"finetune", "knn", "linear", "scratch", "zeroshot"} < set(methods["kmerl"]["modes"])
    tasks = {row["name"]: row for row in json.loads(bench("tasks", "ptbxl-*", "--json").out)}
    assert tasks["ptbxl-super"]["classes"] == 5
    assert "Did you mean" in bench("tasks", "ptbxl-supr").err


def test_simulate_refuses_to_overwrite(bench, tmp_path):
    assert bench("data", "simulate", "ptbxl", str(tmp_path), "--records", "60").code == 2
    done = bench("data", "simulate", "ptbxl", str(tmp_path / "new"), "--records", "60")
    assert done.code == 0, done.err
    assert len(list(Path(tmp_path / "new").rglob("*_lr.dat"))) == 60
    assert "60" in bench("data", "prepare", "ptbxl", "--data-root", f"ptbxl={tmp_path / 'new'}").out


def test_splits_verify_says_what_agrees(bench):
    done = bench("splits", "verify", "ptbxl-super")
    assert done.code == 0, done.err
    assert "ptbxl-super on ptbxl-super: simulated (train " in done.out
    assert "17,084/2,146/2,158 of version 1.0.3) are of real recordings: not comparable" in done.out


def test_a_board_names_its_own_cells(bench):
    done = bench("run", "--board", "zeroshot", "--dry-run")
    cells = json.loads(bench("run", "--board", "zeroshot", "--dry-run", "--json").out)  # one list for all rows
    assert len(cells) == len(done.out.splitlines())
    assert done.code == 0, done.err
    assert "kmerl · ptbxl-super · zeroshot" in done.out
    assert "random-vit · ptbxl-rhythm · zeroshot" in done.out
    assert "Did you mean 'zeroshot'" in bench("run", "--board", "zeroshoot").err
    assert bench("run", "--board", "zeroshot", "--dry-run", "--set", "kmerl.depth=4").code == 0  # of one row
    other = bench("run", "--board", "zeroshot", "--dry-run", "--set", "simclr.fs=100")
    assert (other.code, "board zeroshot has no row of simclr" in " ".join(other.err.split())) == (2, True)
    for own in (("--method", "kmerl"), ("--fraction", "0.1"), ("--leads", "limb"), ("--protocol", "merl-released")):
        assert "leave out --method" in " ".join(bench("run", "--board", "zeroshot", *own).err.split())


def test_a_mode_that_a_method_cannot_answer(bench, workspace):
    done = bench("run", "-m", "wavelet-nn", "-t", "ptbxl-super", "--mode", "zeroshot")
    assert done.code == 2
    assert "wavelet-nn cannot answer zeroshot; it offers scratch" in " ".join(done.err.split())
    assert made(workspace) == []


def test_a_value_that_cannot_be_computed_is_a_dash():
    """One person among so few recordings: chance and intervals do not exist."""
    from bench.cli import run_report

    class StoredResult:
        title = "a cell"
        score = {"metrics": {"accuracy": {"value": 1.0, "low": None, "high": None}}}  # noqa: RUF012
        counts = {"train": 1, "validation": 1, "test": 1}  # noqa: RUF012

    assert run_report.result_line(StoredResult, True).startswith("done: a cell: accuracy 1.000 [-, -]  (train 1")


def test_help_shows_the_defaults_that_are_told_in_words(bench, monkeypatch):
    """Square brackets are markup to rich: it swallows them where help texts are read as such."""
    monkeypatch.setenv("COLUMNS", "200")
    assert "[default: bench-workspace]" in bench("run", "--help").out
    assert "[default: all cores]" in bench("data", "prepare", "--help").out


def test_a_board_ends_with_one_table(bench, small, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "title: Mine\nmetric: macro_auroc\n"
        "columns: [{label: a, task: ptbxl-super, mode: linear}, {label: b, task: ptbxl-super, mode: knn}]\n"
        "rows: [{label: Small, method: small}]\n"
    )
    done = bench("run", "--board", str(path), "--replicates", "1", *QUICK)
    assert done.code == 0, done.err
    assert done.out.count("Results: simulated data") == 1
    assert "2 cells computed, 0 finished before." in done.out
