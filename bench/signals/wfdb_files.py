"""WFDB records: headers, and format 16 and 32 signals in ``.dat`` files or behind the 24-byte head of a ``.mat`` file.

PTB-XL, MIMIC-IV-ECG (format 16, ``.dat``), CSN and the CinC challenges (``16+24``, ``.mat``) all store twelve leads as
interleaved little-endian int16, PTB-XL+ as int32, which one read and one transpose recover; every other format goes through
``wfdb.rdrecord``. Values equal wfdb's either way. File layouts: WFDB Applications Guide, header(5) and signal(5).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.dataset import Recording
from bench.errors import DataError
from bench.signals.leads import lead_order

INVALID_16 = -32768
"""The sample value by which format 16 marks an invalid sample, as the smallest integer does in format 32; it reads as
NaN, as in wfdb."""
_MATLAB_4 = b"\x1e\0\0\0"
"""How the 24-byte head of a ``.mat`` file of the CinC challenges begins: type 30, little-endian 16-bit integers in full."""
_SAMPLES: dict[str, np.dtype] = {"16": np.dtype("<i2"), "32": np.dtype("<i4")}

CURE = "Fetch the record again from the publisher, or leave it out with --on-bad-record skip."

_UNITS_PER_MV = {"mv": 1.0, "uv": 1e3, "µv": 1e3, "nv": 1e6, "v": 1e-3}
_FORMAT = re.compile(r"(?P<code>\d+)(?:x(?P<per_frame>\d+))?(?::(?P<skew>\d+))?(?:\+(?P<offset>\d+))?")
_GAIN = re.compile(r"(?P<gain>[-+]?[\d.]+(?:[eE][-+]?\d+)?)(?:\((?P<baseline>[-+]?\d+)\))?(?:/(?P<units>\S+))?")


@dataclass(frozen=True)
class SignalLine:
    """One signal of a header."""

    file: str
    format: str
    plain: bool  # one sample a frame, no skew
    offset: int  # bytes before the first sample
    gain: float  # units per mV
    baseline: int  # units at 0 mV
    checksum: int | None
    lead: str


@dataclass(frozen=True)
class Header:
    """A WFDB header. ``n_samples`` is None where the header leaves it to the size of the file."""

    path: Path
    fs: float
    n_samples: int | None
    segments: int | None
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
        DataError: the header is missing, empty or says something that cannot be.
    """
    path = record.with_name(record.name + ".hea")
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except FileNotFoundError:
        raise DataError(f"{path} is missing. {CURE}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}. {CURE}") from error
    return parse_header(path, text)


def parse_header(path: Path, text: str) -> Header:
    """The content of the header file at ``path``; for a reader that must mend a publisher's known slip first.

    Raises:
        DataError: it says something that cannot be.
    """
    lines = [line.strip() for line in text.splitlines()]
    comments = tuple(line[1:].strip() for line in lines if line.startswith("#"))
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        raise DataError(f"{path} is empty; expected a record line and one line a lead. {CURE}")
    fields = lines[0].split()
    segments = _whole(path, "number of segments", fields[0].split("/", 1)[1]) if "/" in fields[0] else None
    if len(fields) < 2:
        raise DataError(f"{path}: the first line is {lines[0]!r}; expected 'name leads rate samples'. {CURE}")
    n_signals = _whole(path, "number of leads", fields[1])
    fs = _number(path, "sampling rate", fields[2].split("/")[0].split("(")[0]) if len(fields) > 2 else 250.0
    if not 0 < fs < math.inf:
        raise DataError(f"{path}: the sampling rate is {fields[2]}; expected a number of Hz above 0. {CURE}")
    n_samples = _whole(path, "number of samples", fields[3]) if len(fields) > 3 else 0
    if segments is not None:
        return Header(path, fs, n_samples or None, segments, (), comments)
    if len(lines) - 1 < n_signals or not n_signals:
        raise DataError(
            f"{path}: the first line promises {n_signals} leads and {len(lines) - 1} lines follow; expected one line "
            f"for each of at least 12 leads. {CURE}"
        )
    signals = tuple(_signal_line(path, line) for line in lines[1 : 1 + n_signals])
    return Header(path, fs, n_samples or None, None, signals, comments)


def _signal_line(path: Path, line: str) -> SignalLine:
    fields = line.split(maxsplit=8)
    if len(fields) < 2:
        raise DataError(f"{path}: cannot read the lead line {line!r}; expected 'file format gain ... name'. {CURE}")
    file = fields[0]
    if "/" in file or "\\" in file or file in (".", ".."):
        raise DataError(f"{path}: the signal file is named {file!r}; expected a file beside the header. {CURE}")
    layout = _FORMAT.fullmatch(fields[1])
    if layout is None:
        raise DataError(f"{path}: the signal format is {fields[1]!r}; expected one such as 16 or 16+24. {CURE}")
    lead = fields[8].strip() if len(fields) > 8 else ""
    where = f"lead {lead}" if lead else "an unnamed lead"
    calibration = _GAIN.fullmatch(fields[2]) if len(fields) > 2 else None
    gain = _number(path, f"gain of {where}", calibration["gain"]) if calibration else 0.0
    if not 0 < gain < math.inf:
        found = fields[2] if len(fields) > 2 else "absent"
        raise DataError(
            f"{path}: the gain of {where} is {found}; expected units per mV above 0, such as 1000.0(0)/mV. "
            f"Without it the signal has no scale. {CURE}"
        )
    assert calibration is not None
    units = calibration["units"] or "mV"
    if units.lower() not in _UNITS_PER_MV:
        raise DataError(f"{path}: the unit of {where} is {units!r}; expected mV, uV, nV or V. {CURE}")
    zero = _integer(path, f"ADC zero of {where}", fields[4]) if len(fields) > 4 else 0
    baseline = _integer(path, f"baseline of {where}", calibration["baseline"]) if calibration["baseline"] else zero
    return SignalLine(
        file=file,
        format=layout["code"],
        plain=int(layout["per_frame"] or 1) == 1 and not int(layout["skew"] or 0),
        offset=int(layout["offset"] or 0),
        # a gain is units per physical unit: a volt-based header has 1000 times the units of a millivolt
        gain=gain * _UNITS_PER_MV[units.lower()],
        baseline=baseline,
        checksum=_integer(path, f"checksum of {where}", fields[6]) if len(fields) > 6 else None,
        lead=lead,
    )


def _number(path: Path, what: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DataError(f"{path}: the {what} is {text!r}; expected a number. {CURE}") from None


def _integer(path: Path, what: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise DataError(f"{path}: the {what} is {text!r}; expected a whole number. {CURE}") from None


def _whole(path: Path, what: str, text: str) -> int:
    value = _integer(path, what, text)
    if value < 0:
        raise DataError(f"{path}: the {what} is {value}; expected no less than 0. {CURE}")
    return value


def read_recording(record: Path, header: Header | None = None) -> Recording:
    """Read a WFDB record as twelve leads in ``LEADS`` order, whatever their order in the file.

    Args:
        record: path of the record, without extension.
        header: its header, where the caller has read it already.

    Returns:
        The publisher's integers with their gain, baselines subtracted; where samples are marked invalid, the same
        numbers as floats with NaN.

    Raises:
        DataError: a file is missing, empty, truncated or fails its checksum; a lead is missing or named twice.
    """
    header = header or read_header(record)
    signals = header.signals
    if header.segments is not None or not _is_plain(signals):
        return _read_with_wfdb(record, header)
    order = lead_order(header.leads, str(header.path))
    frames = _read_frames(header)
    _verify_checksums(header, frames)
    # Gathering whole frames first would copy twice: one transpose puts the leads in order.
    signal = frames.T[order]
    invalid = signal == np.iinfo(signal.dtype).min
    baseline = np.array([signals[i].baseline for i in order])
    gain = np.array([signals[i].gain for i in order], np.float64)
    if invalid.any():
        signal = signal.astype(np.float64) - baseline[:, None]
        signal[invalid] = np.nan
    elif baseline.any():
        wider = np.int64 if signal.dtype.itemsize > 2 else np.int32
        signal = signal.astype(wider) - baseline[:, None].astype(wider)
    return Recording(signal=np.ascontiguousarray(signal), fs=header.fs, gain=gain)


def _is_plain(signals: tuple[SignalLine, ...]) -> bool:
    first = signals[0]
    return first.format in _SAMPLES and all(
        s.format == first.format and s.plain and s.file == first.file and s.offset == first.offset for s in signals
    )


def _read_frames(header: Header) -> np.ndarray:
    """Samples as stored, int16 or int32 [time, signal]."""
    first, width = header.signals[0], len(header.signals)
    sample = _SAMPLES[first.format]
    path = header.path.with_name(first.file)
    count = -1 if header.n_samples is None else header.n_samples * width
    try:
        size = path.stat().st_size
        expected = first.offset + sample.itemsize * (count if count >= 0 else width)
        if size < expected:
            found = "is empty" if size == 0 else f"is truncated: {size:,} bytes"
            raise DataError(
                f"{path} {found}; {header.path.name} promises {width} leads of {header.n_samples or 'any number of'} "
                f"samples, at least {expected:,} bytes. {CURE}"
            )
        if count < 0:
            count = (size - first.offset) // sample.itemsize // width * width
        with open(path, "rb") as file:
            head = file.read(first.offset)
            if first.offset == len(_MATLAB_4) + 20 and path.suffix == ".mat" and not head.startswith(_MATLAB_4):
                raise DataError(
                    f"{path} begins with {head[:8]!r}; expected a MATLAB version 4 file of 16-bit integers, which begins "
                    f"with {_MATLAB_4!r}. {CURE}"
                )
            return np.fromfile(file, sample, count).reshape(-1, width)
    except FileNotFoundError:
        raise DataError(f"{path} is missing ({header.path.name} names it). {CURE}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}. {CURE}") from error


def _verify_checksums(header: Header, frames: np.ndarray) -> None:
    """Compare with the header's sums of samples, modulo 2**16 (written signed by some and unsigned by others)."""
    # numpy adds integers into uint16 with wrap-around, which is the modulus wanted.
    sums = np.add.reduce(frames.view(np.uint16)[:, :: frames.itemsize // 2], axis=0, dtype=np.uint16)
    for signal, found in zip(header.signals, sums.tolist(), strict=True):
        if signal.checksum is not None and signal.checksum % 65536 != found:
            raise DataError(
                f"{header.path.with_name(signal.file)}: lead {signal.lead} has checksum {found}, and "
                f"{header.path.name} says {signal.checksum % 65536}; these are not the samples as published. {CURE}"
            )


def _read_with_wfdb(record: Path, header: Header) -> Recording:
    import wfdb

    try:
        found = wfdb.rdrecord(str(record))
    except Exception as error:  # wfdb raises whatever its parser stumbles on, bare Exception included
        what = str(error) or type(error).__name__
        raise DataError(f"{header.path}: wfdb cannot read this record: {what}. {CURE}") from error
    if found.p_signal is None or not len(found.p_signal):
        raise DataError(f"{header.path}: the record holds no samples. {CURE}")
    order = lead_order(found.sig_name, str(header.path))
    units = [(found.units[i] or "mV").lower() for i in order]
    unknown = [unit for unit in units if unit not in _UNITS_PER_MV]
    if unknown:
        raise DataError(f"{header.path}: the unit {unknown[0]!r} is unknown; expected mV, uV, nV or V. {CURE}")
    scale = np.array([_UNITS_PER_MV[unit] for unit in units])
    return Recording(signal=found.p_signal.T[order] / scale[:, None], fs=float(found.fs))
