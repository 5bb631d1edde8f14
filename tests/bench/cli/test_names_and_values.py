"""Names that have one obvious meaning are taken; values that cannot be are refused, before anything runs."""

import pytest

RUN = ("run", "--method", "kmerl", "--dry-run")


@pytest.mark.parametrize(
    ("method", "task", "mode"),
    [
        ("Kmerl", "ptbxl_super", "zero-shot"),
        ("K-MERL", "PTBXL-Super", "Zero_Shot"),
        ("kmer*", "PTBXL_SUP*", "zeroshot"),
    ],
)
def test_case_hyphens_and_underscores_do_not_matter(bench, method, task, mode):
    done = bench("run", "--method", method, "--task", task, "--mode", mode, "--dry-run")
    (cell,) = [line.partition("  (")[0] for line in done.out.splitlines()]
    assert (done.code, cell) == (0, "kmerl · ptbxl-super · zeroshot"), done.err


def test_a_range_of_seeds(bench):
    done = bench(*RUN, "--task", "ptbxl-super", "--mode", "linear", "--seed", "0-2,7")
    cells = [line.partition("  (")[0] for line in done.out.splitlines()]
    assert [cell.rpartition(" ")[2] for cell in cells] == ["0", "1", "2", "7"], done.out + done.err


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("ptbxl", "ptbxl is a dataset. Name one of its tasks (ptbxl-"),
        ("PTB-XL", "or all: --task ptbxl-age,"),
        ("mimic-iv-ecg", "mimic-iv-ecg is a dataset without tasks"),
        ("merl", "There is a method of that name: merl."),
    ],
)
def test_a_name_of_something_else_is_named_as_that(bench, task, words):
    done = bench(*RUN, "--task", task, "--mode", "linear")
    assert done.code == 2
    assert words in done.err


def test_a_dataset_lists_its_tasks(bench):
    assert bench("tasks", "ptbxl").out == bench("tasks", "--dataset", "ptbxl").out != ""
    assert bench("tasks", "csn").out != bench("tasks", "--dataset", "csn").out  # a task of that name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--workspace", "x", "run", "-m", "kmerl"), "--workspace goes after the command: bench run --workspace ..."),
        (("run", "-m", "mine:Mine", "-t", "csn", "--mode", "linear"), "name the file's path: ./mine.py:Mine."),
        (
            (*RUN, "-t", "csn", "--mode", "linear", "--data-root", "ptbxl:/data"),
            "a dataset and its folder are separated by =: --data-root ptbxl=/data.",
        ),
    ],
)
def test_a_wrong_form_is_answered_with_the_right_one(bench, arguments, words):
    done = bench(*arguments)
    assert (done.code, words in done.err) == (2, True), done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--seed", ""), "--seed: the value is empty"),
        (("--seed="), "--seed: the value is empty"),
        (("--workspace", " "), "--workspace: the value is empty"),
        (("--fraction", ","), "--fraction: the value is empty"),
        (("--seed", "4-1"), "--seed 4-1: expected a range"),
        (("--seed", "0-99999999999"), "at most 1,000"),
        (("--seed", "1e9999"), "expected a whole number"),
        (("--seed", "9" * 5000), "expected a whole number"),
        (("--seed", str(2**32)), "expected a whole number from 0 to"),
        (("--fraction", "200%"), "above 0, at most 1"),
        (("--jobs", "0"), "--jobs"),
        (("--jobs", "99999999"), "--jobs"),
        (("--limit", "-1"), "--limit"),
        (("--simulated-records", "1" * 30), "--simulated-records"),
        (("--data-root", "ptbxl="), "--data-root ptbxl=: the path is empty"),
        (("--data-root", "a" * 5000), "not a path that can be looked up"),
        (("--data-root", "ptbxl=.", "--data-root", "PTBXL=."), "the folder of ptbxl twice"),
        (("--data-root", ".", "--data-root", ".."), "--data-root is given twice"),
        (("--set", "linear.lr=inf"), "finite"),
        (("--set", "pretrain={lr: inf}"), "finite"),
        (("--set", "lr=0.1"), "'linear.lr'"),
    ],
)
def test_values_that_cannot_be_are_refused_with_the_option(bench, arguments, words):
    arguments = (arguments,) if isinstance(arguments, str) else arguments
    done = bench(*RUN, "--task", "ptbxl-super", "--mode", "linear", *arguments)
    assert done.code == 2
    assert words in " ".join(done.err.split()), done.err
    assert "Traceback" not in done.err
    assert len(done.err) < 900


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("BENCH_SIMULATED_RECORDS", "9" * 5000, "expected a whole number"),
        ("BENCH_SIMULATED_RECORDS", "-5", "expected a whole number"),
        ("BENCH_DATA", "a" * 5000, "not a path that can be looked up"),
        ("BENCH_WORKSPACE", "a" * 5000, "not a path that can be looked up"),
        ("BENCH_TOML", "a" * 5000, "not a path that can be looked up"),
        ("BENCH_TOML", "/", "not a file"),
    ],
)
def test_so_are_those_of_the_environment(bench, monkeypatch, variable, value, words):
    monkeypatch.setenv(variable, value)
    done = bench(*RUN, "--task", "ptbxl-super", "--mode", "linear")
    assert done.code == 2
    assert words in done.err
