"""``bench run --corrupt`` scores finished cells on corrupted recordings; ``bench robustness`` shows what is kept."""

import csv
import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from bench.cells.result import read_results
from bench.corruptions import Condition
from bench.leaderboard.corrupted import corrupted_tables, kept_scores
from bench.leaderboard.site.matrices import matrix_pages
from bench.leaderboard.site.render_html import page
from bench.storage.artifacts import SEAL, digest, seal

RUN = (
    "run",
    "--method",
    "simple-statistics",
    "--task",
    "ptbxl-super",
    "--mode",
    "linear",
    "--profile",
    "smoke",
    "--no-track",
)


@pytest.fixture(scope="module")
def scored_once(tmp_path_factory):
    return tmp_path_factory.mktemp("scored") / "workspace"


@pytest.fixture
def scored(bench, workspace, scored_once):
    """The workspace after a run with two conditions; the run is made once, and copied."""
    if scored_once.exists():
        shutil.copytree(scored_once, workspace.root, dirs_exist_ok=True)
        return workspace
    done = bench(*RUN, "--corrupt", "reversal:5,missing-leads:5")
    assert done.code == 0, done.err
    assert "mean over 2 conditions of 2 corruptions" in done.out
    shutil.copytree(workspace.root, scored_once, ignore=shutil.ignore_patterns("simulated", "stores"))
    return workspace


def test_scores_are_kept_and_read_again(scored, bench, monkeypatch):
    (result,) = read_results(scored.results)
    kept = kept_scores(scored.corrupted, result)
    assert set(kept.scores) == {Condition(), Condition("reversal", 5), Condition("missing-leads", 5)}
    columns = result.prediction_columns()
    test = columns["partition"] == "test"
    before = np.stack([values[test] for name, values in columns.items() if name.startswith("score_")], axis=1)
    clean = kept.scores[Condition()]
    assert np.abs(clean - before).max() < 1e-4  # the same recordings, encoder and head
    assert np.abs(kept.scores[Condition("reversal", 5)] - before).max() > 0.01

    def again(cell):
        raise AssertionError("the cell was trained again although its scores are kept")

    monkeypatch.setattr("bench.robustness.corrupted_scores.predict_cell", again)
    assert bench(*RUN, "--corrupt", "reversal:5").code == 0
    monkeypatch.undo()


def test_newest_scores_of_a_condition_count(scored):
    """Scores of other code or noise have another folder, whose name says nothing of their age."""
    (result,) = read_results(scored.results)
    for name, made, value in (("0", "2999-01-01", 3.0), ("f", "2000-01-01", 7.0)):
        folder = scored.corrupted / f"{result.key}-reversal-{name}"
        folder.mkdir()
        shape = kept_scores(scored.corrupted, result).scores[Condition()].shape
        np.save(folder / "scores.npy", np.full((1, *shape), value, np.float32))
        seal(folder, "corrupted", {"corruption": "reversal", "levels": [5], "noise": "none"})
        written = {k: v for k, v in json.loads((folder / SEAL).read_text()).items() if k != "digest"} | {"made": made}
        (folder / SEAL).write_text(json.dumps(written | {"digest": digest(written)}))
    assert (kept_scores(scored.corrupted, result).scores[Condition("reversal", 5)] == 3.0).all()


def test_altered_scores_are_made_again(scored, bench, recwarn):
    (folder,) = (path for path in scored.corrupted.glob("*-reversal-*") if path.is_dir())
    values = np.load(folder / "scores.npy")
    np.save(folder / "scores.npy", values + 1)
    (result,) = read_results(scored.results)
    assert Condition("reversal", 5) not in kept_scores(scored.corrupted, result).scores
    assert bench(*RUN, "--corrupt", "reversal:5").code == 0
    assert np.array_equal(kept_scores(scored.corrupted, result).scores[Condition("reversal", 5)], values[0])


def test_untrained_networks_are_scored_as_separate_rows(bench, workspace, small):
    done = bench(
        "run", "-m", "small", "-t", "ptbxl-super", "--mode", "linear", "--set", "linear.epochs=2", "--no-track",
        "--set", "pretrain.epochs=1", "--replicates", "1", "--untrained", "--corrupt", "reversal:5",
    )  # fmt: skip
    assert done.code == 0, done.err
    lines = list(csv.DictReader(io.StringIO(bench("robustness", "--format", "csv").out)))
    methods = {line["method"] for line in lines}
    assert len(methods) == 2 and any("untrained" in method for method in methods)
    assert {line["seeds"] for line in lines} == {"1"}
    (page,) = matrix_pages(read_results(workspace.results))
    (table,) = page.matrices
    errors = {name: cells[2][0] for name, cells in table.rows}
    assert errors.pop(next(name for name in errors if "untrained" in name)) == "100" and len(errors) == 1


def test_tables_and_csv(scored, bench, tmp_path):
    shown = bench("robustness", "--reference", "simple-statistics")
    assert shown.code == 0 and "100 [100, 100]" in shown.out
    lines = list(csv.DictReader(io.StringIO(bench("robustness", "--format", "csv").out)))
    assert [line["corruption"] for line in lines] == ["clean", "reversal", "missing-leads", "all"]
    clean, *corrupted, mean = (float(line["value"]) for line in lines)
    assert mean == pytest.approx(np.mean(corrupted), abs=1e-5) and mean < clean
    assert all(float(line["low"]) <= float(line["value"]) <= float(line["high"]) for line in lines)
    assert bench("robustness", "--format", "plot", "--out", str(tmp_path / "curves.svg")).code == 0
    (result,) = read_results(scored.results)
    (table,) = corrupted_tables([kept_scores(scored.corrupted, result)])
    assert table.rows[0].error is None and table.rows[0].worst in ("reversal", "missing-leads")


def test_the_page_of_the_site_draws_every_level_and_is_kept(scored, tmp_path, monkeypatch):
    results = list(read_results(scored.results))
    (shown,) = matrix_pages(results, tmp_path)
    assert shown.name == "ecg_c"
    (table,) = shown.matrices
    assert table.heads == [
        "Method",
        "Clean",
        "Corrupted",
        "reversal",
        "missing-leads",
    ]  # no untrained encoder, no error
    (text,) = table.rows[0][1][0][:1]
    assert float(text) == pytest.approx(results[0].score["metrics"]["macro_auroc"]["value"], abs=1e-3)
    first, _ = table.charts
    assert first["data"][0]["x"] == [0.0, 5] and first["layout"]["xaxis"]["ticktext"] == ["clean", "RA-RL"]
    text = page("matrix.html", root="", section="boards", **shown.content())
    assert "reversal: Electrodes are exchanged." in text and "plotly.js" in text

    cards = [replace(result, level="rescored") for result in results]
    assert matrix_pages(cards, tmp_path) == []  # scores next to cards are not checked
    monkeypatch.setattr("bench.leaderboard.site.corrupted_page.corrupted_tables", None)  # read from the cache
    (again,) = matrix_pages(results, tmp_path)
    assert page("matrix.html", root="", section="boards", **again.content()) == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*RUN, "--corrupt", "muscles"), "muscle"),
        ((*RUN, "--corrupt", "muscle:6"), "expected 1 (mildest) to 5"),
        ((*RUN, "--noise", "somewhere"), "add --corrupt all"),
        (("run", "--board", "linear", "--corrupt", "all"), "leave out --board"),
        (("robustness",), "Make them with: bench run"),
        (("robustness", "--format", "pdf"), "table, csv"),
    ],
)
def test_bad_input_is_refused_before_anything_is_computed(bench, workspace, arguments, message):
    done = bench(*arguments)
    assert done.code == 2 and message in " ".join(done.err.split())
    assert not workspace.results.exists()


def test_reference_without_scores_and_modes_without_head_are_named(scored, bench):
    done = bench("robustness", "--reference", "merl")
    assert done.code == 2 and "simple-statistics" in done.err
    knn = (
        "run",
        "--method",
        "simple-statistics",
        "--task",
        "ptbxl-super",
        "--mode",
        "knn",
        "--profile",
        "smoke",
        "--no-track",
    )
    done = bench(*knn, "--corrupt", "mains:1")
    assert done.code == 2 and "knn keeps no head" in " ".join(done.err.split())


def test_corruptions_are_listed(bench):
    done = bench("robustness", "--corruptions")
    assert done.code == 0 and "RA-LA and C1-C2" in done.out and "electrode-motion" in done.out
