"""Tasks on UK Biobank: LLM-DAN's risk of heart failure, MMCL's diseases and MMCL's cardiac phenotypes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.errors import DataError
from bench.scoring.survival import harrell_c
from bench.splitting.stratify import hash_fraction
from bench.task import Examples, Task
from tasks.datasets.ukb_phenotypes import GROUPS, PHENOTYPES
from tasks.label_columns import examples_of
from tasks.ukb_cohort import Selection, require, survival_cohort

if TYPE_CHECKING:
    import pandas as pd


class HeartFailureTask(Task):
    """Years from the ECG to heart failure, in people with ``population`` and without heart failure at the ECG."""

    kind = "survival"
    dataset = "ukb"
    population: ClassVar[str]
    event: ClassVar[str] = "heart_failure"
    minimum_years: ClassVar[float] = 2.0  # LLM-DAN section IV-A
    classes: ClassVar[dict[str, str]] = {"HF": "heart failure"}

    def examples(self, records: pd.DataFrame) -> Examples:
        chosen, targets, flow = survival_cohort(records, self.name, self.population, self.event, self.minimum_years)
        events = int(targets[:, 1].sum())
        if not events:
            raise DataError(
                f"task {self.name}: none of the {len(chosen):,} participants has an event, so that no risk can be learned "
                f"or scored. Does the main data set hold the fields of tasks/endpoints/{self.event}.yaml?"
            )
        flow.notes.append(f"{events:,} have the event; median follow-up {np.median(targets[:, 0]):.1f} years")
        truth = _truth(chosen, self.event)
        if truth is not None:
            ceiling = harrell_c(targets[:, 0], targets[:, 1], truth)
            flow.notes.append(f"C-index of the simulator's true risk, the ceiling: {ceiling:.3f}")
        return examples_of(chosen, targets, flow, truth)


class HypertensionHeartFailure(HeartFailureTask):
    """Heart failure in people with hypertension (UKB-HYP)."""

    # LLM-DAN: 11,581 participants, 162 with the event; median follow-up 56 months.
    name = "ukb-hyp-hf"
    split = "ukb-hyp-hf"
    population = "hypertension"
    source = "Chen et al. (LLM-DAN), 2024, section IV-A"


class InfarctionHeartFailure(HeartFailureTask):
    """Heart failure in people after a myocardial infarction (UKB-MI)."""

    # LLM-DAN: 800 participants, 32 with the event; median follow-up 53 months.
    name = "ukb-mi-hf"
    split = "ukb-mi-hf"
    population = "myocardial_infarction"
    source = "Chen et al. (LLM-DAN), 2024, section IV-A"


class DiseaseTask(Task):
    """Whether a disease was ever diagnosed, before or after the ECG: one column, AUROC."""

    # Validation and test keep the population's prevalence; the training set is balanced: all positives and as many
    # negatives, the same ones always. A hash of the record ids chooses them, as MMCL's list was not released.
    kind = "multilabel"
    dataset = "ukb"
    endpoint: ClassVar[str]
    source = "Turgut et al. (MMCL), 2025, section IV-B"

    def examples(self, records: pd.DataFrame) -> Examples:
        date, undated = f"{self.endpoint}_date", f"{self.endpoint}_undated"
        require(records, ["mmcl_partition", date, undated], self.name)
        selection = _first_imaged(records, self.name)
        ever = (selection.records[date].notna() | selection.records[undated]).to_numpy(bool)
        role = selection.records["mmcl_partition"].to_numpy(dtype=object)
        spare = _spare_negatives(selection.records.index.to_numpy(dtype=str), role == "train", ever, self.name)
        selection.keep("negatives that would unbalance the training set", lambda records: ~spare)
        targets = ever[~spare][:, None].astype(np.uint8)
        selection.flow.notes.append(f"{int(ever.sum()):,} of {len(ever):,} have the disease ({ever.mean():.2%})")
        truth = _truth(selection.records, self.endpoint)
        return examples_of(selection.records, targets, selection.flow, None if truth is None else truth[:, None])


class CoronaryArteryDisease(DiseaseTask):
    """Coronary artery disease (ICD-10 I20-I25), diagnosed before or after the ECG."""

    name = "ukb-cad"
    split = "ukb-cad"
    endpoint = "coronary_artery_disease"
    classes: ClassVar[dict[str, str]] = {"CAD": "coronary artery disease"}


class AtrialFibrillation(DiseaseTask):
    """Atrial fibrillation (ICD-10 I48), diagnosed before or after the ECG."""

    name = "ukb-af"
    split = "ukb-af"
    endpoint = "atrial_fibrillation"
    classes: ClassVar[dict[str, str]] = {"AF": "atrial fibrillation"}


class DiabetesMellitus(DiseaseTask):
    """Diabetes mellitus (ICD-10 E10-E14), diagnosed before or after the ECG."""

    name = "ukb-dm"
    split = "ukb-dm"
    endpoint = "diabetes_mellitus"
    classes: ClassVar[dict[str, str]] = {"DM": "diabetes mellitus"}


class CardiacPhenotypes(Task):
    """61 phenotypes of cardiac MRI, each in its own unit: volumes, mass, wall thickness and strains."""

    # The parts are those of the diseases, so that whatever was pretrained on the training part has not seen the others;
    # the published sizes, 13,262/2,835/2,829, are 47 % of 28,030/6,007/6,007 each.
    name = "ukb-phenotypes"
    kind = "regression"
    dataset = "ukb"
    split = "ukb-phenotypes"
    classes = PHENOTYPES
    groups: ClassVar[dict[str, list[str]]] = {group: list(names) for group, names in GROUPS.items()}
    source = "Turgut et al. (MMCL), 2025, section IV-B"

    def examples(self, records: pd.DataFrame) -> Examples:
        require(records, ["mmcl_partition"], self.name)
        if not set(PHENOTYPES) <= set(records):
            raise DataError(
                f"task {self.name}: the data have no table of phenotypes. Put it into the data root as phenotypes.csv and "
                f"prepare ukb again (tasks/datasets/ukb_phenotypes.py describes it)."
            )
        selection = _first_imaged(records, self.name)
        selection.keep(
            "without all 61 phenotypes", lambda records: records[list(PHENOTYPES)].notna().all(axis=1).to_numpy()
        )
        targets = selection.records[list(PHENOTYPES)].to_numpy(np.float64)
        return examples_of(selection.records, targets, selection.flow)


def _first_imaged(records: pd.DataFrame, title: str) -> Selection:
    selection = Selection(records, title).first_visit()
    return selection.keep("without a cine at that visit", lambda visits: visits["mmcl_partition"] != "")


def _spare_negatives(ids: np.ndarray, training: np.ndarray, positive: np.ndarray, salt: str) -> np.ndarray:
    """bool [record], the training negatives beyond as many as there are training positives."""
    negatives = np.flatnonzero(training & ~positive)
    order = negatives[np.argsort(hash_fraction(ids[negatives].tolist(), salt), kind="stable")]
    spare = np.zeros(len(ids), bool)
    spare[order[int((training & positive).sum()) :]] = True
    return spare


def _truth(records: pd.DataFrame, endpoint: str) -> np.ndarray | None:
    """The simulator's own risk of an endpoint; real data have none."""
    column = f"simulated_true_{endpoint}"
    return records[column].to_numpy(np.float64) if column in records else None
