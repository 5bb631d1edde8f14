"""Croissant and RO-Crate of frozen boards, and Croissant of splits: digests are those of the files, names lead to files."""

import csv
import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli.main import app
from bench.leaderboard import croissant
from bench.leaderboard.cards import CROISSANT, PACK, RO_CRATE
from bench.leaderboard.formats.table_csv import FIELDS
from bench.splitting.split import load_split

KEPT = sorted(path.parent for path in (Path(__file__).parents[3] / "leaderboards").glob(f"*/{PACK}"))
IDS = [folder.name for folder in KEPT]


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("folder", KEPT, ids=IDS)
def test_metadata_of_a_frozen_folder_describe_its_files(folder):
    content = json.loads((folder / CROISSANT).read_text())
    for file in content["distribution"]:
        assert file["sha256"] == sha256(folder / file["contentUrl"])
    for records in content["recordSet"]:
        lines = list(csv.DictReader((folder / f"{records['@id']}.csv").open(encoding="utf-8")))
        for field in records["field"]:
            if field["dataType"] == "sc:Float":
                [float(line[field["name"]]) for line in lines if line[field["name"]]]  # raises at a text
        assert [field["name"] for field in records["field"]] == list(lines[0])
    crate = {entity["@id"]: entity for entity in json.loads((folder / RO_CRATE).read_text())["@graph"]}
    parts = [part["@id"] for part in crate["./"]["hasPart"]]
    assert PACK in parts and CROISSANT in parts
    assert all(crate[part]["sha256"] == sha256(folder / part) for part in parts)
    on_disk = {path.name for path in folder.iterdir()} - {"README.md", RO_CRATE}
    assert set(parts) == on_disk


def test_every_column_declared_as_a_number_exists():
    assert set(FIELDS) > croissant.NUMBERS


def test_a_split_states_its_partitions_and_comes_with_its_file(tmp_path):
    done = CliRunner().invoke(app, ["splits", "croissant", "ptbxl-super,mimic-sex", "--output", str(tmp_path)])
    assert done.exit_code == 0
    content = json.loads((tmp_path / "ptbxl-super.croissant.json").read_text())
    (file,) = content["distribution"]
    assert file["sha256"] == sha256(tmp_path / file["contentUrl"])
    facts = load_split("ptbxl-super").content.complete.partitions
    rows = {row["partitions/partition"]: row for row in content["recordSet"][0]["data"]}
    assert {name: row["partitions/records"] for name, row in rows.items()} == {n: f.records for n, f in facts.items()}
    assert (tmp_path / "mimic-sex.croissant.json").exists()


def test_an_unknown_split_is_refused_with_the_nearest_names(tmp_path):
    refused = CliRunner().invoke(app, ["splits", "croissant", "ptbxl-supr", "--output", str(tmp_path / "new")])
    assert refused.exit_code and "ptbxl-super" in str(refused.exception or refused.output)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("folder", KEPT, ids=IDS)
def test_mlcroissant_accepts_and_loads_the_boards(folder):
    mlcroissant = pytest.importorskip("mlcroissant")
    dataset = mlcroissant.Dataset(folder / CROISSANT)
    assert not dataset.metadata.issues.errors
    for records in dataset.metadata.record_sets:
        assert (
            len(list(dataset.records(records.uuid)))
            == len((folder / f"{records.uuid}.csv").read_text().splitlines()) - 1
        )


@pytest.mark.parametrize("folder", KEPT, ids=IDS)
def test_rocrate_opens_a_frozen_folder(folder):
    crate = pytest.importorskip("rocrate.rocrate").ROCrate(folder)
    assert PACK in {entity.id for entity in crate.data_entities} and crate.datePublished
