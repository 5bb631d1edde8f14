"""WFDB headers (``RECORD.hea``): parse any bytes, and refuse impossible fields in one sentence.

File layout: WFDB Applications Guide, header(5).
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from bench.errors import DataError, shortened

HINT = "Fetch the record again from the publisher, or leave it out with --on-bad-record skip."

LARGEST_HEADER = 1 << 20
"""Bytes. Headers of 12 leads have about 1,000; those of PTBDB, with 47 comments, 3,000."""
RATES = (1.0, 100_000.0)
"""Hz within which a sampling rate is one of an ECG."""
GAINS = (1e-6, 1e12)
"""Units per mV that the store's float32 gains hold with room to spare; datasets have narrower bounds."""
MOST_SIGNALS, MOST_SAMPLES, MOST_SEGMENTS = 1_024, 1_000_000_000, 100_000
LARGEST_INTEGER = 2**31
"""What a baseline, ADC zero or checksum stays below: WFDB's samples have at most 32 bits."""

_UNITS_PER_MV = {"mv": 1.0, "uv": 1e3, "μv": 1e3, "nv": 1e6, "v": 1e-3}  # the micro sign is folded to the Greek letter
_FORMAT = re.compile(
    r"(?P<code>[0-9]{1,4})(?:x(?P<per_frame>[0-9]{1,4}))?(?::(?P<skew>[0-9]{1,6}))?(?:\+(?P<offset>[0-9]{1,9}))?"
)
_GAIN = re.compile(r"(?P<gain>[-+]?[\d.]+(?:[eE][-+]?\d+)?)(?:\((?P<baseline>[-+]?\d+)\))?(?:/(?P<units>\S+))?")
_LINE_END = re.compile(r"\r\n|\r|\n")
_SHOWN = 60


@dataclass(frozen=True)
class SignalLine:
    """One signal of a header."""

    file: str
    format: str
    per_frame: int  # samples a frame
    skew: int  # samples by which the signal is shifted in its file
    offset: int  # bytes before the first sample
    gain: float  # units per mV
    baseline: int  # units at 0 mV
    checksum: int | None
    lead: str

    @property
    def plain(self) -> bool:
        """One sample a frame, no skew."""
        return self.per_frame == 1 and not self.skew


@dataclass(frozen=True)
class Header:
    """A WFDB header. ``n_samples`` is None where the header leaves it to the size of the file.

    ``segments`` names the records that a multi-segment record consists of (``~`` is a gap); None for any other record.
    """

    path: Path
    fs: float
    n_samples: int | None
    segments: tuple[str, ...] | None
    signals: tuple[SignalLine, ...]
    comments: tuple[str, ...]

    @property
    def leads(self) -> list[str]:
        return [signal.lead for signal in self.signals]


def read_header(record: Path) -> Header:
    """Read ``RECORD.hea``.

    Args:
        record: path of the record, without extension.

    Raises:
        DataError: the header is missing, empty or holds an impossible value.
    """
    path = record.with_name(record.name + ".hea")
    return parse_header(path, read_header_text(path))


def read_header_text(path: Path) -> str:
    """The text of a header: UTF-8, with or without a byte-order mark, or else Latin-1 (where ``µV`` is one byte).

    Raises:
        DataError: missing, unreadable, too large, or not text.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_HEADER + 1)
    except FileNotFoundError:
        raise DataError(f"{path} is missing. {HINT}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}. {HINT}") from error
    if len(content) > LARGEST_HEADER:
        raise DataError(f"{path} has more than {LARGEST_HEADER:,} bytes; expected a header of a few thousand. {HINT}")
    content = content.rstrip(b"\0\x1a")  # padding and the end-of-file mark of old systems
    if b"\0" in content:
        raise DataError(f"{path} holds zero bytes; expected a header, which is text. {HINT}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def parse_header(path: Path, text: str) -> Header:
    """The content of the header file at ``path``; for a reader that must repair a publisher's known slip first.

    Raises:
        DataError: it holds an impossible value.
    """
    lines = [line.strip() for line in _LINE_END.split(text)]
    comments = tuple(line[1:].strip() for line in lines if line.startswith("#"))
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        raise DataError(f"{path} is empty; expected a record line and one line per lead. {HINT}")
    fields = lines[0].split()
    if len(fields) < 2:
        raise DataError(f"{path}: the first line is {_short(lines[0])}; expected 'name leads rate samples'. {HINT}")
    n_signals = _whole(path, "number of leads", fields[1], MOST_SIGNALS)
    fs = _rate(path, fields[2]) if len(fields) > 2 else 250.0
    n_samples = (_whole(path, "number of samples", fields[3], MOST_SAMPLES) if len(fields) > 3 else 0) or None
    if "/" in fields[0]:
        n_segments = _whole(path, "number of segments", fields[0].split("/", 1)[1], MOST_SEGMENTS)
        if len(lines) - 1 < n_segments or not n_segments:
            raise DataError(
                f"{path}: the first line states {n_segments} segments and {len(lines) - 1} lines follow; expected one "
                f"line for each. {HINT}"
            )
        segments = tuple(_neighbour(path, "segment", line.split()[0]) for line in lines[1 : 1 + n_segments])
        return Header(path, fs, n_samples, segments, (), comments)
    if len(lines) - 1 < n_signals or not n_signals:
        raise DataError(
            f"{path}: the first line states {n_signals} leads and {len(lines) - 1} lines follow; expected one line for "
            f"each of at least 12 leads. {HINT}"
        )
    signals = tuple(_signal_line(path, line) for line in lines[1 : 1 + n_signals])
    return Header(path, fs, n_samples, None, signals, comments)


@functools.lru_cache(maxsize=64)
def units_per_mv(unit: str) -> float | None:
    """How many of a physical unit are 1 mV; None for a unit that is none of mV, uV, µV, nV and V."""
    return _UNITS_PER_MV.get(unicodedata.normalize("NFKC", unit).lower())


def _signal_line(path: Path, line: str) -> SignalLine:
    fields = line.split(maxsplit=8)
    if len(fields) < 2:
        raise DataError(
            f"{path}: cannot read the lead line {_short(line)}; expected 'file format gain ... name'. {HINT}"
        )
    file = _neighbour(path, "signal file", fields[0])
    layout = _FORMAT.fullmatch(fields[1])
    if layout is None:
        raise DataError(f"{path}: the signal format is {_short(fields[1])}; expected one such as 16 or 16+24. {HINT}")
    lead = fields[8] if len(fields) > 8 else ""  # it appears in messages
    lead = lead.strip() if lead.isprintable() else "".join(filter(str.isprintable, lead)).strip()
    where = f"lead {lead[:_SHOWN]}" if lead else "an unnamed lead"
    calibration = _GAIN.fullmatch(fields[2]) if len(fields) > 2 else None
    units = (calibration and calibration["units"]) or "mV"
    scale = units_per_mv(units)
    if scale is None:
        raise DataError(f"{path}: the unit of {where} is {_short(units)}; expected mV, uV, µV, nV or V. {HINT}")
    # a gain is units per physical unit: a volt-based header has 1000 times the units of a millivolt
    gain = _number(path, f"gain of {where}", calibration["gain"]) * scale if calibration else 0.0
    if not GAINS[0] <= gain <= GAINS[1]:
        stated = fields[2][:_SHOWN] if len(fields) > 2 else "absent"
        raise DataError(
            f"{path}: the gain of {where} is {stated}; expected units per mV from {GAINS[0]:g} to {GAINS[1]:g}, such as "
            f"1000.0(0)/mV. Without it the signal has no scale. {HINT}"
        )
    assert calibration is not None
    zero = _integer(path, f"ADC zero of {where}", fields[4]) if len(fields) > 4 else 0
    return SignalLine(
        file=file,
        format=layout["code"],
        per_frame=int(layout["per_frame"] or 1),
        skew=int(layout["skew"] or 0),
        offset=int(layout["offset"] or 0),
        gain=gain,
        baseline=_integer(path, f"baseline of {where}", calibration["baseline"]) if calibration["baseline"] else zero,
        checksum=_integer(path, f"checksum of {where}", fields[6]) if len(fields) > 6 else None,
        lead=lead,
    )


def _rate(path: Path, text: str) -> float:
    fs = _number(path, "sampling rate", text.split("/")[0].split("(")[0])
    if not RATES[0] <= fs <= RATES[1]:
        raise DataError(
            f"{path}: the sampling rate is {text[:_SHOWN]}; expected Hz from {RATES[0]:g} to {RATES[1]:,.0f}. {HINT}"
        )
    return fs


def _neighbour(path: Path, what: str, name: str) -> str:
    """A name of another file in the header's folder."""
    if "/" in name or "\\" in name or name in (".", "..") or "\0" in name:
        raise DataError(f"{path}: the {what} is named {_short(name)}; expected a file in the header's folder. {HINT}")
    return name


def _number(path: Path, what: str, text: str) -> float:
    try:
        if "_" in text or not text.isascii():  # Python reads 1_000 and the digits of all scripts
            raise ValueError(text)
        return float(text)
    except ValueError:
        raise DataError(f"{path}: the {what} is {_short(text)}; expected a number. {HINT}") from None


def _integer(path: Path, what: str, text: str) -> int:
    try:
        if "_" in text or not text.isascii():
            raise ValueError(text)
        value = int(text)
    except ValueError:
        raise DataError(f"{path}: the {what} is {_short(text)}; expected a whole number. {HINT}") from None
    if abs(value) > LARGEST_INTEGER:
        raise DataError(f"{path}: the {what} is {text[:_SHOWN]}; expected a number of at most 32 bits. {HINT}")
    return value


def _whole(path: Path, what: str, text: str, most: int) -> int:
    value = _integer(path, what, text)
    if not 0 <= value <= most:
        raise DataError(f"{path}: the {what} is {value}; expected 0 to {most:,}. {HINT}")
    return value


def _short(text: str) -> str:
    return repr(shortened(text, _SHOWN))
