"""Identification: who is enrolled, checked and probed, and on which windows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.data.source import DataSource
from bench.errors import DataError
from bench.signals.input_spec import InputSpec
from bench.signals.windows import SignalView
from bench.splitting.split import load_split
from tasks.datasets.cpsc2018 import CPSC2018
from tasks.datasets.simulated.cpsc2018 import simulate_cpsc2018
from tasks.identification import ICBEBIdentification, PTBXLIdentification, PTBXLIdentificationAcross


@pytest.fixture(scope="module")
def ptbxl() -> pd.DataFrame:
    rows = [
        ("1", "7", 10, "2000-01-01 00:00:00"),
        ("2", "8", 10, "2000-01-02 00:00:00"),
        ("3", "7", 10, "2001-01-01 00:00:00"),
        ("10", "7", 10, "1999-12-31 00:00:00"),
        ("5", "9", 9, "2000-01-05 00:00:00"),
        ("6", "9", 9, "2000-01-06 00:00:00"),
    ]
    table = pd.DataFrame(rows, columns=["record_id", "patient_id", "strat_fold", "recording_date"])
    return table.set_index("record_id")


def _windows(task, records):
    examples = task().examples(records)
    parts = dict(load_split(task.split).partition(examples).items())
    return examples, {
        name: [(examples.record_ids[r], examples.start[r], int(examples.targets[r])) for r in rows]
        for name, rows in parts.items()
    }


def test_within_a_recording_the_halves_of_the_first_one(ptbxl):
    examples, found = _windows(PTBXLIdentification, ptbxl)
    assert examples.seconds == 5.0
    assert found == {
        "train": [("10", 0.0, 0), ("2", 0.0, 1)],
        "validation": [("1", 0.0, 0)],
        "test": [("10", 5.0, 0), ("2", 5.0, 1)],
    }
    assert examples.patient_ids.tolist() == ["7", "7", "7", "8", "8"]


def test_across_recordings_the_first_and_the_last(ptbxl):
    _, found = _windows(PTBXLIdentificationAcross, ptbxl)
    assert found == {"train": [("10", 0.0, 0)], "validation": [("10", 5.0, 0)], "test": [("3", 0.0, 0)]}


def test_nobody_to_identify_is_an_error(ptbxl):
    with pytest.raises(DataError, match="enrolled and probed"):
        PTBXLIdentificationAcross().examples(ptbxl.iloc[1:2])


def test_variable_lengths_enrol_at_the_beginning_and_probe_at_the_end(tmp_path):
    simulate_cpsc2018(tmp_path / "files", 200, seed=4)
    records = CPSC2018(tmp_path / "files").records()
    examples, found = _windows(ICBEBIdentification, records)
    people = {record for record, _, _ in found["train"]}
    assert people == set(records.index[(records["fold"] == 10) & (records["seconds"] >= 8)])
    assert {record for record, _, _ in found["test"]} == people
    for record, start, _ in found["test"]:
        assert start == records.loc[record, "seconds"] - 4 >= 4
    assert {record for record, _, _ in found["validation"]} == set(records.index[records["seconds"] >= 12]) & people
    assert len(np.unique(examples.targets)) == len(people)
    # no two windows of a person overlap
    for target in np.unique(examples.targets):
        starts = np.sort(examples.start[examples.targets == target])
        assert (np.diff(starts) >= 4).all()


def test_windows_are_cut_from_the_prepared_recordings(simulated_workspace):
    store = DataSource(simulated_workspace, simulated_records=120).store("ptbxl")
    examples = PTBXLIdentification().examples(store.records)
    view = SignalView(
        store, InputSpec(fs=500, seconds=5), rows=store.rows(examples.record_ids), start=examples.start,
        seconds=examples.seconds,
    )  # fmt: skip
    probe = int(np.flatnonzero(examples.columns["role"] == "probe")[0])
    whole = store.read(store.rows(examples.record_ids[[probe]]))[0]
    np.testing.assert_allclose(view.batch(np.array([probe]))[0][0], whole[:, 2500:], atol=1e-6)
