"""Identification: each person is a class, enrolled on one window and recognised on another.

``train`` holds one enrolment window a person and ``test`` one probe a person. Weights are chosen on whatever further
windows the enrolled persons have, so that neither the probes nor other people's recordings take part in the choice.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.errors import DataError
from bench.task import Examples, Task

if TYPE_CHECKING:
    import pandas as pd

ENROLMENT, CHECK, PROBE = "enrolment", "check", "probe"
"""Roles of a window: trained on, validated on, tested on."""


@dataclass(frozen=True)
class Window:
    """``seconds`` of a task's length from ``start`` into a recording."""

    record_id: str
    start: float
    role: str


class IdentificationTask(Task):
    """Windows of persons. Subclasses say which; ``window`` is their length in seconds."""

    kind = "identification"
    window: ClassVar[float]

    @abstractmethod
    def people(self, records: pd.DataFrame) -> Iterator[tuple[str, list[Window]]]:
        """Each person with an enrolment and a probe window, and a check where there is material for one."""

    def examples(self, records: pd.DataFrame) -> Examples:
        people = list(self.people(records))
        if not people:
            raise DataError(
                f"task {self.name}: none of the {len(records):,} available recordings of {self.dataset} belongs to a "
                f"person who can be enrolled and probed. A larger copy of the data is needed."
            )
        windows = [(person, k, window) for k, (person, mine) in enumerate(people) for window in mine]
        ids = np.array([window.record_id for _, _, window in windows], dtype=str)
        columns = records.loc[list(ids)].reset_index(drop=True).assign(role=[window.role for _, _, window in windows])
        return Examples(
            record_ids=ids,
            patient_ids=np.array([person for person, _, _ in windows], dtype=str),
            targets=np.array([k for _, k, _ in windows], np.int64),
            columns=columns,
            start=np.array([window.start for _, _, window in windows], np.float64),
            seconds=self.window,
        )


class PTBXLIdentification(IdentificationTask):
    """PTB-XL's fold 10: 5 s of a recording enrol a person, the other 5 s are the probe."""

    # ESI counts 1,907 test subjects, the patients of fold 10 in version 1.0.1; 1.0.3 has 1,904. Of a patient with
    # several recordings the first is used, and the second is the check (228 patients).
    name = "ptbxl-identification"
    dataset = "ptbxl"
    split = "ptbxl-identification"
    source = "Yu et al. (ESI), TMLR 2024: 1,907 subjects, 5 s"
    window = 5.0

    def people(self, records: pd.DataFrame) -> Iterator[tuple[str, list[Window]]]:
        for person, ids in _recordings_of_fold_10(records):
            windows = [Window(ids[0], 0.0, ENROLMENT), Window(ids[0], self.window, PROBE)]
            yield person, [*windows, *(Window(record_id, 0.0, CHECK) for record_id in ids[1:2])]


class PTBXLIdentificationAcross(IdentificationTask):
    """PTB-XL's fold 10: a person's first recording enrols the person, the last one, of another day, is the probe."""

    # The released lists (1,503 patients to train on, 608 in gallery and probe) draw the patients of all folds at
    # random, also those that PTB-XL methods pretrain on; and their probe precedes the gallery in half of the pairs.
    # Here the probe is always later and the patients are those of fold 10, which no method sees.
    name = "ptbxl-identification-across"
    dataset = "ptbxl"
    split = "ptbxl-identification-across"
    source = "after a released PTB-XL identification split (one gallery and one probe recording of 5 s a patient)"
    window = 5.0

    def people(self, records: pd.DataFrame) -> Iterator[tuple[str, list[Window]]]:
        for person, ids in _recordings_of_fold_10(records):
            if len(ids) > 1:
                enrolled = [Window(ids[0], 0.0, ENROLMENT), Window(ids[0], self.window, CHECK)]
                yield person, [*enrolled, Window(ids[-1], 0.0, PROBE)]


class ICBEBIdentification(IdentificationTask):
    """CPSC2018's fold 10: the first 4 s of a recording enrol its person, the last 4 s are the probe."""

    # ESI's 689 classes are one of ten folds of 6,877 recordings; the persons behind them are not published, so each
    # recording is a person. Recordings below 8 s have no two windows; those of 12 s and more have a third, the check.
    name = "icbeb-identification"
    dataset = "cpsc2018"
    split = "icbeb-identification"
    source = "Yu et al. (ESI), TMLR 2024: ICBEB, 689 subjects, 4 s"
    window = 4.0

    def people(self, records: pd.DataFrame) -> Iterator[tuple[str, list[Window]]]:
        chosen = records[(records["fold"] == 10) & (records["seconds"] >= 2 * self.window)]
        for record, seconds in zip(chosen.index, chosen["seconds"], strict=True):
            windows = [Window(record, 0.0, ENROLMENT), Window(record, round(seconds - self.window, 3), PROBE)]
            if seconds >= 3 * self.window:
                windows.append(Window(record, self.window, CHECK))
            yield record, windows


def _recordings_of_fold_10(records: pd.DataFrame) -> Iterator[tuple[str, list[str]]]:
    """Each patient of PTB-XL's test fold with the recordings, first one first."""
    fold = records[records["strat_fold"] == 10]
    order = fold.assign(number=[int(record_id) for record_id in fold.index]).sort_values(["recording_date", "number"])
    for person, mine in order.groupby("patient_id", sort=True):
        yield str(person), mine.index.tolist()
