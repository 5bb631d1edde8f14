"""Result cards: what ``bench leaderboard validate`` and ``render --cards`` are given by strangers."""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable
from typing import Any

from ..case import Case, Sandbox

DEEP = 100_000


def one_card(box: Sandbox) -> dict[str, Any]:
    return json.loads(sorted(box.shared.cards.glob("*.json"))[0].read_text())


def signed(card: dict[str, Any]) -> dict[str, Any]:
    """The card with the digest that a forger would compute."""
    from bench.artifacts import digest

    return card | {"digest": digest({name: value for name, value in card.items() if name != "digest"})}


def text(content: str | bytes):
    """A file that is no card."""

    def make(box: Sandbox) -> list[str]:
        box.write("card.json", content)
        return ["leaderboard", "validate", "card.json"]

    return make


def forged(*place: str, to: Any):
    """A card with one field changed and its digest made to fit."""

    def make(box: Sandbox) -> list[str]:
        card = one_card(box)
        target = card
        for name in place[:-1]:
            target = target[name]
        target[place[-1]] = to
        box.write("card.json", json.dumps(signed(card)))
        return ["leaderboard", "validate", "card.json"]

    return make


def kept(change: Callable[[Sandbox], object]):
    """A folder of kept boards, changed."""

    def make(box: Sandbox) -> list[str]:
        box.copy(box.shared.kept, "kept")
        change(box)
        return ["leaderboard", "validate", "kept"]

    return make


def comparisons_named(name: str | None):
    """P values under a name of the forger's choice; None: the absolute path of the marker."""

    def change(box: Sandbox) -> None:
        from bench.artifacts import digest

        tests = {str(box.marker) if name is None else name: {"p": [0.5]}}
        box.write("kept/comparisons.json", json.dumps({"digest": digest(tests), "tests": tests}))

    return kept(change)


CASES = [
    Case("untouched", lambda box: [box.copy(box.shared.cards, "cards") and "leaderboard", "validate", "cards"], exit=0),
    Case("kept-untouched", kept(lambda box: None), exit=0, words=("accepted",)),
    Case("empty", text(""), exit=1, words=("card.json",)),
    Case("not-json", text("{"), exit=1, words=("card.json",)),
    Case("not-utf8", text(b"\xff\xfe{}"), exit=1, words=("card.json",)),
    Case("list", text("[]"), exit=1, words=("card.json",)),
    Case("null", text("null"), exit=1, words=("card.json",)),
    Case("deep", text("[" * DEEP), exit=1, words=("card.json",)),
    Case("deep-closed", text("[" * DEEP + "]" * DEEP), exit=1, words=("card.json",)),
    Case("deep-objects", text('{"card":' * DEEP), exit=1, words=("card.json",)),
    Case("long-number", text('{"card": ' + "9" * 10_000 + "}"), exit=1, words=("card.json",)),
    Case("absent", lambda box: ["leaderboard", "validate", "nowhere.json"], words=("nowhere.json",)),
    *(
        Case(f"kept-comparison-{label}", comparisons_named(name), exit=1, words=("comparisons.json",))
        for label, name in {
            "up": "../../../../../escaped", "absolute": None, "slash": "a/b", "long": "x" * 300,
            "nul": "a\0b", "empty": "", "dots": "..",
        }.items()
    ),
    Case("kept-bomb", kept(lambda box: box.write("kept/cards.jsonl.xz", lzma.compress(bytes(2**26)) * 40)), exit=1,
         words=("cards.jsonl.xz",)),
    Case("kept-not-xz", kept(lambda box: box.write("kept/cards.jsonl.xz", b"no")), exit=1, words=("cards.jsonl.xz",)),
    Case("kept-deep", kept(lambda box: box.write("kept/comparisons.json", "[" * DEEP)), exit=1,
         words=("comparisons.json",)),
]  # fmt: skip
