"""Paths, numbers and terminals that nobody tried before: each gets one sentence, or works."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli.finished_cells import write_csv
from bench.errors import of_file_system
from bench.leaderboard import boards
from bench.registry import DATASETS, METHODS, TASKS, entries

RUN = ("run", "--method", "simple-statistics", "--task", "ptbxl-super", "--mode", "linear", "--no-track")


@pytest.fixture
def result(store_result, workspace):
    return store_result(workspace.results)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--replicates", "1000000000"), "--replicates 1000000000: expected a whole number from 1 to 1,000."),
        (("--corrupt", "all", "--noise", "/nowhere"), "/nowhere/bw.hea is missing"),
        (("--set", "linear.lr=true"), "field lr = true: expected a number"),
    ],
)
def test_a_run_is_refused_before_it_computes(bench, workspace, options, words):
    done = bench(*RUN, *options)
    assert done.code == 2 and words in done.err
    assert not workspace.results.exists()


def test_names_are_printed_as_they_are(bench, tmp_path, monkeypatch):
    """``:x:`` and ``:smile:`` are no pictures here."""
    monkeypatch.chdir(tmp_path)
    Path("empty.py").write_text("class X: pass\n")
    assert "./empty.py:X: it has no such class" in bench("check", "./empty.py:X").err
    assert "a:smile:b" in bench("leaderboard", "render", "ptbxl_super", "--cards", "a:smile:b").err


def test_a_method_file_that_python_cannot_read(bench, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("import os\nsyntax error\n")
    done = bench("check", f"{path}:X")
    assert done.code == 2
    assert done.err == f"error: {path}, line 2: invalid syntax. Python cannot read the file.\n"


def test_the_folder_of_an_output_is_made(tmp_path):
    write_csv("a,b\n", tmp_path / "new" / "folder" / "rows.csv")
    assert (tmp_path / "new" / "folder" / "rows.csv").read_text() == "a,b\n"


def test_a_missing_workspace_is_no_intact_one(bench, workspace, tmp_path):
    (tmp_path / "file").write_text("")
    for path, words in ((tmp_path / "typo", "does not exist"), (tmp_path / "file", "is a file")):
        done = bench("artifacts", "verify", "--workspace", str(path))
        assert done.code == 2 and f"the workspace {path} {words}" in done.err


def test_a_project_file_that_cannot_be_read_is_not_ignored(bench, tmp_path, monkeypatch):
    monkeypatch.delenv("BENCH_TOML", raising=False)
    (tmp_path / "bench.toml").symlink_to("missing.toml")
    monkeypatch.chdir(tmp_path)
    done = bench("runs")
    assert done.code == 2 and "bench.toml is not a readable file" in done.err


def test_no_home_and_no_folder(bench, tmp_path, monkeypatch):
    def unknown():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("BENCH_TOML", raising=False)
    monkeypatch.setattr(Path, "home", unknown)
    monkeypatch.chdir(tmp_path)
    assert bench("runs").code == 0
    here = tmp_path / "gone"
    here.mkdir()
    monkeypatch.chdir(here)
    here.rmdir()
    assert "the current folder was deleted" in bench("runs").err
    monkeypatch.chdir(tmp_path)


def test_a_full_disk_behind_standard_output():
    assert "No space left on device" in str(of_file_system(OSError(28, os.strerror(28))))


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["PYTHONIOENCODING=ascii bench tasks", "bench tasks >&-"])
def test_a_terminal_without_letters_and_a_closed_output(shell, workspace):
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(shell, shell=True, env=env, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_result_that_cannot_be_read_is_no_success_of_rescore(bench, result):
    (result.folder / "result.json").write_text("")
    done = bench("rescore")
    assert done.code == 1 and "1 that cannot be scored again" in done.out
    assert "left out" in done.err


def test_reading_a_study_makes_no_database(bench, tmp_path):
    path = tmp_path / "typo.db"
    done = bench("sweep", "show", "--storage", f"sqlite:///{path}")
    assert done.code == 2 and "there is no file" in done.err
    assert not path.exists()


def test_a_place_for_a_board_is_looked_for_before_the_folder_is_written(bench, result, tmp_path):
    text = tmp_path / "page.md"
    text.write_text("no place\n")
    done = bench("leaderboard", "freeze", str(tmp_path / "kept"), "--board", "ptbxl_super", "--into", str(text))
    assert done.code == 2 and f"{text} has no place for the board ptbxl_super" in done.err
    assert not (tmp_path / "kept").exists()


def test_what_can_be_cited_is_counted_once_and_its_lists_are_named(bench):
    known = [*entries(METHODS), *entries(TASKS), *entries(DATASETS), *boards()]
    done = bench("cite", "nothing-of-the-kind")
    assert done.code == 2 and f"All {len(set(known))}: bench methods, bench tasks" in done.err
    assert len(set(known)) < len(known)


def test_a_terminal_that_states_no_width(bench, monkeypatch, result):
    monkeypatch.setenv("COLUMNS", "0")
    assert result.cell.method in bench("runs").out


def test_an_audit_that_found_nothing_writes_a_table_without_rows(bench, tmp_path):
    out = tmp_path / "new" / "found.csv"
    assert bench("audit", "method", "simple-statistics", "ptbxl-super", "--csv", str(out)).code == 0
    assert out.read_text().startswith("record_id,patient_id,by,") and out.read_text().count("\n") == 1


def test_a_folder_without_cards_is_not_called_missing(bench, tmp_path):
    done = bench("leaderboard", "validate", str(tmp_path))
    assert done.code == 1 and f"{tmp_path} holds no result card and no cards.jsonl.xz" in done.out
