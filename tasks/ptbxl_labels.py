"""PTB-XL's labels by how far they can be trusted: checked by a person, certain, and with planted errors.

The name of a variant is that of its task, ``@`` and what differs. Class order, prompts and folds are those of the task, so
that stored predictions of either can be scored on the labels of the other (``bench labels``).
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bench.errors import DataError
from bench.task import Examples, MultilabelTask
from tasks.ptbxl import SUBCLASSES, SUPERCLASS_NAMES, SUPERCLASSES

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "Wagner et al., Scientific Data 7:154, 2020: likelihoods and validated_by_human"
CERTAIN = 100.0


class Validated(MultilabelTask):
    """The recordings whose labels a person checked (``validated_by_human``); all of the published folds 9 and 10 are."""

    def examples(self, records: pd.DataFrame) -> Examples:
        chosen = records[records["validated_by_human"].to_numpy(bool)]
        if not len(chosen):
            raise DataError(
                f"{self.name}: validated_by_human is true for none of {len(records):,} recordings; expected true for 16,000 "
                f"of PTB-XL's 21,799. Use a copy of ptbxl_database.csv that has the column, or the task "
                f"{self.name.partition('@')[0]}."
            )
        return super().examples(chosen)


class Certain(MultilabelTask):
    """Labels of which the reader was certain: a class counts where one of its statements has the likelihood 100, and is
    unknown where all of its statements have a lower one or none (0). The recordings are those of the task."""

    def examples(self, records: pd.DataFrame) -> Examples:
        examples = super().examples(records)
        column, position = self.column, {name: i for i, name in enumerate(self.classes)}
        classes = _classes_of_statements()
        targets = examples.targets.astype(np.float32)
        for row, text in enumerate(examples.columns["scp_codes"]):
            highest: dict[str, float] = {}
            for code, likelihood in json.loads(text).items():
                if name := classes.get(code, {}).get(column):
                    highest[name] = max(highest.get(name, 0.0), likelihood)
            for name, likelihood in highest.items():
                if name in position and likelihood < CERTAIN:
                    targets[row, position[name]] = np.nan
        return replace(examples, targets=targets if np.isnan(targets).any() else examples.targets)


class Noisy(MultilabelTask):
    """Labels with planted errors: a share :attr:`rate` of each class's positives is missing, and as many negatives have the
    class. Which ones, depends on record and class alone. ``truth`` has the labels as they were."""

    rate: ClassVar[float]

    def examples(self, records: pd.DataFrame) -> Examples:
        examples = super().examples(records)
        clean = examples.targets.astype(bool)
        positives = clean.sum(axis=0)
        of_negatives = self.rate * positives / np.maximum(len(clean) - positives, 1)
        drawn = np.array([[_share(f"{record} {name}") for name in self.classes] for record in examples.record_ids])
        wrong = drawn < np.where(clean, self.rate, of_negatives)
        return replace(examples, targets=(clean ^ wrong).astype(np.uint8), truth=clean.astype(float))


def _share(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64


@functools.cache
def _classes_of_statements() -> dict[str, dict[str, Any]]:
    """Statement -> its classes, from PTB-XL's table of statements, which is the same in all of its versions."""
    from importlib import resources

    import pandas as pd

    from tasks.datasets.ptbxl_statements import STATEMENTS, statement_kinds

    with (resources.files("tasks.datasets") / STATEMENTS).open(encoding="utf-8") as file:
        return statement_kinds(pd.read_csv(file, dtype=str))


class PTBXLSuperclassValidated(Validated):
    """Five diagnostic superclasses of PTB-XL, recordings whose labels a person checked."""

    name = "ptbxl-super@validated"
    dataset = "ptbxl"
    split = "ptbxl-super-labels"
    column = "superclass"
    classes = SUPERCLASSES
    original_names = SUPERCLASS_NAMES
    source = SOURCE


class PTBXLSuperclassCertain(Certain):
    """Five diagnostic superclasses of PTB-XL, labels with the likelihood 100; less certain ones are unknown."""

    name = "ptbxl-super@likelihood100"
    dataset = "ptbxl"
    split = "ptbxl-super-labels"
    column = "superclass"
    classes = SUPERCLASSES
    original_names = SUPERCLASS_NAMES
    source = SOURCE


class PTBXLSuperclassNoisy(Noisy):
    """Five diagnostic superclasses of PTB-XL with planted label errors: 10 % of the positives, and as many negatives."""

    name = "ptbxl-super@noise10"
    rate = 0.1
    dataset = "ptbxl"
    split = "ptbxl-super-labels"
    column = "superclass"
    classes = SUPERCLASSES
    original_names = SUPERCLASS_NAMES
    source = "this project: to measure how label errors change metrics"


class PTBXLSubclassValidated(Validated):
    """23 diagnostic subclasses of PTB-XL, recordings whose labels a person checked."""

    name = "ptbxl-sub@validated"
    dataset = "ptbxl"
    split = "ptbxl-sub-labels"
    column = "subclass"
    classes = SUBCLASSES
    source = SOURCE


class PTBXLSubclassCertain(Certain):
    """23 diagnostic subclasses of PTB-XL, labels with the likelihood 100; less certain ones are unknown."""

    name = "ptbxl-sub@likelihood100"
    dataset = "ptbxl"
    split = "ptbxl-sub-labels"
    column = "subclass"
    classes = SUBCLASSES
    source = SOURCE
