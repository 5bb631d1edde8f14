"""Boards of this repository: cards validate, numbers are those of the cards, and the documentation shows them."""

import lzma
import re
from pathlib import Path

import pytest

from bench.leaderboard.cards import PACK
from bench.leaderboard.frozen_boards import check_frozen, put_table

ROOT = Path(__file__).parents[2]
KEPT = sorted(path.parent for path in (ROOT / "leaderboards").glob(f"*/{PACK}"))


@pytest.mark.parametrize("folder", KEPT, ids=lambda folder: folder.name)
def test_a_kept_board_is_what_its_cards_give(folder):
    assert check_frozen(folder) == []


@pytest.mark.parametrize("folder", KEPT, ids=lambda folder: folder.name)
def test_a_kept_folder_is_small_names_no_machine_and_says_how_it_was_made(folder):
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_500_000
    said = (folder / "README.md").read_text(encoding="utf-8")
    assert "bench run" in said and "bench leaderboard freeze" in said
    texts = [path.read_text(encoding="utf-8") for path in folder.iterdir() if path.name != PACK]
    for text in [*texts, lzma.decompress((folder / PACK).read_bytes()).decode("utf-8")]:
        assert not re.search(r"[\"'` =]/\w+/", text)


def test_the_documentation_shows_the_kept_board():
    text = (ROOT / "docs" / "reference" / "results.md").read_text(encoding="utf-8")
    source = (ROOT / "leaderboards" / "ptbxl-subset" / "ptbxl_super.md").read_text(encoding="utf-8")
    assert put_table(text, "ptbxl_super", source) == text, (
        "bench leaderboard freeze leaderboards/ptbxl-subset --again --into docs/reference/results.md"
    )


def test_the_readme_shows_pictures_that_are_checked_with_their_boards():
    """``check_frozen`` compares a picture next to a kept board with its cards."""
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).parent in KEPT and (ROOT / picture).with_suffix(".md").exists()
