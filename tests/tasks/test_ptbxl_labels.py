"""PTB-XL's labels by how far they can be trusted."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from bench.errors import DataError
from tasks.ptbxl import PTBXLSuperclass
from tasks.ptbxl_labels import (
    PTBXLSubclassCertain,
    PTBXLSuperclassCertain,
    PTBXLSuperclassNoisy,
    PTBXLSuperclassValidated,
)


def records_of(codes: list[dict[str, float]], superclass: list[list[str]], validated: list[bool]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "patient_id": [str(k) for k in range(len(codes))],
            "scp_codes": [json.dumps(c) for c in codes],
            "superclass": superclass,
            "subclass": [["LVH"] if "LVH" in c else ["NST"] if "NST_" in c else ["IMI"] for c in codes],
            "validated_by_human": validated,
            "strat_fold": 1,
        },
        index=[f"r{k}" for k in range(len(codes))],
    )


SMALL = records_of(
    [{"NORM": 80.0, "SR": 0.0}, {"IMI": 15.0, "ILMI": 100.0}, {"LVH": 100.0, "NST_": 0.0}],
    [["NORM"], ["MI"], ["HYP", "STTC"]],
    [True, False, True],
)


def test_a_class_is_unknown_where_none_of_its_statements_is_certain():
    targets = PTBXLSuperclassCertain().examples(SMALL).targets
    columns = dict(zip(PTBXLSuperclass.classes, targets.T, strict=True))
    np.testing.assert_array_equal(columns["NORM"], [np.nan, 0, 0])
    np.testing.assert_array_equal(columns["MI"], [0, 1, 0])  # one certain statement is enough
    np.testing.assert_array_equal(columns["STTC"], [0, 0, np.nan])
    of_subclasses = dict(
        zip(PTBXLSubclassCertain.classes, PTBXLSubclassCertain().examples(SMALL).targets.T, strict=True)
    )
    np.testing.assert_array_equal(of_subclasses["NST"], [0, 0, np.nan])  # NST_ in the publisher's table


def test_only_recordings_that_a_person_checked_take_part():
    assert PTBXLSuperclassValidated().examples(SMALL).record_ids.tolist() == ["r0", "r2"]
    with pytest.raises(DataError, match=r"ptbxl-super@validated: validated_by_human is true for none of 3 recordings"):
        PTBXLSuperclassValidated().examples(SMALL.assign(validated_by_human=False))


def test_planted_errors_have_their_rate_and_keep_the_prevalence():
    n = 4000
    rng = np.random.default_rng(0)
    superclass = [["MI"] if x < 0.25 else ["NORM"] for x in rng.random(n)]
    records = records_of([{"NORM": 100.0}] * n, superclass, [True] * n)
    examples = PTBXLSuperclassNoisy().examples(records)
    clean = PTBXLSuperclass().examples(records).targets
    np.testing.assert_array_equal(examples.truth, clean)
    c = list(PTBXLSuperclass.classes).index("MI")
    missing = 1 - examples.targets[clean[:, c] == 1, c].mean()
    assert missing == pytest.approx(0.1, abs=0.03)
    assert examples.targets[:, c].mean() == pytest.approx(clean[:, c].mean(), abs=0.015)
    again = PTBXLSuperclassNoisy().examples(records.iloc[::-1])
    np.testing.assert_array_equal(again.targets[::-1], examples.targets)  # not a matter of the order of records
