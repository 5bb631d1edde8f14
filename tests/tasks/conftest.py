"""Simulated cohorts that all tests of tasks share."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import pytest

from bench.data.source import DataSource
from bench.storage.workspace import Workspace

SHARED = ("simulated", "stores")


@pytest.fixture(scope="session")
def cohorts(tmp_path_factory) -> Path:
    """Where each cohort is written and prepared once, also when several processes share the tests."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cohorts"
    for name in SHARED:
        (folder / name).mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(autouse=True, scope="session")
def read_once(cohorts):
    """Records of the shared UK Biobank, whose tables take long to read and which no test changes, are read once."""
    from tasks.datasets.ukb import UKBiobank

    read, known = UKBiobank.records, {}

    @functools.wraps(read)
    def records(self):
        root = self.root.resolve()
        if cohorts.resolve() not in root.parents:
            return read(self)
        if root not in known:
            known[root] = read(self)
        return known[root].copy()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UKBiobank, "records", records)
        yield


@pytest.fixture(scope="module")
def source(cohorts, tmp_path_factory) -> DataSource:
    """Cohorts of 200 recordings, in a separate workspace for the results of each module."""
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    for name in SHARED:
        (workspace.root / name).symlink_to(cohorts / name)
    return DataSource(workspace, simulated_records=200)
