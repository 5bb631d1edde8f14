"""The notebook of the quickstart runs from top to bottom, and is kept without outputs."""

from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "quickstart.ipynb"


def notebook():
    nbformat = pytest.importorskip("nbformat")
    return nbformat.read(NOTEBOOK, 4)


def test_it_is_valid_and_has_no_outputs():
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(notebook())
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook().cells)


@pytest.mark.slow
def test_it_runs_and_shows_tables_and_pictures(tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    monkeypatch.setenv("BENCH_WORKSPACE", str(tmp_path / "workspace"))
    executed = nbclient.NotebookClient(
        notebook(), timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = [output.get("data", {}) for cell in executed.cells for output in cell.get("outputs", ())]
    assert sum("image/png" in data for data in shown) == 2
    assert sum("<table" in data.get("text/html", "") for data in shown) == 3
