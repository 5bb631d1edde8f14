"""The version of a workspace: written when it is made, refused by name where this bench cannot read it."""

import json
import shutil
from pathlib import Path

import pytest

from bench.cells.result import read_results
from bench.errors import ConfigError
from bench.storage import workspace as workspace_module
from bench.storage.workspace import VERSION, VERSION_FILE, Workspace

STORED = Path(__file__).parent / "stored" / "workspace-0.1.0"
"""A workspace with one result, written by release 0.1.0, which knew no version."""


def test_a_workspace_gets_its_version_when_it_is_made(tmp_path):
    Workspace.at(tmp_path / "new").ensure_writable()
    written = json.loads((tmp_path / "new" / VERSION_FILE).read_text())
    assert written["version"] == VERSION
    assert written["made_by"].startswith("ecg-bench ")
    Workspace.at(tmp_path / "new").ensure_writable()
    assert json.loads((tmp_path / "new" / VERSION_FILE).read_text()) == written


def test_a_workspace_of_the_first_release_is_read_and_gets_a_version(tmp_path, recwarn):
    root = tmp_path / "workspace"
    shutil.copytree(STORED, root)
    (result,) = read_results(Workspace.at(root).results)
    assert result.cell.method == "kmerl"
    assert result.metric("macro_auroc")["value"] == 0.84
    assert len(result.predictions()) == 2
    assert not recwarn.list
    Workspace.at(root).ensure_writable()
    assert Workspace.at(root).root == root
    assert json.loads((root / VERSION_FILE).read_text())["version"] == 1


def test_a_workspace_of_a_newer_bench_is_refused_with_the_fix(tmp_path):
    (tmp_path / VERSION_FILE).write_text(json.dumps({"version": VERSION + 1, "made_by": "ecg-bench 9.0"}))
    with pytest.raises(ConfigError, match=r"workspace.json: version 2 of a newer bench \(ecg-bench 9.0\).*pip install"):
        Workspace.at(tmp_path)


def test_a_workspace_of_an_older_layout_is_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(workspace_module, "VERSION", 2)
    shutil.copytree(STORED, tmp_path / "old")
    with pytest.raises(ConfigError, match=r"old.*version 1 of an older bench.*expects version 2.*--workspace"):
        Workspace.at(tmp_path / "old")
    assert Workspace.at(tmp_path / "absent").root == tmp_path / "absent"


@pytest.mark.parametrize(
    "content", [b"", b"1", b"{}", b'{"version": "one"}', b'{"version": null}', b"\xff", b"[" * 9999]
)
def test_a_damaged_version_file_is_refused_and_its_fix_works(tmp_path, content):
    (tmp_path / VERSION_FILE).write_bytes(content)
    with pytest.raises(ConfigError, match=r"workspace.json: not a version file.*Delete it"):
        Workspace.at(tmp_path)
    (tmp_path / VERSION_FILE).unlink()
    assert Workspace.at(tmp_path).root == tmp_path
