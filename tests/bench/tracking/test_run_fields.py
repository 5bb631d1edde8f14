"""The table of names in the documentation, compared with what the code logs."""

import dataclasses
import re
from pathlib import Path

import pytest

from bench.tracking.run_fields import metrics_of, params_of, tags_of

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "mlflow.md"
ROW = re.compile(r"^\| (param|metric|tag) \| `([^`]+)` \| \S.* \|$", re.MULTILINE)
BY_MLFLOW = {"mlflow.runName"}
PLACEHOLDER = re.compile(r"[A-Z]{2,}")


@pytest.fixture(scope="module")
def complete_result(store_result, tmp_path_factory):
    """A result in which every field that is logged has a value."""
    result = store_result(tmp_path_factory.mktemp("results"), left_out=["PMI"])
    provenance = result.provenance | {
        "overrides": ["linear.epochs=2"],
        "ceiling": {"macro_auroc": 0.9},
        "sweep": {"study": "kmerl-linear"},
    }
    return dataclasses.replace(result, provenance=provenance)


def documented() -> dict[str, set[str]]:
    names: dict[str, set[str]] = {"param": set(), "metric": set(), "tag": set()}
    for kind, name in ROW.findall(PAGE.read_text(encoding="utf-8")):
        names[kind].add(name)
    return names


def matches(name: str, row: str) -> bool:
    """A placeholder in upper case is any text, but a name that has a row belongs to that row."""
    return bool(re.fullmatch(PLACEHOLDER.sub(".+", re.escape(row)), name))


@pytest.mark.parametrize(("kind", "logged_by"), [("param", params_of), ("metric", metrics_of), ("tag", tags_of)])
def test_the_table_names_what_is_logged_and_nothing_else(complete_result, kind, logged_by):
    rows, logged = documented()[kind] - BY_MLFLOW, set(logged_by(complete_result))
    plain = {row for row in rows if not PLACEHOLDER.search(row)}
    assert plain <= logged
    for name in logged - plain:
        own = [row for row in rows - plain if matches(name, row)]
        assert own, f"{name} is logged, and {PAGE.name} has no row for it"
    for row in rows - plain:
        assert any(matches(name, row) for name in logged), f"{row} is in {PAGE.name}, and is not logged"


def test_a_run_has_at_most_25_tags(complete_result):
    assert len(documented()["tag"]) <= 25
    assert set(tags_of(complete_result)) <= documented()["tag"]
