"""The cohort with a planted risk: what is in it to be found, and what is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.errors import DataError
from bench.scoring.survival import harrell_c
from tasks.datasets.planted_risk import PlantedRisk as Cohort
from tasks.datasets.simulated.planted_risk import participant, recording, superclass_of
from tasks.planted_risk import PlantedNothing, PlantedRisk

PEOPLE = 3000


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> pd.DataFrame:
    root = tmp_path_factory.mktemp("planted") / "root"
    Cohort.simulate(root, PEOPLE, 3)
    return Cohort(root).records()


def test_the_hazard_is_found_in_the_events_and_the_superclasses_tell_nothing(records):
    examples = PlantedRisk().examples(records)
    years, event = examples.targets.T
    assert 0.12 < event.mean() < 0.18
    assert harrell_c(years, event, examples.truth) > 0.69
    assert harrell_c(years, event, records["stated_log_hazard"].to_numpy()) > 0.68
    first = np.arange(PEOPLE) < PEOPLE // 2
    rates = records[first].groupby("superclasses")["event"].mean()
    by_class = records["superclasses"].map(rates).fillna(event.mean()).to_numpy()
    assert abs(harrell_c(years[~first], event[~first], by_class[~first]) - 0.5) < 0.06
    hazard = np.exp(records["true_log_hazard"])
    assert hazard.groupby(records["superclasses"]).mean().to_numpy() == pytest.approx(1.0, abs=1e-3)


def test_of_the_other_task_nothing_is_known(records):
    planted, nothing = PlantedRisk().examples(records), PlantedNothing().examples(records)
    assert nothing.truth is None
    assert sorted(map(tuple, nothing.targets)) == sorted(map(tuple, planted.targets))
    assert abs(harrell_c(*nothing.targets.T, planted.truth) - 0.5) < 0.05


def test_notes_say_what_can_be_known(records):
    notes = PlantedRisk().examples(records).cohort.notes
    assert [note.rpartition(": ")[0] for note in notes[1:]] == [
        "C-index of the true hazard, the ceiling",
        "C-index of the statements alone",
        "C-index of the superclasses alone",
    ]


def test_a_recording_follows_from_seed_and_number_and_is_no_file(records, tmp_path):
    Cohort.simulate(tmp_path / "root", 40, 3)
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["cohort.csv"]
    dataset = Cohort(tmp_path / "root")
    file = dataset.files(dataset.records())[7]
    read = dataset.read(file)
    assert read.fs == 500 and read.signal.shape == (12, 5000)
    assert read.signal / read.gain[:, None] == pytest.approx(recording(3, 7), abs=6e-4)
    assert not np.array_equal(recording(3, 7), recording(4, 7))
    larger = records.loc["7", ["statements", "superclasses"]].tolist()
    assert dataset.records().loc["7", ["statements", "superclasses"]].tolist() == larger
    assert " ".join(participant(3, 7).codes) == larger[0]


def test_superclasses_are_those_of_ptbxl():
    of = superclass_of()
    assert (of["IMI"], of["ASMI"], of["CLBBB"], of["LVH"], of["NDT"], of["SR"]) == (
        "MI",
        "MI",
        "CD",
        "HYP",
        "STTC",
        None,
    )


def test_a_damaged_table_is_refused_with_its_line(tmp_path):
    Cohort.simulate(tmp_path / "root", 40, 3)
    path = tmp_path / "root" / "cohort.csv"
    lines = path.read_text().splitlines()
    lines[5] = lines[5].rsplit(",", 1)[0] + ",high"
    path.write_text("\n".join(lines))
    with pytest.raises(
        DataError, match=r"line 6 has stated_log_hazard 'high'; expected a number. .*bench data simulate"
    ):
        Cohort(tmp_path / "root").records()
