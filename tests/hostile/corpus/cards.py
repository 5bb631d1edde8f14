"""Result cards: what ``bench leaderboard validate`` and ``render --cards`` are given by strangers."""

from __future__ import annotations

import hashlib
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
    from bench.storage.artifacts import digest

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
        from bench.storage.artifacts import digest

        tests = {str(box.marker) if name is None else name: {"p": [0.5]}}
        box.write("kept/comparisons.json", json.dumps({"digest": digest(tests), "tests": tests}))

    return kept(change)


def with_predictions(content: bytes):
    """A card, and the file that it names by its digest."""

    def make(box: Sandbox) -> list[str]:
        card = one_card(box)
        card["predictions"] = {"sha256": hashlib.sha256(content).hexdigest()}
        box.write("card.json", json.dumps(signed(card)))
        box.write("predictions.parquet", content)
        return ["leaderboard", "validate", "card.json", "--predictions", "predictions.parquet"]

    return make


def linked(name: str):
    """A file of a kept folder that leads elsewhere: what it holds would be quoted."""

    def change(box: Sandbox) -> None:
        secret = box.write("secret.txt", "a secret")
        (box.folder / "kept" / name).unlink()
        (box.folder / "kept" / name).symlink_to(secret)

    return kept(change)


FORGED: dict[str, tuple[tuple[str, ...], Any]] = {
    "method-up": (("cell", "method"), "../../../../escaped"),
    "method-absolute": (("cell", "method"), "/escaped"),
    "method-device": (("cell", "method"), "con"),
    "method-markup": (("cell", "method"), "<img src=x>"),
    "method-formula": (("cell", "method"), "=1+1"),
    "method-controls": (("cell", "method"), "\x1b[2Jkmerl"),
    "method-long": (("cell", "method"), "k" * 10_000),
    "method-list": (("cell", "method"), ["kmerl"]),
    "mode-none": (("cell", "mode"), None),
    "leads-words": (("cell", "leads"), "I"),
    "leads-none": (("cell", "leads"), []),
    "fold-negative": (("cell", "fold"), -1),
    "fold-huge": (("cell", "fold"), 10**30),
    "fraction-above-one": (("cell", "fraction"), 2.0),
    "dataset-list": (("dataset", "name"), ["ptbxl"]),
    "config-list": (("config", "method"), []),
    "sweep-text": (("provenance", "sweep"), "all"),
    "overrides-text": (("provenance", "overrides"), [1]),
    "started-controls": (("provenance", "started"), "2026\r\x1b]0;title\x07"),
    "surrogate": (("provenance", "started"), "\ud800"),
    "notes-right-to-left": (("score", "notes"), ["\u202eabc"]),
    "metrics-many": (("score", "metrics"), {f"m{k}": {} for k in range(5_000)}),
    "support-huge": (("score", "support"), {"HYP": 10**300}),
    "evidence-text": (("contamination_evidence",), {"tested": "all", "test_records": "none"}),
}

CASES = [
    *(Case(f"forged-{name}", forged(*place, to=value), exit=1, words=("card.json",))
      for name, (place, value) in FORGED.items()),
    Case("not-finite", text('{"card": NaN}'), exit=1, words=("card.json",)),
    Case("endless", text('{"card": 1e999}'), exit=1, words=("card.json",)),
    Case("deep-in-a-field", forged("provenance", "more", to=json.loads("[" * 500 + "]" * 500)), exit=1,
         words=("card.json",)),
    Case("predictions-no-parquet", with_predictions(b"PAR1 no"), exit=1, words=("predictions",)),
    Case("predictions-empty", with_predictions(b""), exit=1, words=("predictions",)),
    Case("kept-link", linked("ptbxl_super.md"), exit=1, words=("is a link",)),
    Case("kept-link-comparisons", linked("comparisons.json"), exit=1, words=("is a link",)),
    Case("kept-cut", kept(lambda box: box.write(
        "kept/cards.jsonl.xz", (box.folder / "kept/cards.jsonl.xz").read_bytes()[:-40])), exit=1,
        words=("cards.jsonl.xz",)),
    Case("kept-two-streams", kept(lambda box: box.write(
        "kept/cards.jsonl.xz", (box.folder / "kept/cards.jsonl.xz").read_bytes() * 2)), exit=1,
        words=("cards.jsonl.xz",)),
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
