"""The page of augmentations shows each one that a method can name."""

from pathlib import Path

from methods.views import AUGMENTATIONS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "augmentations.md"


def test_every_augmentation_has_its_picture():
    text = PAGE.read_text(encoding="utf-8")
    for name in AUGMENTATIONS:
        assert f"## {name}\n" in text, f"run docs/draw_augmentations.py: the page lacks {name}"
        assert (PAGE.parent / "augmentations" / f"{name}.png").is_file()
