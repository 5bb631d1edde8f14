"""``bench cite`` prints what to cite, for every built-in method, task, dataset and board."""

import pytest

from bench import registry
from bench.errors import UnknownName
from bench.leaderboard import boards
from bench.leaderboard.citation import citation


def text(name):
    return "\n".join(citation(name))


def test_a_task_cites_its_dataset_with_licence_and_link():
    said = text("ptbxl-super")
    assert "doi = {10.1038/s41597-020-0495-6}" in said and "CC BY 4.0" in said and "https://physionet.org" in said


def test_a_method_cites_its_paper():
    said = text("simclr")
    assert said.startswith("@misc{simclr,") and "Visual Representations}}" in said and "year  = {2020}" in said


def test_a_board_cites_its_paper_and_the_datasets_of_its_columns():
    said = text("kmerl_table1")
    assert "arXiv 2502.17900" in said and said.count("doi = ") == 3


def test_everything_built_in_has_a_citation_with_balanced_braces():
    for name in (*registry.entries(registry.DATASETS), *registry.entries(registry.METHODS), *boards()):
        said = text(name)
        assert said.count("{") == said.count("}"), name
    for name in registry.entries(registry.DATASETS):
        assert registry.load(registry.DATASETS, name).citation, name


def test_an_unknown_name_is_refused():
    with pytest.raises(UnknownName, match="no-such-thing"):
        text("no-such-thing")
