"""The colours of pages: WCAG AA asks for a contrast of 4.5 for text, and of 3 for what shows the focus."""

import itertools
import re

import pytest

from bench.leaderboard.site.render_html import TEMPLATES

TEXTS = ("ink", "soft", "accent", "paper")
GROUNDS = ("ground", "raised", "best")


def colours(dark: bool) -> dict[str, str]:
    blocks = re.findall(r":root(\.dark)? \{(.*?)\}", (TEMPLATES / "style.css").read_text(encoding="utf-8"), re.DOTALL)
    (block,) = (text for name, text in blocks if bool(name) == dark)
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6});", block))


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_texts_and_the_focus_can_be_seen_on_every_ground(dark):
    of = colours(dark)
    pairs = [*itertools.product(TEXTS, GROUNDS), ("ink", "caution")]
    low = {pair: ratio for pair in pairs if (ratio := contrast(*(of[name] for name in pair))) < 4.5}
    assert low == {}
    assert contrast("#000", "#fff") == pytest.approx(21)
