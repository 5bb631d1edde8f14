"""``bench subgroups`` scores stored predictions by group; the groups are those of the dataset's records."""

import csv
import io

import pandas as pd
import pytest

from bench.cells.result import read_results
from bench.leaderboard.site.matrices import matrix_pages
from tasks.datasets.ptbxl import PTBXL

CELL = (
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


def test_groups_add_up_and_csv_has_them(bench, workspace, monkeypatch):
    assert bench(*CELL, "--seed", "0,1").code == 0
    shown = bench("subgroups", "--min-positives", "2", "--by", "sex")
    assert shown.code == 0 and "sex: female" in shown.out and "not scored" in shown.out  # a tenth of 120 recordings
    lines = list(csv.DictReader(io.StringIO(bench("subgroups", "--format", "csv", "--min-positives", "2").out)))
    named = set(PTBXL.subgroups) - {"pacemaker"}  # these twelve test records note none
    assert {line["attribute"] for line in lines} == named
    test_records = next(read_results(workspace.results)).counts["test"]
    assert sum(int(line["records"]) for line in lines if line["attribute"] == "quality") == test_records
    assert {line["seeds"] for line in lines} == {"2"}

    results = list(read_results(workspace.results))
    assert matrix_pages(results) == []  # no group has ten positives
    monkeypatch.setattr("bench.leaderboard.site.subgroups_page.LEAST", 2)
    (page,) = matrix_pages(results)
    overview, *by_attribute = page.matrices
    scored = [line for line in lines if line["value"]]
    attributes = {line["attribute"] for line in scored}
    assert page.name == "subgroups" and len(by_attribute) == len(attributes)
    assert any(note.startswith("Not scored: ") for note in overview.notes) == (attributes < named)
    worst = min(scored, key=lambda line: float(line["difference"]))
    (name, cells), *_ = overview.rows
    assert name == "simple-statistics" and cells[0][0] == f"{worst['attribute']}: {worst['group']}"
    assert float(cells[3][0]) == pytest.approx(float(worst["difference"]), abs=1e-3)
    drawn = sum(len(trace["x"]) for matrix in by_attribute for chart in matrix.charts for trace in chart["data"])
    assert drawn == len(scored)


def test_age_and_sex_of_csn_and_those_that_mimic_gets_by_join(bench, workspace):
    """MIMIC-IV-ECG's own tables have neither; its companion has both (dataset mimic-outcomes)."""
    tasks = ("csn", "mimic-icd-chapters")
    assert bench(*CELL[:4], ",".join(tasks), *CELL[5:], "--set", "linear.epochs=1").code == 0
    done = bench("subgroups", "--by", "age,sex", "--min-positives", "2", "--format", "csv")
    assert done.code == 0, done.err
    lines = list(csv.DictReader(io.StringIO(done.out)))
    counts = {result.cell.task: result.counts["test"] for result in read_results(workspace.results)}
    for task in tasks:
        of_task = [line for line in lines if f"· {task} " in line["cell"]]
        by_sex = {line["group"]: int(line["records"]) for line in of_task if line["attribute"] == "sex"}
        ages = {line["group"] for line in of_task if line["attribute"] == "age"}
        assert by_sex and set(by_sex) <= {"female", "male"} and ages
        assert 0 < sum(by_sex.values()) <= counts[task]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("subgroups",), "no finished cell on simulated data"),
        (("subgroups", "--format", "html"), "table, csv"),
        (("subgroups", "--out", "x.csv"), "--format csv"),
    ],
)
def test_bad_input(bench, arguments, message):
    done = bench(*arguments)
    assert done.code == 2 and message in " ".join(done.err.split())


def test_unknown_attribute_names_those_of_the_dataset(bench):
    assert bench(*CELL).code == 0
    done = bench("subgroups", "--by", "nurse")
    assert done.code == 2 and "ptbxl has age, sex, device, site, pacemaker, quality" in done.err


def test_ptbxl_codes_are_read_as_published():
    """0 is male, 1 female; ages above 89 are published as 300; a note of any fault counts."""
    records = pd.DataFrame(
        {
            "age": [39, 40, 300, float("nan")],
            "sex": [0.0, 1.0, 1.0, float("nan")],
            "site": ["2.0", "", "0", "1.0"],
            "pacemaker": ["ja, pacemaker", "", "", ""],
            **{name: [""] * 4 for name in ("baseline_drift", "burst_noise", "electrodes_problems")},
            "static_noise": ["", ", I-AVR,", "", ""],
        }
    )
    assert PTBXL.subgroup(records, "age") == ["0 to 39", "40 to 59", "80 or older", ""]
    assert PTBXL.subgroup(records, "sex") == ["male", "female", "female", ""]
    assert PTBXL.subgroup(records, "site") == ["site 2", "", "site 0", "site 1"]
    assert PTBXL.subgroup(records, "pacemaker")[:2] == ["pacemaker", "none noted"]
    assert PTBXL.subgroup(records, "quality")[:2] == ["none noted", "a fault noted"]
    without = records.assign(pacemaker="", static_noise="")
    assert PTBXL.subgroup(without, "pacemaker") == PTBXL.subgroup(without, "quality") == [""] * 4


def test_a_copy_without_the_columns_is_named(bench, monkeypatch):
    assert bench(*CELL).code == 0
    monkeypatch.setattr(PTBXL, "subgroup", classmethod(lambda cls, records, name: [""] * len(records)))
    done = bench("subgroups", "--by", "age,device")
    assert done.code == 2
    assert "this copy of ptbxl states nothing of its test records by age, device" in " ".join(done.err.split())
