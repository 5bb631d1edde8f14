"""Tasks on CODE-15 %, CODE-test and SaMi-Trop: findings, normality, age, and survival."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from bench.task import ColumnTask, Examples, Task
from tasks.class_vocabulary import meanings
from tasks.label_columns import examples_of

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "Ribeiro et al., Nature Communications 11:1760, 2020"
AGE = "Lima et al., Nature Communications 12:5117, 2021"

FINDINGS = {
    "1dAVb": "first degree atrioventricular block",
    "RBBB": "right bundle branch block",
    "LBBB": "left bundle branch block",
    "SB": "sinus bradycardia",
    "ST": "sinus tachycardia",
    "AF": "atrial fibrillation",
}


class CODE15Findings(ColumnTask):
    """Six findings of CODE-15 %. Recordings without one take part, whether or not they are called normal."""

    name = "code15"
    dataset = "code15"
    split = "code15"
    classes = FINDINGS
    meanings = meanings("code15")
    source = SOURCE


class CODETestFindings(ColumnTask):
    """Six findings, trained on CODE-15 % and tested on CODE-test, whose labels several cardiologists agreed on."""

    name = "code-test"
    dataset = "code15-with-test"
    split = "code-test"
    classes = FINDINGS
    meanings = meanings("code15")
    source = SOURCE


class CODE15Normal(ColumnTask):
    """Whether a recording of CODE-15 % is normal. Neither normal nor with one of the six findings is unknown: left out."""

    name = "code15-normal"
    dataset = "code15"
    split = "code15-normal"
    classes: ClassVar[dict[str, str]] = {"normal": "normal ECG"}
    meanings = meanings("code15")
    source = SOURCE


class CODE15Age(ColumnTask):
    """Age in years, of CODE-15 %."""

    name = "code15-age"
    dataset = "code15"
    kind = "regression"
    split = "code15-folds"
    classes: ClassVar[dict[str, str]] = {"age": "age in years"}
    source = AGE


class _Followed(Task):
    """Death of those who were followed."""

    kind = "survival"
    classes: ClassVar[dict[str, str]] = {"death": "death from any cause"}

    def examples(self, records: pd.DataFrame) -> Examples:
        chosen = records[records["years"].notna()]
        return examples_of(chosen, chosen[["years", "event"]].to_numpy("float64"))


class CODE15Survival(_Followed):
    """Time to death after the ECG, of the patients of CODE-15 % who were followed."""

    name = "code15-survival"
    dataset = "code15"
    split = "code15-folds"
    source = AGE


class SaMiTropSurvival(_Followed):
    """Time to death after the ECG, of patients with Chagas cardiomyopathy."""

    name = "sami-trop"
    dataset = "sami-trop"
    split = "sami-trop"
    source = "Cardoso et al., BMJ Open 6:e011181, 2016"
