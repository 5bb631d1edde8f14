"""``--dry-run`` agrees with the run that it previews."""

from dataclasses import replace

import pytest

from bench.data.source import DataSource
from bench.runner import failures, schedule
from bench.runner.execute import run
from bench.runner.plan import RunOptions
from bench.runner.preview import preview
from bench.storage.workspace import Workspace

OPTIONS = RunOptions(["small"], ["ptbxl-super"], ["linear"], overrides=["linear.epochs=1"], track=False)


@pytest.fixture
def source(small, workspace):
    return DataSource(workspace, simulated_records=120)


def states(made) -> dict[str, str]:
    return {str(previewed.cell): previewed.state for previewed in made.cells}


def test_replicates_are_pretrained_one_by_one(source):
    one, three = (preview([replace(OPTIONS, replicates=number)], source) for number in (1, 3))
    assert (len(one.shared), len(three.shared)) == (2, 6)  # a checkpoint and its features each
    assert three.total == pytest.approx(3 * one.total)


def test_rows_of_a_board_with_one_label_are_separate_cells(source):
    rows = [replace(OPTIONS, overrides=["linear.epochs=1", f"small.sleeps={s}"], of_board=True) for s in (0, 0.001)]
    made = preview(rows, source)
    assert [cell.settings for cell in made.cells] == [["small.sleeps=0"], ["small.sleeps=0.001"]]
    assert len({cell.key for cell in made.cells}) == 2
    run(rows[0], source)
    made = preview([*rows, rows[0]], source)
    assert [cell.state for cell in made.cells] == ["finished", "to compute"]  # the third is the first


def test_a_cell_names_the_settings_of_its_own_method_alone(source):
    twins = ["small.pretrain.epochs=0", "simclr.pretrain.epochs=0"]
    other = replace(OPTIONS, methods=["small", "simclr"], overrides=[*OPTIONS.overrides, *twins], of_board=True)
    made = preview([OPTIONS, other], source)
    assert [(cell.cell.method, cell.settings) for cell in made.cells] == [
        ("small", []),
        ("small", twins[:1]),
        ("simclr", twins[1:]),
    ]


def test_a_setting_of_one_row_has_an_effect_if_any_row_reads_it(source):
    rows = [
        replace(OPTIONS, methods=[name], overrides=["small.sleeps=1"], of_board=True)
        for name in ("random-vit", "small")
    ]
    made = preview(rows, source)
    assert [line for line in made.changes if "small.sleeps" in line] == [
        "--set small.sleeps=1: sleeps 0.0 → 1.0 (small)"
    ]


def test_no_pretrain_fails_those_cells_alone_that_need_a_checkpoint(source):
    options = replace(OPTIONS, modes=["linear", "scratch"], allow_pretraining=False, seeds=(0, 1))
    made = preview([options], source)
    assert sorted(states(made).values()) == ["to compute", "to compute", "would fail", "would fail"]
    assert {cell.cell.mode for cell in made.cells if cell.error} == {"linear"}
    assert made.shared == {}
    assert all(cell.seconds is None for cell in made.cells if cell.error)
    report = run(options, source)
    assert set(report.failures) == {str(cell.cell) for cell in made.cells if cell.error}


def test_a_limit_holds_for_errors_too(source):
    made = preview([replace(OPTIONS, allow_pretraining=False, seeds=(0, 1), limit=1)], source)
    assert sorted(states(made).values()) == ["not computed", "would fail"]


def test_cells_that_failed_before_are_not_computed_without_retries(source):
    (cell,) = preview([OPTIONS], source).cells
    failures.record(cell.cell, source, "smoke", cell.key, "it went wrong", "")
    assert set(states(preview([OPTIONS], source)).values()) == {"to compute"}
    made = preview([replace(OPTIONS, retry_failed=False)], source)
    assert set(states(made).values()) == {"failed before"}
    assert (made.shared, made.total) == ({}, 0)


def test_artifacts_in_the_object_store_count(source, workspace, tmp_path):
    shared = DataSource(replace(workspace, artifacts=(tmp_path / "artifacts").as_uri()), simulated_records=120)
    run(OPTIONS, shared)
    elsewhere = Workspace(tmp_path / "elsewhere", shared.workspace.artifacts)
    elsewhere.root.mkdir()
    for folder in ("simulated", "stores"):
        (elsewhere.root / folder).symlink_to(getattr(workspace, folder))
    before = sorted(elsewhere.root.iterdir())
    made = preview(
        [replace(OPTIONS, seeds=(0, 1), allow_pretraining=False)], DataSource(elsewhere, simulated_records=120)
    )
    assert list(states(made).values()) == ["finished", "to compute"]
    assert made.shared == {}
    assert sorted(elsewhere.root.iterdir()) == before


def test_a_run_makes_its_jobs_once(source, monkeypatch):
    calls = []
    jobs_of = schedule.jobs_of
    monkeypatch.setattr(schedule, "jobs_of", lambda *given: calls.append(given) or jobs_of(*given))
    run(replace(OPTIONS, cached_only=True), source)
    assert len(calls) == 1
