"""Columns a user imports, and the split that reads them."""

from __future__ import annotations

import pandas as pd
import pytest

from bench.errors import DataError
from bench.splitting.released_partitions import with_imported, write_imported
from bench.splitting.split import split_of
from bench.task import MultilabelTask


class Labels(MultilabelTask):
    dataset, split, released_split, column = "cpsc2018", "cpsc2018", "cpsc2018-merl", "labels"
    classes = dict.fromkeys(["AFIB", "VPC", "NORM", "1AVB", "CRBBB", "STE", "PAC", "CLBBB", "STD"], "")


@pytest.fixture
def records() -> pd.DataFrame:
    labels = [["NORM"], ["AFIB"], ["NORM", "STD"], ["PAC"]]
    ids = ["A0001", "A0002", "A0003", "A0004"]
    parts = ["train", "validation", "test", "train"]
    return pd.DataFrame(
        {"patient_id": ids, "labels": labels, "partition": parts}, index=pd.Index(ids, name="record_id")
    )


def test_columns_join_by_record_id_and_replace_earlier_ones(tmp_path, records):
    assert with_imported(records, tmp_path, "cpsc2018") is records
    first = pd.DataFrame({"merl_partition": ["test"], "merl_order": [3]}, index=["A0001"])
    write_imported(tmp_path, "cpsc2018", first)
    write_imported(tmp_path, "cpsc2018", pd.DataFrame({"other": ["x"]}, index=["A0002"]))
    second = pd.DataFrame({"merl_partition": ["train", "test"], "merl_order": [1, 0]}, index=["A0004", "A0002"])
    write_imported(tmp_path, "cpsc2018", second)
    joined = with_imported(records, tmp_path, "cpsc2018")
    assert joined["merl_partition"].tolist() == ["", "test", "", "train"]
    assert joined["merl_order"].tolist() == [-1, 0, -1, 1]
    assert joined["other"].tolist() == ["", "x", "", ""]


def test_a_damaged_file_says_what_to_do(tmp_path, records):
    (tmp_path / "cpsc2018.csv").write_text("id,merl_partition\nA0001,train\n")
    with pytest.raises(DataError, match=r"cpsc2018\.csv is damaged .*import the split again"):
        with_imported(records, tmp_path, "cpsc2018")


@pytest.mark.parametrize("name", ["cpsc2018.csv", "cpsc2018.csv.digest.json"])
def test_one_flipped_bit_is_reported(tmp_path, records, name):
    write_imported(tmp_path, "cpsc2018", pd.DataFrame({"merl_partition": ["test"]}, index=["A0001"]))
    content = bytearray((tmp_path / name).read_bytes())
    content[content.rindex(b"e")] ^= 1  # of "test", of a digest or of a key
    (tmp_path / name).write_bytes(bytes(content))
    with pytest.raises(DataError, match="cpsc2018.csv is damaged .*import the split again"):
        with_imported(records, tmp_path, "cpsc2018")


def test_the_released_split_is_used_once_its_column_is_there_in_its_order(tmp_path, records):
    own = split_of(Labels, Labels().examples(records))
    assert own.name == "cpsc2018"
    columns = pd.DataFrame(
        {"merl_partition": ["train", "train", "validation", "test"], "merl_order": [1, 0, 0, 0]}, index=records.index
    )
    write_imported(tmp_path, "cpsc2018", columns)
    examples = Labels().examples(with_imported(records, tmp_path, "cpsc2018"))
    released = split_of(Labels, examples)
    assert released.name == "cpsc2018-merl"
    assert examples.record_ids[released.partition(examples).train].tolist() == ["A0002", "A0001"]


def test_without_the_import_the_released_split_names_the_command(records):
    from bench.splitting.split import load_split

    with pytest.raises(DataError, match="bench splits import merl"):
        load_split("cpsc2018-merl").partition(Labels().examples(records))
