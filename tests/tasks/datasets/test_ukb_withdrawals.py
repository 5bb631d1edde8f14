"""Lists of withdrawn participants: anyone who is in one is left out, however it is written, or the run stops."""

import codecs
import datetime

import pytest

from bench.data import source
from bench.errors import DataError
from bench.signals.build_store import prepare
from tasks.datasets.simulated.ukb import simulate_ukb
from tasks.datasets.ukb import UKBiobank
from tasks.datasets.ukb_withdrawals import read_withdrawn, withdrawal_lists

EID = "1000022"
CONTENTS = {
    "plain": b"1000022\n",
    "byte-order mark": codecs.BOM_UTF8 + b"1000022\n",
    "utf-16, as spreadsheets save unicode text": "1000022\r\n".encode("utf-16"),
    "comma at the end": b"1000022,\n",
    "two columns": b"1000022,2024-01-01\n",
    "number of the row first": b",eid\n0,1000022\n",
    "float": b"1000022.0\n",
    "double quotes": b'"1000022"\n',
    "single quotes": b"'1000022'\n",
    "curly quotes": "\u201c1000022\u201d\n".encode(),
    "semicolon": b"1000022;01/02/2024\n",
    "tab and date": b"1000022\t2024-01-01 00:00:00\n",
    "header": b"\n n_eid ,date of withdrawal\n\n1000022,20240101\n",
    "no line end": b"1000022",
    "old line ends": b"1000022\r1000099\r",
    "all in one line": b"1000099,1000022,1000106\n",
    "blanks": b"  1000022  \n\n   \n",
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
def test_a_participant_is_found_however_the_line_is_written(tmp_path, content):
    (tmp_path / "w12345_20240101.csv").write_bytes(content)
    found = read_withdrawn(withdrawal_lists(tmp_path))
    assert EID in found
    assert found <= {EID, "1000099", "1000106"}


@pytest.mark.parametrize(
    "name",
    ["w12345_20240101.csv", "W1_2.csv", "w12345_20240101.txt", "w12345_20240101", "lists/2024/w1_2.TXT", "Withdrawals.csv",
     "participants withdrawn.txt", "wlist.csv"],
)  # fmt: skip
def test_a_list_is_found_under_its_usual_names_and_in_folders(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("1000022\n")
    (tmp_path / "wave1.csv").write_text("eid,31-0.0\n1000099,1\n")  # a table of fields
    assert withdrawal_lists(tmp_path) == [path]
    assert read_withdrawn([path]) == {EID}


@pytest.mark.parametrize(
    "content",
    [b"1000022\nall of them\n", b"1000022\n100002\n", b"1000022\n-1000023\n", b"1000022\n1.000022e+06\n",
     b"1000022\n10000231000024\n", b"eid\neid\n", b"eid 100002\n1000022\n", b"1000022\n20240101\n", b"1000022\n?\n"],
)  # fmt: skip
def test_a_line_that_is_not_understood_stops_the_run(tmp_path, content):
    path = tmp_path / "w1_2.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"w1_2\.csv: line [12] is .*expected the eid .*one eid \(7 digits\) a line"):
        read_withdrawn([path])


@pytest.mark.parametrize(
    ("name", "content"), [("w1_2.xlsx", b"PK\3\4"), ("w1_2.csv", b"1000022\0"), ("w1_2.csv", b"\xe91")]
)
def test_a_list_that_is_no_text_stops_the_run(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}.*one eid \(7 digits\) a line"):
        read_withdrawn(withdrawal_lists(tmp_path))


@pytest.fixture
def root(tmp_path):
    simulate_ukb(tmp_path / "ukb", 8, seed=2, cine="none")
    return tmp_path / "ukb"


def test_the_number_left_out_is_reported_and_a_new_list_counts(root, tmp_path):
    store = prepare(UKBiobank(root), tmp_path / "store")
    assert "remarks" not in store.manifest
    eid = store.records["patient_id"].iloc[0]
    (root / "lists").mkdir()
    (root / "lists" / "W1_2.txt").write_text(f"{eid}\t{datetime.date.today()}\n9999999\n")
    assert not store.matches(UKBiobank(root))
    store = prepare(UKBiobank(root), tmp_path / "store")
    assert eid not in set(store.records["patient_id"])
    said = []
    source._say_remarks(store, said.append)
    assert said == [
        "ukb: 1 participants with an ECG are left out, since they have withdrawn; 2 are in lists/W1_2.txt",
    ]
    assert eid not in (tmp_path / "store" / "manifest.json").read_text().replace(str(root), "")


def test_the_absence_of_a_list_is_reported_for_real_data(root, tmp_path):
    (root / "simulated_truth.csv").unlink()
    (remark,) = prepare(UKBiobank(root), tmp_path / "store").manifest["remarks"]
    assert remark["words"].startswith("no list of withdrawn participants (w12345_20240101.csv) is in")
