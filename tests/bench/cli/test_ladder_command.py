"""``bench ladder`` shows curves of finished cells; the board's page draws them."""

import csv
import io

import pytest

from bench.cells.result import read_results
from bench.leaderboard.board import load_board
from bench.leaderboard.collect import collect
from bench.leaderboard.curves import curve_tables
from bench.leaderboard.site.render_html import board_content

RUN = (
    "run", "--method", "random-vit", "--task", "ptbxl-super", "--profile", "smoke", "--no-track", "--seed", "0,1",
    "--set", "random-vit.depth=2", "--set", "random-vit.width=16",
)  # fmt: skip


@pytest.fixture
def finished(bench, workspace):
    settings = ("--set", "kshot.shots=[1,8]", "--set", "scratch.epochs=1", "--set", "layer.c=[1]")
    done = bench(*RUN, "--mode", "layer,kshot,scratch", *settings)
    assert done.code == 0, done.err
    return workspace


@pytest.mark.slow
def test_tables_csv_plot_and_charts_show_the_stored_curves(bench, finished, tmp_path):
    shown = bench("ladder")
    assert shown.code == 0, shown.err
    assert "labels to match scratch" in shown.out
    assert "random-vit" in shown.out
    lines = list(csv.DictReader(io.StringIO(bench("ladder", "--format", "csv").out)))
    assert [line["point"] for line in lines if line["axis"] == "shots"] == ["1", "8"]
    assert [line["block"] for line in lines if line["axis"] == "depth"] == [
        "encoder.blocks.0",
        "encoder.blocks.1",
        "encode",
    ]
    assert bench("ladder", "--format", "plot", "--out", str(tmp_path / "ladder.svg")).code == 0
    assert (tmp_path / "ladder.svg").stat().st_size > 0

    results = list(read_results(finished.results))
    of_kshot = next(table for table in curve_tables(results) if table.axis == "shots")
    largest = [result.score["metrics"]["macro_auroc"]["value"] for result in results if result.cell.mode == "kshot"]
    (curve,) = of_kshot.curves
    assert curve.points[8][0] == pytest.approx(sum(largest) / 2, abs=1e-5)  # the scores of the cell, in float32
    assert curve.needed is not None
    board = load_board("ladder")
    (view,) = board_content(board, collect(board, results), {r.key: r for r in results})["views"]
    titles = {chart["title"]: chart for chart in view.charts if " by " in chart["title"]}
    assert set(titles) == {
        "PTB-XL super layer: macro AUROC by layer",
        "PTB-XL super kshot: macro AUROC by positives per class",
    }
    (trace,) = titles["PTB-XL super kshot: macro AUROC by positives per class"]["data"]
    assert trace["y"][-1] == pytest.approx(100 * curve.points[8][0])
    assert trace["name"].endswith("to match scratch")


def test_without_curves_the_command_says_how_to_make_them(bench):
    done = bench("ladder", "--task", "ptbxl-super")
    assert done.code == 2
    assert "--mode layer,kshot,scratch" in done.err
