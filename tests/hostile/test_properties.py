"""Any header and any card: read, or refused by a sentence; hypothesis looks for the one that is neither."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bench.errors import BenchError
from bench.leaderboard.card_form import Card
from bench.leaderboard.validation.validate import check
from bench.signals.wfdb_header import Header, parse_header

from .shared import Shared

FEW = settings(max_examples=150, deadline=None, database=None, derandomize=True,
               suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])  # fmt: skip
HEADER = Path("record.hea")
WORDS = st.one_of(
    st.sampled_from(
        ["16", "16+24", "1000/mV", "1000(0)/mV", "500", "5000", "12", "nan", "inf", "-1", "1e308", "µV", "II"]
    ),
    st.integers().map(str),
    st.floats().map(str),
    st.text(max_size=12),
)
FIRST = st.lists(WORDS, max_size=6).map(" ".join)
LEAD = st.lists(WORDS, max_size=10).map(" ".join)


@st.composite
def headers(draw) -> str:
    """A header with any words in any of its places, most of the others as they should be."""
    usual = ["record", "12", "500", "5000"]
    lines = [" ".join(draw(WORDS) if draw(st.integers(0, 9)) == 0 else field for field in usual)]
    for name in ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"):
        fields = ["record.dat", "16", "1000(0)/mV", "16", "0", "0", "0", "0", name]
        if draw(st.integers(0, 19)) == 0:
            fields[draw(st.integers(0, 8))] = draw(WORDS)
        lines.append(" ".join(fields))
    for _ in range(draw(st.integers(0, 2))):
        lines.insert(draw(st.integers(0, len(lines))), draw(FIRST | LEAD | st.text(max_size=30).map("#".__add__)))
    return draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines)


@FEW
@given(headers() | st.text(max_size=200))
def test_any_header_is_read_or_refused_by_its_name(text):
    try:
        header = parse_header(HEADER, text)
    except BenchError as error:
        header = str(error)
    if isinstance(header, str):
        assert "record.hea" in header
        return
    assert isinstance(header, Header)
    assert 0 < header.fs < math.inf
    assert all(0 < signal.gain < math.inf and signal.offset >= 0 for signal in header.signals)
    assert all("/" not in signal.file and signal.file not in ("", ".", "..") for signal in header.signals)


@pytest.fixture(scope="module")
def card(tmp_path_factory) -> dict[str, Any]:
    folder = Shared(tmp_path_factory.mktemp("shared")).cards
    return json.loads(sorted(folder.glob("*.json"))[0].read_text())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("../../x"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """The paths of all values in a JSON value."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(*path, name) for name, _ in below] + [one for name, item in below for one in places(item, (*path, name))]


@FEW
@given(st.data())
def test_any_change_of_a_card_is_noticed_and_none_ends_the_validator(card, data):
    changed = json.loads(json.dumps(card))
    place = data.draw(st.sampled_from(places(card)))
    target = changed
    for name in place[:-1]:
        target = target[name]
    before, after = target[place[-1]], data.draw(VALUES)
    target[place[-1]] = after
    try:
        wrong = check(Card.model_validate(changed))
    except (ValidationError, BenchError):
        return
    assert wrong or before == after, f"{place}: {before!r} became {after!r}"
