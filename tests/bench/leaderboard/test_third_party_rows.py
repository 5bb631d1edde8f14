"""A plugin's method has a row on boards that do not name it; built-in methods have one only where a row names them."""

from bench.leaderboard import collect, load_board
from bench.leaderboard.third_party_rows import GROUP

COLUMN = {"task": "ptbxl-super", "mode": "zeroshot"}


def labels(results) -> list[tuple[str, str]]:
    board = load_board("zeroshot")
    (table,) = collect(board, results)
    return [(line.row.group, line.row.label) for line in table.lines if line.found]


def test_methods_of_other_packages_stand_below(make_result):
    results = [make_result(method=m, **COLUMN) for m in ("kmerl", "strangers-method", "simclr")]
    assert labels(results) == [("", "K-MERL"), (GROUP, "strangers-method")]


def test_only_where_they_have_a_result_in_a_column(make_result):
    elsewhere = make_result(method="strangers-method", task="ptbxl-super", mode="linear")
    assert labels([make_result(method="kmerl", **COLUMN), elsewhere]) == [("", "K-MERL")]


def test_a_guest_is_written_to_the_files_beside_no_published_number(make_result, tmp_path):
    from bench.leaderboard import render

    ours = [
        make_result(method=m, task="ptbxl-super", mode="linear", fraction=0.01) for m in ("merl", "strangers-method")
    ]
    (path,) = render("kmerl_table1", ours, tmp_path, ("markdown",))
    lines = [line for line in path.read_text().splitlines() if line.startswith("| strangers-method")]  # one a section
    assert [line for line in lines if "80" in line]
