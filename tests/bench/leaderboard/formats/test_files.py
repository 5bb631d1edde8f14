"""Boards as files: Markdown with published numbers, LaTeX, CSV."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from bench.errors import UnknownName
from bench.leaderboard.render import render


def rendered(path, tmp_path, results, form="markdown") -> str:
    (written,) = render(str(path), results, tmp_path / "out", [form])
    return written.read_text()


def test_published_numbers_stand_beside_complete_real_results(path, tmp_path, make_result):
    text = rendered(path, tmp_path, [make_result(value=0.842, width=0.013, left_out=["PMI"])])
    assert "| K-MERL | 84.2 [82.9, 85.5] (89.83) | — (88.00) | — (88.92) |" in text
    assert "| MERL | — (88.67) | — (84.72) | — (86.70) |" in text
    assert "60.50 ± 0.25" in text
    assert "*2,158*" in text
    assert "PMI" in text
    assert "K-MERL, Mean: no mean without Sub 100%" in text


@pytest.mark.parametrize("kind", [{"data": "simulated"}, {"complete": False}, {"profile": "smoke"}])
def test_other_results_stand_beside_no_published_number(path, tmp_path, make_result, kind):
    text = rendered(path, tmp_path, [make_result(value=0.842, width=0.013, **kind)])
    published, ours = text.split("No published numbers are shown next to these")
    assert "89.83" in published
    assert "84.2" not in published
    assert "84.2 [82.9, 85.5]" in ours
    assert "89.83" not in ours
    assert "Not run: MERL, MERL (ViT)." in ours


def test_latex_and_csv(path, tmp_path, make_result):
    results = [make_result(value=0.842, width=0.013)]
    text = rendered(path, tmp_path, results, "latex")
    assert r"K-MERL & 84.2 [82.9, 85.5] (89.83) & -- (88.00) & -- (88.92) \\" in text
    assert r"100\%" in text
    for environment in ("table", "tabular"):
        assert text.count(rf"\begin{{{environment}}}") == text.count(rf"\end{{{environment}}}") == 1
    rows = list(csv.DictReader(rendered(path, tmp_path, results, "csv").splitlines()))
    assert len(rows) == 4 * 3
    row = next(r for r in rows if r["row"] == "K-MERL" and r["column_group"] == "Super")
    assert float(row["value"]) == pytest.approx(84.2)
    assert row["published"] == "89.83"
    assert row["results"] == results[0].key


def test_the_csv_does_not_depend_on_the_last_bit_of_a_number(path, tmp_path, make_result):
    value = 0.8421234567890123
    texts = [rendered(path, tmp_path, [make_result(value=v)], "csv") for v in (value, float(np.nextafter(value, 1)))]
    assert texts[0] == texts[1]
    assert "84.212346" in texts[0]


def test_the_csv_tells_tables_of_two_protocols_apart(path, tmp_path, make_result):
    released = make_result(value=0.9)
    released.provenance["protocol"] = "merl-released"
    other = replace(make_result(method="merl"), key="0" * 32)
    rows = list(csv.DictReader(rendered(path, tmp_path, [released, other], "csv").splitlines()))
    answer = {(r["row"], r["protocol"]) for r in rows if r["results"]}
    assert answer == {("K-MERL", "merl-released"), ("MERL", "")}


def test_an_unknown_format_is_refused_before_anything_is_written(path, tmp_path):
    with pytest.raises(UnknownName, match="markdown"):
        render(str(path), [], tmp_path / "out", ["markdwon"])
    assert not (tmp_path / "out").exists()


def test_a_board_renders_the_same_bytes_whatever_the_order_of_results(path, tmp_path, make_result):
    results = [
        make_result(method=m, task=t, seed=s)
        for m in ("kmerl", "merl")
        for t in ("ptbxl-super", "ptbxl-sub")
        for s in (0, 1)
    ]
    assert rendered(path, tmp_path, results) == rendered(path, tmp_path, results[::-1])
