"""Pages that are written from the code: datasets with the columns of their records, and costs."""

import sys
from pathlib import Path

import pytest

from bench import registry

FOLDER = Path(__file__).parents[2] / "docs" / "pages_from_code"


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import cost_pages
    import datasets_pages

    yield {"cost": cost_pages, "datasets": datasets_pages}
    for name in ("cost_pages", "datasets_pages", "words"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", ["ptbxl", "cpsc2018", "csn", "mimic-iv-ecg"])
def test_every_column_of_the_records_is_described(pages, name, tmp_path):
    dataset = registry.load(registry.DATASETS, name)
    dataset.simulate(tmp_path / "copy", 30, 0)
    text = pages["datasets"].columns(dataset)
    columns = set(dataset(tmp_path / "copy").records().columns) - {"patient_id"}
    assert {column for column in columns if f"`{column}`" not in text} == set()


def test_the_pages_have_their_tables(pages):
    datasets = pages["datasets"].pages()["reference/datasets.md"]
    assert "| `strat_fold` | 1 to 10: the publisher's folds" in datasets
    assert "| `ENDPOINT_date`, `ENDPOINT_undated` |" in datasets
    cost = pages["cost"].pages()["reference/cost.md"]
    assert "| [`simclr`](methods/simclr.md) | contrastive | " in cost
    assert "| [`ptbxl-super`](tasks/ptbxl-super.md) |" in cost
