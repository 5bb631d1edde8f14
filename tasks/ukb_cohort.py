"""Cohorts of UK Biobank: participants, outcomes, and the number excluded at each step with the reason.

Survival time runs from the ECG. Who had the event before it (or on that day) is prevalent and takes no part; who has it
later is incident; everybody else is censored at death, at the loss to follow-up or at its end, whichever comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import DataError
from bench.task import CohortFlow, Exclusion

if TYPE_CHECKING:
    import pandas as pd

DAYS_PER_YEAR = 365.25


class Selection:
    """Rows of records, narrowed step by step; every step is counted."""

    def __init__(self, records: pd.DataFrame, title: str):
        self.records = records
        self.flow = CohortFlow(title, len(records))

    def keep(self, reason: str, condition: Callable[[pd.DataFrame], np.ndarray | pd.Series]) -> Selection:
        """Leave out the rows for which ``condition`` is not True; ``reason`` says what those are."""
        retained = np.asarray(condition(self.records), dtype=bool)
        self.flow.steps.append(Exclusion(reason, int((~retained).sum()), int(retained.sum())))
        self.records = self.records[retained]
        return self

    def first_visit(self) -> Selection:
        """One recording a participant: the earliest."""
        order = self.records.assign(_place=np.arange(len(self.records))).sort_values(["ecg_date", "instance", "_place"])
        first = order.drop_duplicates("patient_id").index
        return self.keep("later recordings of a participant", lambda records: records.index.isin(first))


def require(records: pd.DataFrame, columns: Sequence[str], task: str) -> None:
    """Refuse records that lack what a cohort is made of.

    Raises:
        DataError: naming the columns.
    """
    missing = [column for column in columns if column not in records]
    if missing:
        raise DataError(
            f"task {task}: the records have no {', '.join(missing)}. An endpoint's YAML was removed, or the store was "
            f"prepared by another version of bench: prepare ukb again."
        )


def survival_cohort(
    records: pd.DataFrame, title: str, population: str, event: str, minimum_years: float
) -> tuple[pd.DataFrame, np.ndarray, CohortFlow]:
    """Participants with prevalent ``population`` and without prevalent ``event``.

    Args:
        records: of the dataset, one row an ECG.
        population, event: names of endpoints.
        minimum_years: of follow-up after the ECG. Shorter ones are left out, events among them, as LLM-DAN words it
            ("records with less than two years of follow-up time were excluded").

    Returns:
        The records that take part; their targets, float64 [record, 2] = (years, event); the flow chart.

    Raises:
        DataError: nobody is left, or a date lies where it cannot.
    """
    require(records, ["ecg_date", "imaged", "end_of_follow_up", f"{population}_date", f"{event}_date"], title)
    selection = Selection(records, title)
    selection.keep("without a date of the ECG", lambda r: r["ecg_date"].notna())
    selection.first_visit()
    selection.keep("without cardiac imaging at that visit", lambda r: r["imaged"])
    selection.keep(
        f"without {_words(population)} at the ECG or before",
        lambda r: (r[f"{population}_date"] <= r["ecg_date"]).to_numpy(),
    )
    selection.keep(
        f"with {_words(event)} of unknown date",
        lambda r: ~r[f"{event}_undated"].to_numpy(bool),
    )
    selection.keep(
        f"with {_words(event)} at the ECG or before",
        lambda r: ~(r[f"{event}_date"] <= r["ecg_date"]).to_numpy(),
    )
    selection.keep("whose follow-up ended before the ECG", lambda r: (censored_at(r) > r["ecg_date"]).to_numpy())
    selection.keep(
        f"followed for less than {minimum_years:g} years",
        lambda r: years_and_event(r, event)[:, 0] >= minimum_years,
    )
    chosen = selection.records
    if not len(chosen):
        raise DataError(
            f"task {title}: nobody is left. " + " ".join(line.strip() + ";" for line in selection.flow.lines()[1:])
        )
    return chosen, years_and_event(chosen, event), selection.flow


def censored_at(records: pd.DataFrame) -> pd.Series:
    """The earliest of death, loss to follow-up and end of follow-up."""
    import pandas as pd

    return pd.concat([records[c] for c in ("death_date", "lost_date", "end_of_follow_up")], axis=1).min(axis=1)


def years_and_event(records: pd.DataFrame, event: str) -> np.ndarray:
    """float64 [record, 2]: years from the ECG to the event or to censoring, and whether the event came.

    An event after the end of follow-up, or after death, does not count: nobody would have seen those of the others.
    """
    last, date = censored_at(records), records[f"{event}_date"]
    seen = (date <= last).to_numpy()
    end = date.where(seen, last)
    years = (end - records["ecg_date"]).dt.days.to_numpy(np.float64) / DAYS_PER_YEAR
    return np.stack([years, seen.astype(np.float64)], axis=1)


def _words(endpoint: str) -> str:
    return endpoint.replace("_", " ")
