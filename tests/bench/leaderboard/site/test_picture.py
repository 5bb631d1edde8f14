"""Boards as pictures: each number is drawn where it belongs, with its interval and its marks."""

import xml.etree.ElementTree as ElementTree

import pytest

from bench.leaderboard.board import read_board
from bench.leaderboard.collect import collect
from bench.leaderboard.site import picture

SVG = "{http://www.w3.org/2000/svg}"


def drawn(board, results):
    """Marks by their words, and the root of the picture."""
    root = ElementTree.fromstring(picture.write(board, collect(board, results)))
    marks = {}
    for group in root.iter(f"{SVG}g"):
        title = group.find(f"{SVG}title")
        if title is not None:
            marks[title.text] = {child.get("class"): child for child in group if child is not title}
    return marks, root


def test_a_number_is_drawn_with_its_interval_in_the_order_of_its_value(board, make_result):
    results = [make_result(method="merl", value=0.7), make_result(method="kmerl", value=0.9)]
    marks, root = drawn(board, results)
    at = {words.partition(",")[0]: float(mark["at"].get("cx")) for words, mark in marks.items() if "at" in mark}
    assert at["MERL"] < at["K-MERL"]
    (merl,) = (mark for words, mark in marks.items() if words.startswith("MERL,") and "at" in mark)
    assert float(merl["ends"].get("x1")) < at["MERL"] < float(merl["ends"].get("x2"))
    ticks = [float(text.text) for text in root.iter(f"{SVG}text") if (text.text or "").replace(".", "").isdigit()]
    assert ticks and all(60 <= tick <= 100 for tick in ticks)  # in the scale of the board


def test_published_numbers_are_drawn_only_where_they_may_be_compared(board, make_result):
    comparable, _ = drawn(board, [make_result(method="merl", value=0.7)])
    simulated, root = drawn(board, [make_result(method="merl", value=0.7, data="simulated", profile="smoke")])
    ours = [mark for mark in simulated.values() if "at" in mark]
    assert any({"at", "printed"} <= mark.keys() for mark in comparable.values())
    assert len(ours) == 1 and all("printed" not in mark for mark in ours)
    assert "the data are simulated" in "".join(root.itertext())


def test_a_number_marked_for_contamination_is_a_circle_that_the_key_explains(board, make_result):
    marks, root = drawn(board, [make_result(method="merl", contamination="test records")])
    (merl,) = (mark for words, mark in marks.items() if words.startswith("MERL,") and "marked" in mark)
    assert "at" not in merl
    assert "test records were pretrained on" in "".join(root.itertext())


def test_the_key_explains_the_marks_of_the_names(board, make_result):
    _, root = drawn(board, [make_result(method="merl", config={"text": {"model": "minilm"}})])
    assert "§ differs from its paper" in " ".join(text.text for text in root.findall(f"{SVG}text")[-2:])


def test_names_of_strangers_are_escaped_and_many_columns_wrap(tmp_path, make_result):
    columns = "".join(f"  - {{label: c{n}, task: ptbxl-super, mode: linear, fraction: 0.{n}}}\n" for n in range(1, 9))
    text = f"title: '<script>'\nmetric: macro_auroc\ncolumns:\n{columns}rows:\n  - {{label: '</text>', method: merl}}\n"
    (tmp_path / "board.yaml").write_text(text)
    board = read_board(tmp_path / "board.yaml")
    _, root = drawn(board, [make_result(method="merl", fraction=n / 10) for n in range(1, 9)])
    assert not list(root.iter(f"{SVG}script"))
    tops = {text.get("y") for text in root.iter(f"{SVG}text") if text.get("class") == "name"}
    assert len(tops) == 2


def test_a_long_name_of_a_column_takes_several_lines(tmp_path, make_result):
    """Else it covers the name of the next column."""
    column = "  - {group: PTB-XL super, label: 'zero-shot, 12 leads', task: ptbxl-super, mode: linear}\n"
    text = f"title: B\nmetric: macro_auroc\ncolumns:\n{column}rows:\n  - {{label: MERL, method: merl}}\n"
    (tmp_path / "board.yaml").write_text(text)
    _, root = drawn(read_board(tmp_path / "board.yaml"), [make_result(method="merl")])
    lines = [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "name"]
    assert " ".join(lines) == "PTB-XL super zero-shot, 12 leads" and len(lines) == 2
    assert all(len(line) <= picture.HEAD_LETTERS for line in lines)


@pytest.mark.parametrize("span", [(0.0, 1.0), (35.2, 95.6), (-0.5, 0.5), (1e-4, 3e-4), (0, 1324.65)])
def test_ticks_are_few_and_within_the_span(span):
    ticks = picture._ticks(*span)
    assert 2 <= len(ticks) <= picture.TICKS and span[0] <= ticks[0] and ticks[-1] <= span[1] * (1 + 1e-12)


def test_a_board_without_results_has_a_title(board):
    board = board.model_copy(update={"rows": [row.model_copy(update={"published": []}) for row in board.rows]})
    assert board.title in picture.write(board, collect(board, []))
