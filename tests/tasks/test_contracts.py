"""Contracts of tasks and datasets, checked on everything registered; nothing is named here."""

import pytest

from bench import registry
from bench.checks import check_dataset, check_task


@pytest.mark.parametrize("name", registry.entries(registry.TASKS))
def test_the_task_keeps_the_contract(name, source):
    verdicts = check_task(registry.load(registry.TASKS, name), folder=source.workspace.root)
    assert [v for v in verdicts if v.outcome == "broken"] == []


@pytest.mark.parametrize("name", registry.entries(registry.DATASETS))
def test_the_dataset_keeps_the_contract(name):
    verdicts = check_dataset(registry.load(registry.DATASETS, name))
    assert [v for v in verdicts if v.outcome == "broken"] == []
