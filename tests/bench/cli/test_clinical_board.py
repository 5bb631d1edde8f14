"""Clinical metrics from a run to the board, and added to a result of before by ``bench rescore``."""

from __future__ import annotations

import json

from bench.cells.result import read_results
from bench.kinds.clinical_metrics import CLINICAL
from bench.leaderboard.board import load_board
from bench.runner.rescore import with_score

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
NAMES = {f"macro_{name}" for name in CLINICAL}


def test_the_board_shows_them_and_results_of_before_gain_them(bench, workspace, tmp_path):
    assert bench(*RUN, "--replicates", "2").code == 0
    results = list(read_results(workspace.results))
    assert all(set(result.score["metrics"]) >= NAMES for result in results)

    before = results[0].score["metrics"]
    older = {name: estimate for name, estimate in before.items() if name not in NAMES - {"macro_auprc"}}
    with_score(results[0], results[0].score | {"metrics": older})
    assert bench("rescore").code == 1
    done = bench("rescore", "--write")
    assert done.code == 0 and "1 with other metrics than stored, and stored" in done.out
    again = {result.key: result for result in read_results(workspace.results)}[results[0].key]
    assert again.score["metrics"].keys() == before.keys() and bench("rescore").code == 0

    shown = bench("leaderboard", "site", "--board", "clinical", "--output", str(tmp_path / "site"))
    assert shown.code == 0, shown.err
    page = (tmp_path / "site" / "boards" / "clinical.html").read_text(encoding="utf-8")
    for title in ("ptbxl-super, linear: calibration", "ptbxl-super, linear: net benefit", "Calibration slope"):
        assert title in page
    chart = next(json.loads(part.split("</script>")[0]) for part in page.split('<script type="application/json">')[1:])
    names = {trace["name"] for trace in chart["data"]}
    assert {"Simple statistics", "perfect calibration"} <= names
    assert all(0 <= y <= 1 for trace in chart["data"] for y in trace["y"])


def test_every_column_of_the_board_is_a_metric_of_its_task():
    from bench import kinds

    known = kinds.load("multilabel").metrics
    assert {column.metric for column in load_board("clinical").columns} <= set(known)
