"""Contracts of tasks and datasets, checked on everything registered; nothing is named here."""

import pytest

from bench import registry
from bench.checks import check_dataset, check_task


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """For the simulated cohorts: one per dataset."""
    return tmp_path_factory.mktemp("cohorts")


@pytest.mark.parametrize("name", registry.entries(registry.TASKS))
def test_the_task_keeps_the_contract(name, folder):
    verdicts = check_task(registry.load(registry.TASKS, name), folder=folder)
    assert [v for v in verdicts if v.outcome == "broken"] == []


@pytest.mark.parametrize("name", registry.entries(registry.DATASETS))
def test_the_dataset_keeps_the_contract(name):
    verdicts = check_dataset(registry.load(registry.DATASETS, name))
    assert [v for v in verdicts if v.outcome == "broken"] == []
