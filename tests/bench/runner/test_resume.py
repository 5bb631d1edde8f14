"""Recorded results and failures: resume, limit, damaged bytes, a clock that moves, replay and rescoring."""

import json
import os
import shutil
import time
from datetime import UTC, datetime, timedelta

import pytest
import torch

from bench import provenance
from bench.cells.result import named_results, read_results
from bench.data.source import DataSource
from bench.errors import DataError
from bench.leaderboard.match_results import latest
from bench.runner import execute, failures, keys, replay, rescore
from bench.runner.plan import RunOptions
from bench.storage.artifacts import SEAL, damage, seal

OPTIONS = {
    "methods": ["small"],
    "tasks": ["ptbxl-super"],
    "modes": ["linear"],
    "seeds": [0, 1, 2],
    "overrides": ["linear.epochs=2"],
    "track": False,
}


@pytest.fixture
def run(workspace, small):
    return lambda **options: execute.run(
        RunOptions(**(OPTIONS | options)), DataSource(workspace, simulated_records=120)
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Where the first test that asks for it leaves the workspace of the finished plan."""
    return tmp_path_factory.mktemp("finished") / "workspace"


@pytest.fixture
def first(run, workspace, finished):
    """The report of the finished plan, computed once for all tests; each has a copy of it in its workspace."""
    shared = shutil.ignore_patterns("simulated", "stores")  # of all tests
    if not finished.exists():
        report = run()
        shutil.copytree(workspace.root, finished, ignore=shared)
        return report
    shutil.copytree(finished, workspace.root, dirs_exist_ok=True)
    return run(cached_only=True)


def scores(report):
    return [(r.key, r.score) for r in report.results]


def flip(path, place: int = -20) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def folders(place):
    return [path for path in place.iterdir() if not path.name.startswith(".")]


def test_limit_counts_cells_that_are_computed_and_the_rest_comes_later(run):
    first = run(limit=2)
    assert (first.computed, first.missing) == (2, 1)
    rest = run(limit=2)
    assert (rest.computed, len(rest.results), rest.missing) == (1, 3, 0)


def test_cached_only_computes_nothing(run, workspace):
    assert run(cached_only=True).missing == 3
    assert not workspace.results.exists()
    run(limit=1)
    report = run(cached_only=True)
    assert (report.computed, len(report.results), report.missing) == (0, 1, 2)


def test_recompute_computes_all_again_with_the_same_scores(run, first):
    again = run(recompute=True)
    assert again.computed == 3
    assert scores(again) == scores(first)


def test_failed_cells_are_not_retried_where_not_asked(run, workspace, monkeypatch):
    from bench.modes import linear

    def fail(*_):
        raise RuntimeError("token=hunter2 was asked to fail")

    good = linear.LinearHead
    monkeypatch.setattr(linear, "LinearHead", fail)
    assert len(run().failures) == 3
    monkeypatch.setattr(linear, "LinearHead", good)
    left = run(retry_failed=False)
    assert (left.computed, len(left.failures)) == (0, 3)
    assert len(run(retry_failed=False, overrides=["linear.epochs=3"]).results) == 3  # another key: not what failed
    assert run().computed == 3
    recorded = failures.recorded(workspace)
    assert recorded == []


def test_a_failure_keeps_its_traceback_and_no_secret(run, workspace, monkeypatch):
    from bench.modes import linear

    def fail(*_):
        raise RuntimeError("https://me:hunter2@host said no")

    monkeypatch.setattr(linear, "LinearHead", fail)
    report = run(limit=1)
    (failure,) = failures.recorded(workspace)
    assert "Traceback" in failure["traceback"]
    assert "hunter2" not in json.dumps(failure) + str(report.failures)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("results", "predictions.parquet"),
        ("results", "result.json"),
        ("results", SEAL),
        ("features", "features.npy"),
        ("checkpoints", "model.safetensors"),
        ("checkpoints", "provenance.json"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*made again")
def test_bytes_that_were_altered_are_made_again(run, first, workspace, kind, name):
    (damaged, *_) = folders(getattr(workspace, kind))
    before = (damaged / name).read_bytes()
    flip(damaged / name, 40 if name == "provenance.json" else 3 if name == SEAL else -20)
    if kind != "results":  # it is not looked at while every result is there
        for folder in folders(workspace.results):
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()
    again = run()
    assert again.computed == (1 if kind == "results" else 3)
    assert scores(again) == scores(first)
    assert all(damage(r.folder) is None for r in again.results)
    if name in ("features.npy", "model.safetensors", "predictions.parquet"):
        assert (damaged / name).read_bytes() == before


def test_a_checkpoint_that_was_altered_is_pretrained_once_for_all_cells(run, workspace, monkeypatch):
    run(seeds=[0])
    (checkpoint,) = folders(workspace.checkpoints)
    flip(checkpoint / "model.safetensors")
    heard: list[str] = []
    monkeypatch.setattr("bench.runner.session.say", heard.append)
    assert run(modes=["finetune"], overrides=["finetune.epochs=1"], seeds=[0, 1]).computed == 2
    assert sum("pretrained first" in text for text in heard) == 1


def test_a_clock_that_was_set_back_changes_nothing_and_what_is_newer_stays_newer(run, first, workspace, monkeypatch):
    calm = scores(first)
    for folder in folders(workspace.results):
        shutil.rmtree(folder)
    ahead = datetime.now(UTC) + timedelta(days=400)
    with monkeypatch.context() as moved:
        moved.setattr(time, "time", ahead.timestamp)
        moved.setattr(provenance, "now", lambda: ahead.isoformat(timespec="seconds"))
        run(limit=1)
    for path in workspace.root.rglob("*"):
        os.utime(path, (ahead.timestamp(), ahead.timestamp()))
    rest = run()
    assert rest.computed == 2
    assert scores(rest) == calm
    assert not run().computed
    for name in ("results", "features", "checkpoints"):  # what a dead process left is cleared, whatever its time
        assert not [p for p in getattr(workspace, name).iterdir() if p.is_dir() and p.name.startswith(".")]

    monkeypatch.setattr(keys, "method_digest", lambda *given: "code that was changed since")
    newer = run()
    assert newer.computed == 3
    everything = list(read_results(workspace.results))
    assert len(everything) == 6
    assert sorted(r.key for r in latest(everything)) == sorted(r.key for r in newer.results)


def test_a_replay_gives_the_same_predictions_from_nothing_but_the_inputs(run, workspace):
    (result, *_) = run(limit=1).results
    source = DataSource(workspace, simulated_records=120)
    flip(folders(workspace.features)[0] / "features.npy")  # not looked at
    found = replay.replay(result, source)
    assert found == replay.Replay(True, 0.0, [])
    other = replay.replay(result, DataSource(workspace, simulated_records=100))
    assert (other.identical, other.largest) == (False, None)
    assert "the prepared data, the task or its split" in other.changed


def test_a_replay_has_as_many_threads_as_the_cell_had(run, workspace, monkeypatch):
    here = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        (result,) = run(limit=1).results
        torch.set_num_threads(1)
        seen = []
        predict_cell = replay.predict_cell
        monkeypatch.setattr(
            replay, "predict_cell", lambda *a, **k: seen.append(torch.get_num_threads()) or predict_cell(*a, **k)
        )
        assert replay.replay(result, DataSource(workspace, simulated_records=120)).identical
        assert (seen, torch.get_num_threads()) == ([2], 1)
    finally:
        torch.set_num_threads(here)


def test_rescoring_finds_metrics_that_are_not_of_the_predictions(first, workspace):
    result, *_ = first.results
    assert rescore.differences(result.score, rescore.rescored(result)) == []
    value = json.loads((result.folder / "result.json").read_text())
    value["score"]["metrics"]["macro_auroc"]["value"] = 0.999
    (result.folder / "result.json").write_text(json.dumps(value))
    with pytest.raises(DataError, match="result.json was altered"):
        named_results(workspace, [result.key[:10]])
    seal(result.folder, "result", {})  # anyone who seals an edited result again is found by its predictions
    (claimed,) = named_results(workspace, [result.key[:10]])
    now = rescore.rescored(claimed)
    (line,) = rescore.differences(claimed.score, now)
    assert line.startswith("metrics.macro_auroc.value: 0.999 is now")
    assert rescore.with_score(claimed, now).score == json.loads(json.dumps(result.score))
    assert len(list(read_results(workspace.results))) == 3
