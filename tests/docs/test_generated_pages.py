"""Pages that are written from the code: columns of datasets, methods next to their papers, and costs."""

import importlib
import re
import sys
from pathlib import Path

import pytest

from bench import registry
from bench.reading.as_published import ASPECTS

FOLDER = Path(__file__).parents[2] / "docs" / "pages_from_code"


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import cost_pages
    import datasets_pages
    import methods_pages
    import their_tasks_page

    yield {"cost": cost_pages, "datasets": datasets_pages, "methods": methods_pages, "theirs": their_tasks_page}
    for name in (
        "cost_pages",
        "datasets_pages",
        "methods_pages",
        "their_tasks_page",
        "settings_pages",
        "words",
        "hook",
    ):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("link", "folder"), [("../..", True), (".", True), ("../index.html", False), ("#top", False)])
def test_a_link_to_a_folder_is_seen(pages, link, folder):
    """The documentation's build refuses it, because browsers list a folder where a page is opened as a file."""
    to_folder = importlib.import_module("links").to_folder
    assert to_folder(f'<a href="{link}">start</a>') == (link if folder else None)


@pytest.mark.parametrize(
    "name",
    [
        "ptbxl",
        "cpsc2018",
        "csn",
        "mimic-iv-ecg",
        "georgia",
        "sph",
        "ptbdb",
        "zzu-pecg",
        "incart",
        "mimic-outcomes",
        "code15",
        "code-test",
        "sami-trop",
        "echonext",
        "planted-risk",
    ],
)
def test_every_column_of_the_records_is_described(pages, name, tmp_path):
    dataset = registry.load(registry.DATASETS, name)
    dataset.simulate(tmp_path / "copy", 30, 0)
    text = pages["datasets"].columns(dataset)
    columns = set(dataset(tmp_path / "copy").records().columns) - {"patient_id"}
    assert {column for column in columns if f"`{column}`" not in text} == set()


@pytest.mark.parametrize("name", ["etp", "mets"])
def test_the_page_of_a_method_compares_it_with_its_paper(pages, name):
    """Every aspect is a row; each that differs is marked and explained; a paper that was not read is not called silent."""
    entry = registry.entries(registry.METHODS)[name]
    text = "\n".join(pages["methods"]._paper(entry, entry.load()))
    found = re.findall(r"^\| ([a-z ]+?)( §)? \|", text, re.M)
    assert [aspect for aspect, _ in found if aspect != "aspect"] == list(ASPECTS)
    marked = {aspect for aspect, mark in found if mark}
    assert "text encoder" in marked
    assert marked == set(re.findall(r"^- § ([a-z ]+): ", text, re.M))
    assert ("silent" in text) == (name == "etp")
    assert ("not read by us" in text) == (name == "mets")


def test_every_task_of_the_other_benchmarks_is_next_to_ours(pages):
    theirs = pages["theirs"]
    sizes = {name: len(rows) for name, rows in theirs.their_tasks().items()}
    # 26 where mortality and ICU are parts of deterioration; BenchECG's without one lead and PPG
    assert sizes == {"ecg-fm-benchmarking": 28, "ecg-fix": 10, "BenchECG": 8}
    text = theirs.pages()["reference/their-tasks.md"]
    assert "| Georgia | [`georgia`](tasks/georgia.md) | multilabel 50 | " in text
    assert (
        "published (theirs)" in text
        and "in the order of a directory" in text
        and "copied cells" in " ".join(text.split())
    )
    linked = set(re.findall(r"\(tasks/([a-z0-9-]+)\.md\)", text))
    assert linked <= set(registry.entries(registry.TASKS))
    pending = set(re.findall(r"`([a-z0-9-]+)` \(not yet\)", text))
    assert not pending & set(registry.entries(registry.TASKS))


def test_the_pages_have_their_tables(pages):
    datasets = pages["datasets"].pages()["reference/datasets.md"]
    assert "| `strat_fold` | 1 to 10: the publisher's folds" in datasets
    assert "| `ENDPOINT_date`, `ENDPOINT_undated` |" in datasets
    cost = pages["cost"].pages()["reference/cost.md"]
    assert "| [`simclr`](methods/simclr.md) | contrastive | " in cost
    assert "| [`ptbxl-super`](tasks/ptbxl-super.md) |" in cost
    measured = dict(re.findall(r"^\| \[`([a-z0-9-]+)`\]\(methods.*?\) \| \S* \| ([^|]*) \| [^|]* \|", cost, re.M))
    assert all(measured[name].split()[-1] in ("s", "min", "h") for name in ("simclr", "byol", "merl"))
    assert measured["random-resnet"] == "no"
