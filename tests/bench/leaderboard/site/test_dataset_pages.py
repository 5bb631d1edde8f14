"""The pages of datasets: how to get them, and who has seen them."""

from dataclasses import replace

import pytest

from bench import registry
from bench.leaderboard.site.dataset_pages import (
    corpora_of,
    dataset_facts,
    released_that_saw,
    shared_recordings,
    write_dataset_pages,
)
from bench.leaderboard.site.result_rows import result_rows

DATASETS = registry.entries(registry.DATASETS)
METHODS = registry.entries(registry.METHODS)


@pytest.fixture
def folder(tmp_path, make_result):
    results = [make_result("simclr", "ptbxl-super"), make_result("merl", "ptbxl-super")]
    tasks = registry.entries(registry.TASKS)
    write_dataset_pages(DATASETS, tasks, METHODS, result_rows(results), results, tmp_path)
    return tmp_path


def test_a_page_shows_access_licence_size_commands_tasks_and_results(folder):
    text = (folder / "ptbxl.html").read_text()
    assert "<dt>Access</dt><dd>open</dd><dt>Licence</dt><dd>CC BY 4.0</dd>" in text
    assert '<a href="https://physionet.org/content/ptb-xl/1.0.3/">' in text
    assert "21,799 (version 1.0.3)" in text
    assert "bench data download ptbxl\n" in text and "--also ptb-xl-plus   # with PTB-XL+ (median beats)" in text
    assert '<a href="../tasks/ptbxl-super.html">ptbxl-super</a></th><td>multilabel</td><td>2</td>' in text
    assert "<dt>Results here</dt><dd>2</dd>" in text
    assert "@article{wagner2020ptbxl" in text
    index = (folder / "index.html").read_text()
    assert all(f'href="{name}.html"' in index for name in DATASETS)


def test_a_restricted_dataset_has_the_steps_instead_of_commands():
    facts = dataset_facts(DATASETS["echonext"])
    assert facts["access"].startswith("restricted") and facts["commands"] == []
    assert facts["steps"].startswith("Sign the data use agreement")
    chapman = dataset_facts(DATASETS["chapman"])  # its files are those of CSN
    assert chapman["commands"][0] == "bench data download csn" and chapman["steps"] == ""


def test_overlaps_hold_in_both_directions_and_an_alias_is_not_listed_twice():
    assert dict(shared_recordings("ningbo"))["csn"].startswith("all of it is the part of CSN from JS10647 on")
    assert [name for name, _ in shared_recordings("csn") if name.startswith("chapman-s")] == []


def test_released_weights_that_saw_a_dataset_itself_or_a_collection_with_its_recordings():
    seen = {(method, corpus): why for method, corpus, why in released_that_saw("ptbxl", METHODS)}
    assert seen[("ecg-fm", "ptbxl")] == "the dataset itself"
    assert "version 1.0.1" in seen[("hubert-ecg-base", "cinc2021")]
    assert not any(method == "merl-released" for method, _ in seen)


def test_methods_that_were_pretrained_on_a_dataset_in_results(make_result):
    both = replace(make_result("simclr", "csn"), checkpoint={"corpus": {"dataset": "ptb-xl+csn"}})  # an alias
    untrained = replace(make_result("random-resnet", "csn"), checkpoint={})
    assert corpora_of([both, untrained]) == {"ptbxl": {"simclr"}, "csn": {"simclr"}}
