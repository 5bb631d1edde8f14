"""Tables of publishers: which headings count as the same."""

import pytest

from bench.errors import DataError
from bench.reading.publisher_csv import read_table

HINT = "Fetch it again."


def table(tmp_path, text, required=("eid", "First_label"), **options):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    return read_table(tmp_path / "a.csv", required, HINT, **options)


@pytest.mark.parametrize(
    "heading", ["eid,First_label", "\ufeffEID,first label", '" Eid ","FirstLabel"', "e_i_d,FIRST_LABEL"]
)
def test_headings_are_compared_without_case_blanks_underscores_quotes_and_byte_order_mark(tmp_path, heading):
    assert list(table(tmp_path, f"{heading}\n1,2\n").columns) == ["eid", "First_label"]


def test_an_exact_heading_goes_before_others_and_two_others_are_refused(tmp_path):
    found = table(tmp_path, "eid,EID,First_label\n1,2,3\n")
    assert found["eid"].tolist() == ["1"]
    with pytest.raises(DataError, match=r"a\.csv: column eid is there as EID and as Eid; expected it once\. Fetch it"):
        table(tmp_path, "EID,Eid,First_label\n1,2,3\n")


def test_optional_columns_are_renamed_where_they_are_there(tmp_path):
    assert list(table(tmp_path, "eid,AGE\n1,2\n", ("eid",), optional=("age", "sex")).columns) == ["eid", "age"]


def test_a_missing_column_is_named_as_the_publisher_spells_it(tmp_path):
    with pytest.raises(DataError, match=r"column First_label is missing; found eid, second\. Fetch it again\."):
        table(tmp_path, "eid,second\n1,2\n")
