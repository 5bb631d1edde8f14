"""Parquet files of predictions that come with a card: the digest fits, what is in them does not."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from ..case import Case, Sandbox
from .cards import signed

Change = Callable[[pd.DataFrame], pd.DataFrame]


def predictions(content: Callable[[bytes], bytes]):
    """A card and predictions, whose digest the card's forger has brought up to date."""

    def make(box: Sandbox) -> Sequence[str]:
        card = json.loads(sorted(box.shared.cards.glob("*.json"))[0].read_text())
        folder = box.shared.results / "results" / card["key"]
        data = content((folder / "predictions.parquet").read_bytes())
        card["predictions"]["sha256"] = hashlib.sha256(data).hexdigest()
        box.write("card.json", json.dumps(signed(card)))
        box.write("predictions.parquet", data)
        return ("leaderboard", "validate", "card.json", "--predictions", "predictions.parquet")

    return make


def table(change: Change):
    def content(data: bytes) -> bytes:
        out = io.BytesIO()
        change(pd.read_parquet(io.BytesIO(data))).to_parquet(out)
        return out.getvalue()

    return predictions(content)


def test_rows(column: str, value: object) -> Change:
    """The first test record with another value in one column."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.astype({column: object if isinstance(value, str) else float})
        frame.loc[(frame.partition == "test").idxmax(), column] = value
        return frame

    return change


NO_PARQUET: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "text": lambda data: b"record_id,score_NORM\n",
    "magic-alone": lambda data: b"PAR1PAR1",
    "cut": lambda data: data[: len(data) // 2],
    "footer-flipped": lambda data: data[:-40] + bytes([data[-40] ^ 255]) + data[-39:],
    "footer-long": lambda data: data[:-8] + b"\xff\xff\xff\x7f" + data[-4:],
    "page-flipped": lambda data: data[:300] + bytes(byte ^ 255 for byte in data[300:400]) + data[400:],
    "feather": lambda data: b"ARROW1\0\0" + data[8:],
    "encrypted": lambda data: data[:-4] + b"PARE",
}
TABLE: dict[str, Change] = {
    "no-rows": lambda frame: frame.iloc[:0],
    "no-test-rows": lambda frame: frame[frame.partition != "test"],
    "no-validation": lambda frame: frame[frame.partition == "test"],
    "test-row-twice": lambda frame: pd.concat([frame, frame.tail(1)]),
    "without-partition": lambda frame: frame.drop(columns="partition"),
    "without-a-score": lambda frame: frame.drop(columns="score_NORM"),
    "without-targets": lambda frame: frame.drop(columns=[c for c in frame if c.startswith("target_")]),
    "without-patients": lambda frame: frame.drop(columns="patient_id"),
    "score-nan": test_rows("score_NORM", np.nan),
    "score-infinite": test_rows("score_NORM", np.inf),
    "score-text": lambda frame: frame.assign(score_NORM="high"),
    "score-list": lambda frame: frame.assign(score_NORM=[[1.0]] * len(frame)),
    "score-better": lambda frame: frame.assign(score_NORM=frame.target_NORM.astype(float)),
    "target-two": test_rows("target_NORM", 2),
    "target-nan": test_rows("target_NORM", np.nan),
    "target-text": lambda frame: frame.assign(target_NORM="yes"),
    "partition-number": lambda frame: frame.assign(partition=1),
    "partition-other": lambda frame: frame.assign(partition="Test"),
    "columns-many": lambda frame: frame.assign(**{f"score_{k}": 0.0 for k in range(300)}),
}

CASES = [
    *(Case(name, predictions(content), exit=1, words=("predictions",)) for name, content in NO_PARQUET.items()),
    *(Case(f"table-{name}", table(change), exit=1, words=("card.json: rejected",)) for name, change in TABLE.items()),
    Case("untouched", predictions(lambda data: data), exit=0, words=("card.json: accepted",)),
    Case("further-column", table(lambda frame: frame.assign(note="a")), exit=0, words=("accepted",)),
]
