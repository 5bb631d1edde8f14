"""Stored results: what was edited or cut short is never read as a result, and never stops the others."""

import dataclasses
import json
import os

import pandas as pd
import pytest

from bench.cells.result import read_result, read_results, write_result
from bench.errors import DataError
from bench.storage import artifacts
from bench.storage.artifacts import SEAL, damage, seal, sealed, writing


@pytest.fixture
def three(tmp_path, store_result):
    """Three stored results."""
    return [store_result(tmp_path / "results", value=value, method=f"m{value}") for value in (0.5, 0.6, 0.7)]


def edit(result):
    path = result.folder / "result.json"
    value = json.loads(path.read_text())
    value["score"]["metrics"]["macro_auroc"]["value"] = 0.987
    path.write_text(json.dumps(value, indent=2) + "\n")


def cut(result):
    path = result.folder / "result.json"
    path.write_bytes(path.read_bytes()[:100])


def empty(result):
    (result.folder / "result.json").write_bytes(b"")


def drop_seal(result):
    (result.folder / SEAL).unlink()


@pytest.mark.parametrize("harm", [edit, cut, empty, drop_seal])
def test_a_damaged_result_is_left_out_and_named_and_the_others_are_read(three, tmp_path, harm):
    first, *others = three
    harm(first)
    with pytest.warns(UserWarning, match=rf"left out: .*{first.key}.*(altered|damaged).*Run the cell again"):
        found = list(read_results(tmp_path / "results"))
    assert {one.key for one in found} == {one.key for one in others}
    with pytest.raises(DataError, match=first.key):
        read_result(first.folder)


def test_many_damaged_results_are_counted(tmp_path, store_result):
    for i in range(8):
        edit(store_result(tmp_path / "results", method=f"m{i}"))
    with pytest.warns(UserWarning, match="left out") as heard:
        assert list(read_results(tmp_path / "results")) == []
    assert len(heard) == 6
    assert "3 more damaged results" in str(heard[-1].message)


def test_every_bit_of_a_seal_counts(three):
    path = three[0].folder / SEAL
    whole = path.read_bytes()
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1
        path.write_bytes(bytes(changed))
        if json_or_none(changed) != json.loads(whole):
            assert sealed(three[0].folder) is None
            assert damage(three[0].folder) == f"{SEAL} is missing or damaged"


def json_or_none(content):
    try:
        return json.loads(content)
    except ValueError:
        return None


def test_a_seal_without_a_digest_of_itself_is_read(tmp_path):
    (tmp_path / "value").write_text("1")
    seal(tmp_path, "features", {"a": 1})
    facts = json.loads((tmp_path / SEAL).read_text())
    del facts["digest"]
    (tmp_path / SEAL).write_text(json.dumps(facts))
    assert damage(tmp_path) is None


def test_a_new_result_takes_the_place_of_the_old_one_in_one_step(three, tmp_path, monkeypatch):
    old = three[0]
    present = []
    monkeypatch.setattr(artifacts, "discard", lambda folder: present.append("removed before the new one was there"))
    exchange = artifacts._exchange

    def watched(new, final):
        present.append(read_result(final).metric("macro_auroc")["value"])
        assert exchange(new, final)
        present.append(read_result(final).metric("macro_auroc")["value"])
        return True

    monkeypatch.setattr(artifacts, "_exchange", watched)
    changed = json.loads(json.dumps(old.score))
    changed["metrics"]["macro_auroc"]["value"] = 0.9
    new = write_result(tmp_path / "results", type(old)(**{**vars(old), "score": changed}), old.predictions())
    assert new.folder == old.folder
    assert present == [0.5, 0.9]
    assert not list((tmp_path / "results").glob(".*"))


def test_a_system_that_cannot_swap_names_replaces_results_too(three, tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "_exchange", lambda new, final: False)
    table = three[0].predictions().assign(score_NORM=[0.2, 0.8])
    new = write_result(tmp_path / "results", three[0], table)
    pd.testing.assert_frame_equal(new.predictions(), table)
    assert not list((tmp_path / "results").glob(".*"))


def test_files_and_folder_are_on_the_disk_before_the_folder_has_its_name(tmp_path, monkeypatch):
    events = []
    flush, rename = os.fsync, os.rename
    monkeypatch.setattr(os, "fsync", lambda f: (events.append(os.readlink(f"/proc/self/fd/{f}")), flush(f))[1])
    monkeypatch.setattr(os, "rename", lambda a, b: (events.append("rename"), rename(a, b))[1])
    with writing(tmp_path / "artifact") as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "value").write_text("1")
    before, after = events[: events.index("rename")], events[events.index("rename") + 1 :]
    assert set(before) == {str(folder), str(folder / "inner"), str(folder / "inner" / "value")}
    assert after == [str(tmp_path)]


def test_a_file_and_its_folder_are_on_the_disk_around_its_renaming(tmp_path, monkeypatch):
    events = []
    flush, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda f: (events.append(os.readlink(f"/proc/self/fd/{f}")), flush(f))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (events.append("replace"), replace(a, b))[1])
    (tmp_path / "aside").write_text("1")
    artifacts.replace_file(tmp_path / "aside", tmp_path / "final")
    assert events == [str(tmp_path / "aside"), "replace", str(tmp_path)]
    assert (tmp_path / "final").read_text() == "1"


def test_a_result_of_imported_weights_without_a_lead_order_is_left_out(tmp_path, make_result):
    """Version 0.1.0 gave weights of MERL and ESI other leads than they had learned."""
    rows = pd.DataFrame({"record_id": ["1"], "partition": ["test"], "target_NORM": [0], "score_NORM": [0.5]})
    for seed, corpus in enumerate(({}, {"lead_order": ["I", "II"]})):
        result = dataclasses.replace(
            make_result(seed=seed), checkpoint={"imported": {"file": "m.pt"}, "corpus": corpus}
        )
        folder = tmp_path / result.key
        with writing(folder) as partial:
            rows.to_parquet(partial / "predictions.parquet")
            value = dataclasses.asdict(result) | {"cell": result.cell.to_dict()}
            del value["folder"]
            artifacts.write_json(partial / "result.json", value)
            seal(partial, "result", {"key": result.key})
    with pytest.warns(UserWarning, match="imported without the order of their leads"):
        (left,) = read_results(tmp_path)
    assert left.cell.seed == 1
