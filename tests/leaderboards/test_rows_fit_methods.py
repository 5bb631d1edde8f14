"""A row whose config no method has would stay empty for ever and nobody would know why."""

from pathlib import Path

import pytest

from bench import registry
from bench.leaderboard.board import boards
from bench.runner.overrides import fields_of
from bench.tracking.run_fields import flatten

BOARDS = boards([Path(__file__).parents[2] / "leaderboards"])
ROWS = [(b.name, row) for b in BOARDS.values() for row in b.rows if row.config]


@pytest.mark.parametrize(("board", "row"), ROWS, ids=[f"{name}-{row.label}" for name, row in ROWS])
def test_the_fields_a_row_asks_for_exist(board, row):
    if row.method not in registry.entries(registry.METHODS):
        pytest.skip(f"{row.method} is not a method yet")
    known = set(fields_of(registry.load(registry.METHODS, row.method).Config))
    assert set(flatten(row.config)) <= known


@pytest.mark.parametrize(
    "board", [b for name, b in BOARDS.items() if name.startswith(("kmerl", "etp", "esi", "llm_dan"))]
)
def test_a_board_of_a_paper_with_another_text_encoder_names_ours(board):
    methods = {row.method for row in board.rows} & {"merl", "kmerl", "etp", "esi", "llm-dan"}
    assert not methods or "MiniLM" in " ".join([board.notes, *board.footnotes])


def test_the_text_models_that_rows_ask_for_are_known():
    from methods.text.models import KNOWN_MODELS

    asked = {value for _, row in ROWS for field, value in flatten(row.config).items() if field == "text.model"}
    assert asked
    assert asked <= set(KNOWN_MODELS)
