"""The site: built from results, and whole by itself."""

import functools
import gc
import html.parser
import json
import os
import re
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from bench.leaderboard.board import Board, Column, Row
from bench.leaderboard.collect import collect
from bench.leaderboard.metric_names import metric_name
from bench.leaderboard.number_format import shown_number
from bench.leaderboard.site.cell_pages import is_written
from bench.leaderboard.site.render_html import write as write_html
from bench.leaderboard.site.write_site import write_site

METHODS = ("kmerl", "merl", "etp", "random-resnet", "simclr", "byol", "cpc")


def boards() -> dict[str, Board]:
    columns = [
        Column(group=task, label=f"{100 * f:g}%", task=task, mode="linear", fraction=f)
        for task in ("ptbxl-super", "csn")
        for f in (0.1, 1.0)
    ]
    rows = [
        Row(label=f"{m} <b>", method=m, group="Text" if k < 3 else "ECG", published=[60 + k] * 4)
        for k, m in enumerate(METHODS)
    ]
    one = {"metric": "macro_auroc", "scale": 100, "columns": columns, "rows": rows}
    return {
        n: Board(name=n, title=t, source="A paper", **one) for n, t in (("one", "Paper Table 1: a"), ("two", "Ours"))
    }


@pytest.fixture(scope="module")
def results(tmp_path_factory, scored_result):
    folder = tmp_path_factory.mktemp("cells") / "results"
    real = {"data": "real", "profile": "paper", "complete": True}
    return [
        scored_result(folder, m, 0.3 + 0.4 * k, task=task, fraction=f, records=80, training=training, **real)
        for k, m in enumerate(METHODS[:-1])
        for task in ("ptbxl-super", "csn")
        for f, trainings in ((0.1, 1), (1.0, 2))
        for training in range(trainings)
    ]


@pytest.fixture(scope="module")
def site(tmp_path_factory, results) -> Path:
    return write_site(boards(), results, tmp_path_factory.mktemp("site")).parent


def test_each_cell_has_an_address_with_its_card_and_the_command_that_repeats_it(site, results):
    result = next(r for r in results if r.cell.method == "merl" and r.cell.fraction == 0.1 and r.cell.task == "csn")
    text = (site / "cells" / f"{result.key}.html").read_text()
    assert "bench run --method merl --task csn --mode linear --fraction 0.1" in text
    card = json.loads((site / "cells" / f"{result.key}.json").read_text())
    assert card["key"] == result.key and card["score"]["metrics"] == result.score["metrics"]
    assert f'href="../cells/{result.key}.html"' in (site / "methods" / "merl.html").read_text()
    assert is_written(result, site / "cells")
    os.utime(result.folder / "result.json")
    assert not is_written(result, site / "cells")  # computed again


@pytest.mark.parametrize("by_the_caller", [False, True])
def test_the_garbage_collector_is_left_as_it_was_whatever_happens(tmp_path, by_the_caller):
    (gc.freeze if by_the_caller else gc.unfreeze)()
    before = gc.get_freeze_count()
    try:
        with pytest.raises(AttributeError):
            write_site({"broken": None}, [], tmp_path)
        after = gc.get_freeze_count()
        assert (before > 0, after > 0) == (by_the_caller, by_the_caller)
        assert abs(after - before) <= before / 100  # objects that are no longer used leave the count
    finally:
        gc.freeze()  # as pytest_collection_finish in tests/conftest.py


class Page(html.parser.HTMLParser):
    """What a page loads and links, and the ids it has."""

    def __init__(self, path: Path):
        super().__init__()
        self.loads, self.links, self.ids, self.unlabelled = [], [], set(), []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        answer = dict(attributes)
        if "id" in answer:
            self.ids.add(answer["id"])
        if tag in ("script", "img", "iframe", "source") and answer.get("src"):
            self.loads.append(answer["src"])
        if tag == "link":
            self.loads.append(answer["href"])
        if tag == "a":
            self.links.append(answer["href"])
        if tag == "img" and "alt" not in answer:
            self.unlabelled.append(answer)


def test_nothing_is_loaded_from_elsewhere_and_every_link_leads_somewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 50

    @functools.cache
    def leads_to_a_file(folder: Path, place: str) -> bool:  # the navigation is the same on all pages of a folder
        return (folder / unquote(place)).is_file()

    for path in pages:
        page = Page(path)
        assert not any("://" in target for target in page.loads), path
        for target in [*page.loads, *page.links]:
            if target == "data:," or target.startswith(("https://", "http://")):  # a paper, a repository, a publisher
                continue
            assert "://" not in target, f"{path}: {target}"
            place, _, anchor = target.partition("#")
            if place:
                assert leads_to_a_file(path.parent, place), f"{path}: {target}"
            elif anchor:
                assert anchor in page.ids, f"{path}: {target}"
    css = (site / "assets" / "style.css").read_text() + (site / "assets" / "tables.css").read_text()
    assert "@import" not in css
    assert "url(http" not in css.replace('"', "")


def test_a_board_shows_ours_theirs_intervals_letters_curves_and_ranks(site):
    text = (site / "boards" / "one.html").read_text()
    assert text.count('<tr data-found="1"') == 6
    assert text.count('<tr data-found="0"') == 1
    assert '<span class="whisker' in text
    assert "<sup>a</sup>" in text
    assert 'title="patients ±' in text and "2 replicates" in text and "one trained model" in text
    assert "◇" in text
    assert "labelled training records (%)" in text
    assert "kmerl &lt;b&gt;" in text  # a label is text, never markup
    assert "kmerl <b>" not in text
    for suffix in ("md", "tex", "csv"):
        assert (site / "boards" / f"one.{suffix}").stat().st_size


def test_rows_are_ordered_by_rank_and_the_best_group_is_highlighted(site):
    text = (site / "boards" / "one.html").read_text()
    rows = re.findall(
        r'<tr data-found="1"( class="top")?>\n<th [^>]*>(?:<span class="rank">.*?</span>([\d–]+)</span>)', text
    )
    ranges = [tuple(int(end) for end in rank.split("–")) for _, rank in rows]
    assert len(rows) == 6 and [low for low, *_ in ranges] == sorted(low for low, *_ in ranges)
    tops = [bool(top) for top, _ in rows]
    assert 0 < sum(tops) <= 3 and tops == [low == 1 for low, *_ in ranges]
    labels = re.findall(r'methods/([\w-]+)\.html">[^<]+</a></th>', text)
    assert labels[0] == "byol" and labels[-1] == "cpc"  # the best, and the one that was not run
    assert "Metric: macro AUROC" in text


def test_the_first_page_ranks_encoders_in_each_situation_and_folds_boards_without_results(site, results):
    text = (site / "index.html").read_text()
    assert re.findall(r'<section class="situation" id="([\w-]+)"', text) == ["all", "few-labels"]
    rows = re.findall(
        r'<tr data-parameters=[^>]*><td>([\d–]+)</td><th scope="row"><a href="methods/([\w-]+)\.html">', text
    )
    assert len(rows) == 12 and rows[0][1] == "byol"  # six encoders in two situations
    assert text.index("Boards with results") < text.index('href="boards/one.html"')
    assert "Boards without results" not in text
    alone = write_site({"one": boards()["one"]}, [], site.parent / "empty").read_text()
    assert "No result yet" in alone and "<details><summary>1 boards" in alone


def test_the_feed_has_the_newest_results(site, results):
    root = ElementTree.fromstring((site / "feed.xml").read_text())
    atom = "{http://www.w3.org/2005/Atom}"
    entries = root.findall(f"{atom}entry")
    assert len(entries) == len(results) == 36
    assert {entry.find(f"{atom}id").text for entry in entries} == {f"urn:bench:{r.key}" for r in results}
    assert all((site / entry.find(f"{atom}link").get("href")).is_file() for entry in entries)


def test_a_cost_has_three_digits_and_no_mark():
    column = Column(label="costs", metric="cost_recordings_per_second")
    board = boards()["one"].model_copy(update={"columns": [column], "scale": 1.0})
    assert shown_number(board, column, 1324.65) == "1,325"
    assert shown_number(board, column, 0.012345) == "0.0123"
    assert metric_name("cost_gflops") == "GFLOPs per recording"
    assert metric_name("macro_f1") == "macro F1"
    assert metric_name("macro_sensitivity_at_specificity_90") == "macro sensitivity at 90 % specificity"
    assert metric_name("brier_5y") == "Brier score (5 years)"


def test_pages_of_methods_tasks_and_protocols_say_what_one_looks_for(site):
    method = (site / "methods" / "kmerl.html").read_text()
    assert "arXiv 2502.17900" in method
    assert "Deviations" in method
    assert method.count('<span class="whisker') == 4  # an interval for each row
    assert "@misc{kmerl," in method and "How to cite (BibTeX)" in method
    assert "pretrain.epochs" in method
    assert method.count("../tasks/ptbxl-super.html") == 2  # a line for each share of labels
    assert method.count("training 1") == 2  # the second replicate, on each of two tasks, behind a disclosure
    heads = re.findall(r'<th scope="col">(.*?)(?:<span class="sub">(.*?)</span>)?</th>', method)
    assert heads[:4] == [("Task", ""), ("Mode", "labels"), ("Value", "95 % interval"), ("Contami&shy;nation", "")]
    task = (site / "tasks" / "ptbxl-super.html").read_text()
    assert "conduction disturbance" in task
    assert "2,158" in task
    assert "<h2>Classes (5)</h2><div" in task
    many = (site / "tasks" / "ptbxl-all.html").read_text()
    assert re.search(r"<h2>Classes \((\d+)\)</h2><details><summary>[^<]+ and \d+ more</summary>", many)
    assert '<details class="panel" open><summary>linear, 10 % of the labels' in task
    assert '<a href="../datasets/ptbxl.html">ptbxl</a>' in task
    from bench.splitting.split import load_split

    assert str(load_split("ptbxl-super").content.complete.digest) in task
    protocols = (site / "protocols.html").read_text()
    assert "Nadeau and Bengio" in protocols and "a row of one trained model is not" in protocols


def test_a_board_by_itself_is_one_file(results, tmp_path):
    board = boards()["one"]
    path = tmp_path / "one.html"
    path.write_text(write_html(board, collect(board, results), {}))
    page = Page(path)
    assert page.loads == ["data:,"]
    assert all(link.startswith("#") for link in page.links)
