"""A plugin's method has a row on boards that do not name it; built-in methods have one only where a row names them."""

from bench.leaderboard import collect, load_board
from bench.leaderboard.collect import collect_all
from bench.leaderboard.match_results import best_board
from bench.leaderboard.site.write_site import write_site
from bench.leaderboard.third_party_rows import GROUP, OWN

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


def encoders(make_result):
    """Two imported encoders, results of one method."""
    return [
        make_result("encoder", "ptbxl-super", "linear", value, config={"name": name, "sha256": name}, fraction=0.01)
        for name, value in (("net-aaaaaa", 0.8), ("net-bbbbbb", 0.9))
    ]


def test_each_encoder_of_the_user_has_a_row_with_its_name(make_result):
    (table,) = collect(load_board("few_labels"), encoders(make_result))
    assert [(line.row.group, line.label) for line in table.lines if line.found] == [
        (OWN, "net-aaaaaa"),
        (OWN, "net-bbbbbb"),
    ]
    (plain,) = collect_all(encoders(make_result))
    assert [line.label for line in plain.lines] == ["net-aaaaaa", "net-bbbbbb"]
    assert encoders(make_result)[0].title == "net-aaaaaa · ptbxl-super · linear · 1% · seed 0"
    assert best_board(encoders(make_result)) is not None


def test_each_encoder_of_the_user_has_a_page(make_result, tmp_path):
    odd = make_result("../escape", "ptbxl-super", "linear", fraction=0.01)
    board = load_board("few_labels")
    write_site({board.name: board}, [*encoders(make_result), odd], tmp_path / "site", None, False)
    page = (tmp_path / "site" / "methods" / "net-aaaaaa.html").read_text()
    assert "An encoder of the user, run by the method encoder." in page
    assert "ptbxl-super" in page
    assert "../methods/net-aaaaaa.html" in (tmp_path / "site" / "boards" / "few_labels.html").read_text()
    assert "net-bbbbbb" in (tmp_path / "site" / "methods" / "index.html").read_text()
    assert not (tmp_path / "site" / "escape.html").exists()
