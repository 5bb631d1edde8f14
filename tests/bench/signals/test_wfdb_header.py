"""Any bytes as a header: a header within bounds, or one sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.signals.leads import LEADS, lead_order
from bench.signals.wfdb_files import read_recording
from bench.signals.wfdb_header import GAINS, LARGEST_HEADER, LARGEST_INTEGER, RATES, Header, parse_header, read_header

PATH = Path("folder/a.hea")
GOOD = "\n".join(["a 12 500 400", *(f"a.dat 16 1000(0)/mV 16 0 1 2 0 {lead}" for lead in LEADS), "#Dx: 426783006", ""])

ODD = ["", "0", "-1", "nan", "inf", "1e308", "1e-300", "1e39", "9" * 20, "9" * 5000, "1_0", "٣", "²", "½", "+", ".", "x",
       "../a", "~", "16x9+24:3", "1/mV", "1000(0)/µV", "1000/\u03bcV", "a/3", "a/99999", "#",
       "\0", "\ud7ff", "\x85"]  # fmt: skip
FIELD = st.one_of(st.sampled_from(ODD), st.text(max_size=12), st.integers().map(str), st.floats().map(repr))


@st.composite
def mutated(draw) -> str:
    """A good header of which some fields or lines are replaced, repeated or lost."""
    lines = [line.split(" ") for line in GOOD.splitlines()]
    for _ in range(draw(st.integers(1, 4))):
        line = lines[draw(st.integers(0, len(lines) - 1))]
        place = draw(st.integers(0, max(len(line) - 1, 0)))
        line[place : place + draw(st.integers(0, 2))] = draw(st.lists(FIELD, max_size=2))
    return draw(st.sampled_from(["\n", "\r\n", "\r"])).join(" ".join(line) for line in lines)


def assert_within_bounds(header: Header) -> None:
    assert RATES[0] <= header.fs <= RATES[1]
    assert header.n_samples is None or 0 < header.n_samples <= 1e9
    for signal in header.signals:
        assert math.isfinite(signal.gain)
        assert GAINS[0] <= signal.gain <= GAINS[1]
        assert abs(signal.baseline) <= LARGEST_INTEGER
        assert signal.checksum is None or abs(signal.checksum) <= LARGEST_INTEGER
        assert "/" not in signal.file
        assert signal.per_frame < 1e4
        assert signal.offset < 1e9
    assert not any("/" in name for name in header.segments or ())


def refusal(read: Callable[[], object]) -> str:
    """The sentence with which something is refused; "" where it is not."""
    try:
        read()
    except BenchError as error:
        return str(error)
    return ""


def check_text(text: str) -> None:
    def read() -> None:
        header = parse_header(PATH, text)
        assert_within_bounds(header)
        lead_order(header.leads, "a.hea")

    said = refusal(read)
    assert not said or "a.hea" in said
    assert len(said) < 1500


@settings(deadline=2000)
@given(st.text())
def test_any_text_is_a_header_or_refused(text):
    check_text(text)


@settings(deadline=2000)
@given(mutated())
@example(GOOD)
def test_a_mutated_header_is_read_within_bounds_or_refused(text):
    check_text(text)


@settings(deadline=2000)
@given(st.binary(max_size=300), st.integers(0, len(GOOD)))
def test_any_bytes_are_a_record_or_refused(tmp_path_factory, content, kept):
    folder = tmp_path_factory.getbasetemp() / "any_bytes"
    folder.mkdir(exist_ok=True)
    (folder / "a.hea").write_bytes(GOOD.encode()[:kept] + content)
    (folder / "a.dat").write_bytes(content)

    def read() -> None:
        assert_within_bounds(read_header(folder / "a"))
        read_recording(folder / "a")

    said = refusal(read)
    assert not said or str(folder) in said


def test_a_header_of_gigabytes_is_not_read(tmp_path):
    with open(tmp_path / "a.hea", "wb") as file:
        file.truncate(LARGEST_HEADER * 2000)  # sparse
    with pytest.raises(BenchError, match="expected a header of a few thousand"):
        read_header(tmp_path / "a")
