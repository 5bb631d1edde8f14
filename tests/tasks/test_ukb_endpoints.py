"""Endpoints by codes and dates, in every spelling of the main data set; cohorts and their flow charts."""

import numpy as np
import pandas as pd
import pytest

from bench.errors import ConfigError, DataError
from tasks.datasets.ukb_table import Column, read_main, table_files
from tasks.ukb_cohort import survival_cohort
from tasks.ukb_endpoints import Endpoint, endpoint_files, first_dates, read_endpoint

EVIDENCE = [
    {"kind": "dated", "field": 131354},
    {"kind": "self-report", "field": 20002, "year_field": 20008, "codes": ["1076"]},
    {"kind": "hospital", "field": 41270, "date_field": 41280, "codes": ["I50.0", "I11"]},
]
ENDPOINT = Endpoint(title="heart failure", source="a test", evidence=EVIDENCE)

# eid: algorithmic date; reported at visit 2 (code, year); diagnoses (code, date)
PEOPLE = {
    "1": ("2015-05-01", None, [("I500", "2014-01-02"), ("K409", "2001-01-01")]),  # the hospital knew first
    "2": (None, ("1076", "2003.5"), []),
    "3": (None, ("1076", "-1"), []),  # the year unknown: the visit
    "4": (None, ("10760", "2003.5"), [("I5", "2003-01-01"), ("XI500", "2003-01-01")]),  # none of the codes
    "5": ("1900-01-01", None, []),  # a diagnosis without a date
    "6": (None, None, [("I110", "2012-12-12"), ("I501", "2001-01-01")]),  # I501 is no I50.0
    "7": (None, None, [("I500", "")]),
    "8": ("2037-07-07", None, [("I500", "2016-06-06")]),
}
EXPECTED = {
    "1": "2014-01-02", "2": "2003-07-02", "3": "2016-01-01", "4": None, "5": None, "6": "2012-12-12", "7": None,
    "8": "2016-06-06",
}  # fmt: skip


def dispensary(root):
    rows = []
    for eid, (algorithm, answer, codes) in PEOPLE.items():
        row = {"eid": eid, "53-2.0": "2016-01-01", "131354-0.0": algorithm, "999999-0.0": "never read"}
        if answer:
            row |= {"20002-2.1": answer[0], "20008-2.1": answer[1]}
        for k, (code, date) in enumerate(codes):
            row |= {f"41270-0.{k}": code, f"41280-0.{k}": date}
        rows.append(row)
    pd.DataFrame(rows).to_csv(root / "ukb1234.csv", index=False)


def exported_to_r(root):
    dispensary(root)
    table = pd.read_csv(root / "ukb1234.csv", dtype=str)
    (root / "ukb1234.csv").unlink()
    names = {c: "f." + c.replace("-", ".") if c != "eid" else "f.eid" for c in table}
    table.rename(columns=names).to_csv(root / "ukb1234.tab.txt", sep="\t", index=False)


def platform(root):
    rows = []
    for eid, (algorithm, answer, codes) in PEOPLE.items():
        row = {"participant.eid": int(eid), "participant.p53_i2": pd.Timestamp("2016-01-01")}
        row["participant.p131354"] = None if algorithm is None else pd.Timestamp(algorithm)
        row["participant.p20002_i2_a1"] = answer and answer[0]
        row["participant.p20008_i2_a1"] = answer and float(answer[1])
        row["participant.p41270"] = [code for code, _ in codes] or None
        for k in range(2):
            row[f"participant.p41280_a{k}"] = codes[k][1] or None if k < len(codes) else None
        rows.append(row)
    pd.DataFrame(rows).to_parquet(root / "participants.parquet")


def platform_csv(root):
    platform(root)
    table = pd.read_parquet(root / "participants.parquet")
    (root / "participants.parquet").unlink()
    table["participant.p41270"] = ["" if v is None else "|".join(v) for v in table["participant.p41270"]]
    table.columns = [c.removeprefix("participant.") for c in table]
    table.to_csv(root / "participants.csv", index=False)


def two_files(root):
    dispensary(root)
    table = pd.read_csv(root / "ukb1234.csv", dtype=str)
    (root / "main").mkdir()
    late = [c for c in table if c.startswith(("4127", "4128"))]
    table[["eid", *late]].to_csv(root / "main" / "second.csv", index=False)
    table.drop(columns=late).to_csv(root / "ukb1234.csv", index=False)


@pytest.mark.parametrize("write", [dispensary, exported_to_r, platform, platform_csv, two_files])
def test_the_earliest_date_of_any_evidence(tmp_path, write):
    write(tmp_path)
    table = read_main(table_files(tmp_path), ENDPOINT.fields())
    found = first_dates(ENDPOINT, table)
    dates = {eid: None if pd.isna(d) else str(d.date()) for eid, d in found["date"].items()}
    assert dates == EXPECTED
    assert set(found.index[found["undated"]]) == {"5", "7"}
    assert not table.has(999999)


def test_columns_by_every_spelling():
    assert (
        Column.parse("p20002_i0_a3") == Column.parse("20002-0.3") == Column.parse("f.20002.0.3") == Column(20002, 0, 3)
    )
    assert Column.parse("participant.p41270") == Column(41270)
    assert Column.parse("eid") is None and Column.parse("p20002x") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fid,1-0.0\n1,2\n", "no eid column"),
        ("eid,1-0.0\n1,2\n1,3\n", "eid 1 twice"),
        ("eid,1-0.0\n,3\n", "an empty eid"),
    ],
)
def test_tables_that_are_none(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_main([tmp_path / "a.csv"], {1})


def test_the_endpoints_of_both_papers():
    found = {name: read_endpoint(path) for name, path in endpoint_files().items()}
    codes = {
        name: {code for one in endpoint.evidence if getattr(one, "field", 0) == 41270 for code in one.codes}
        for name, endpoint in found.items()
    }
    assert codes["heart_failure"] == {"I500", "I501", "I509", "I110", "I130", "I132"}
    assert codes["myocardial_infarction"] == {"I21", "I22", "I23", "I241", "I252"}
    assert codes["coronary_artery_disease"] == {f"I2{k}" for k in range(6)}
    assert codes["diabetes_mellitus"] == {f"E1{k}" for k in range(5)}
    assert codes["atrial_fibrillation"] == {"I48"}
    assert 131298 in found["myocardial_infarction"].fields() and 131294 in found["hypertension"].fields()


def test_a_user_s_endpoint_goes_before_ours_and_is_checked(tmp_path):
    (tmp_path / "endpoints").mkdir()
    mine = tmp_path / "endpoints" / "heart_failure.yaml"
    mine.write_text(
        "title: t\nsource: s\nevidence:\n  - {kind: hospital, field: 41271, date_field: 41281, codes: [410]}\n"
    )
    assert endpoint_files(tmp_path)["heart_failure"] == mine
    with pytest.raises(ConfigError, match="codes are texts"):
        read_endpoint(mine)


# -- cohorts ----------------------------------------------------------------------------------------------------------


def person(eid, instance=2, **changes):
    found = {
        "record_id": f"{eid}_{instance}", "patient_id": eid, "instance": instance, "imaged": True,
        "ecg_date": "2016-01-01", "hypertension_date": "2010-01-01", "hypertension_undated": False,
        "heart_failure_date": None, "heart_failure_undated": False, "death_date": None, "lost_date": None,
        "end_of_follow_up": "2023-01-05",
    }  # fmt: skip
    return found | changes


def cohort(*people, minimum=2.0):
    records = pd.DataFrame(people).set_index("record_id")
    for column in records:
        if column.endswith(("_date", "follow_up")):
            records[column] = pd.to_datetime(records[column])
    chosen, targets, flow = survival_cohort(records, "a cohort", "hypertension", "heart_failure", minimum)
    return dict(zip(chosen.index, targets.round(2).tolist(), strict=True)), flow


def test_each_participant_is_prevalent_incident_or_censored():
    found, flow = cohort(
        person("censored"),
        person("incident", heart_failure_date="2019-01-01"),
        person("dead", death_date="2020-01-01"),
        person("lost", lost_date="2019-07-01", heart_failure_date="2020-01-01"),  # afterwards nobody would have seen it
        person("after the end", heart_failure_date="2023-02-01"),
        person("prevalent", heart_failure_date="2015-12-31"),
        person("same day", heart_failure_date="2016-01-01"),
        person("no hypertension", hypertension_date=None),
        person("hypertension later", hypertension_date="2017-01-01"),
        person("undated", heart_failure_undated=True),
        person("early event", heart_failure_date="2017-06-01"),
        person("early death", death_date="2017-06-01"),
        person("dead before", death_date="2015-01-01"),
        person("not imaged", imaged=False),
        person("no date", ecg_date=None),
        person("censored", instance=3, ecg_date="2019-01-01"),
    )
    assert found == {
        "censored_2": [7.01, 0], "incident_2": [3.0, 1], "dead_2": [4.0, 0], "lost_2": [3.5, 0], "after the end_2": [7.01, 0],
    }  # fmt: skip
    removed = {step.reason: step.removed for step in flow.steps}
    assert removed == {
        "without a date of the ECG": 1,
        "later recordings of a participant": 1,
        "without cardiac imaging at that visit": 1,
        "without hypertension at the ECG or before": 2,
        "with heart failure of unknown date": 1,
        "with heart failure at the ECG or before": 2,
        "whose follow-up ended before the ECG": 1,
        "followed for less than 2 years": 2,
    }
    assert flow.start == 16 and flow.left == 5 == flow.start - sum(removed.values())
    assert flow.lines()[1].endswith("16  recordings available") and flow.lines()[-1].endswith("5  take part")


def test_a_cohort_of_nobody_says_why():
    with pytest.raises(DataError, match=r"nobody is left.*1  without hypertension|nobody is left.*-1"):
        cohort(person("a", hypertension_date=None))


def test_follow_up_counts_from_the_ecg_in_years():
    found, _ = cohort(person("a", ecg_date="2018-01-05"), minimum=0.0)
    assert found["a_2"] == [5.0, 0]
    np.testing.assert_allclose(5.0, (pd.Timestamp("2023-01-05") - pd.Timestamp("2018-01-05")).days / 365.25, atol=0.01)
