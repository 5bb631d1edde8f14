"""WFDB records: format 16 and 32 signals in ``.dat`` files or behind the 24-byte head of a ``.mat`` file.

PTB-XL, MIMIC-IV-ECG (format 16, ``.dat``), CSN and the CinC challenges (``16+24``, ``.mat``) all store twelve leads as
interleaved little-endian int16, PTB-XL+ as int32, which one read and one transpose recover; every other format goes through
``wfdb.rdrecord``. Values equal wfdb's either way, and the header's checksums are verified either way. File layout: WFDB
Applications Guide, signal(5); headers are read by :mod:`bench.signals.wfdb_header`.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import numpy as np

from bench.dataset import Recording
from bench.errors import DataError
from bench.signals.leads import LEADS, canonical_lead, lead_order
from bench.signals.wfdb_header import HINT, Header, SignalLine, read_header, units_per_mv

_MATLAB_4 = b"\x1e\0\0\0"
"""How the 24-byte head of a ``.mat`` file of the CinC challenges begins: type 30, little-endian 16-bit integers in full."""
_SAMPLES: dict[str, np.dtype] = {"16": np.dtype("<i2"), "32": np.dtype("<i4")}
_BITS = {"8": 8, "80": 8, "212": 12, "310": 10, "311": 10, "16": 16, "61": 16, "160": 16, "24": 24, "32": 32}
"""Bits a sample of each format takes at least; the others are compressed."""
_GAP = "~"


def read_recording(record: Path, header: Header | None = None, may_lack: tuple[str, ...] = ()) -> Recording:
    """Read a WFDB record as twelve leads in ``LEADS`` order, whatever their order in the file.

    Args:
        record: path of the record, without extension.
        header: its header, where the caller has read it already.
        may_lack: leads that some records of the dataset do not have; they are then absent from the recording.

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
    order = lead_order(header.leads, str(header.path), may_lack)
    signal = np.ascontiguousarray(_read_frames(header).T)
    _verify_checksums(header, _sums(signal))
    if order != list(range(len(signal))):
        signal = signal[order]
    invalid = signal == np.iinfo(signal.dtype).min
    baseline = np.array([signals[i].baseline for i in order])
    gain = np.array([signals[i].gain for i in order], np.float64)
    if invalid.any():
        signal = signal.astype(np.float64) - baseline[:, None]
        signal[invalid] = np.nan
    elif baseline.any():
        signal = signal.astype(np.int64) - baseline[:, None]
    if len(order) < len(LEADS):
        return _of_some_leads(signal, header, gain, [canonical_lead(header.leads[i]) for i in order])
    return Recording(signal=np.ascontiguousarray(signal), fs=header.fs, gain=gain)


def _of_some_leads(signal: np.ndarray, header: Header, gain: np.ndarray, present: list[str]) -> Recording:
    rows = [LEADS.index(lead) for lead in present]
    every = np.zeros((len(LEADS), signal.shape[1]), signal.dtype)
    gains = np.full(len(LEADS), 1000.0)
    every[rows], gains[rows] = signal, gain
    return Recording(every, header.fs, gains, absent=tuple(lead for lead in LEADS if lead not in present))


def _is_plain(signals: tuple[SignalLine, ...]) -> bool:
    first = signals[0]
    return first.format in _SAMPLES and all(
        s.format == first.format and s.plain and s.file == first.file and s.offset == first.offset for s in signals
    )


def _size(header: Header, file: str) -> int:
    """Bytes of a signal file that the header names."""
    path = header.path.with_name(file)
    try:
        status = path.stat()
    except FileNotFoundError:
        raise DataError(f"{path} is missing ({header.path.name} names it). {HINT}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}. {HINT}") from error
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{path} is not a file ({header.path.name} names it as the signal). {HINT}")
    return status.st_size


def _expect_size(header: Header, file: str, expected: int) -> int:
    size = _size(header, file)
    if size < expected:
        path, width = header.path.with_name(file), sum(signal.file == file for signal in header.signals)
        problem = "is empty" if size == 0 else f"is truncated: {size:,} bytes"
        raise DataError(
            f"{path} {problem}; {header.path.name} states {width} leads of {header.n_samples or 'any number of'} "
            f"samples, at least {expected:,} bytes. {HINT}"
        )
    return size


def _read_frames(header: Header) -> np.ndarray:
    """Samples as stored, int16 or int32 [time, signal]."""
    first, width = header.signals[0], len(header.signals)
    sample = _SAMPLES[first.format]
    path = header.path.with_name(first.file)
    n_samples = 1 if header.n_samples is None else header.n_samples
    size = _expect_size(header, first.file, first.offset + sample.itemsize * n_samples * width)
    if header.n_samples is None:
        n_samples = (size - first.offset) // sample.itemsize // width
    try:
        with open(path, "rb") as file:
            head = file.read(first.offset)
            if first.offset == len(_MATLAB_4) + 20 and path.suffix == ".mat" and not head.startswith(_MATLAB_4):
                raise DataError(
                    f"{path} begins with {head[:8]!r}; expected a MATLAB version 4 file of 16-bit integers, which begins "
                    f"with {_MATLAB_4!r}. {HINT}"
                )
            return np.fromfile(file, sample, n_samples * width).reshape(-1, width)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}. {HINT}") from error


def _sums(signal: np.ndarray) -> list[int]:
    """The sum of each signal's samples modulo 2**16, of [signal, time]."""
    # numpy adds integers into uint16 with wrap-around, which is the modulus wanted.
    halves = np.ascontiguousarray(signal).view(np.uint16)[:, :: signal.itemsize // 2]
    return np.add.reduce(halves, axis=1, dtype=np.uint16).tolist()


def _verify_checksums(header: Header, sums: list[int]) -> None:
    """Compare with the header's sums of samples, modulo 2**16 (written signed by some and unsigned by others)."""
    for signal, computed in zip(header.signals, sums, strict=True):
        if signal.checksum is not None and signal.checksum % 65536 != computed:
            raise DataError(
                f"{header.path.with_name(signal.file)}: lead {signal.lead} has checksum {computed}, and "
                f"{header.path.name} says {signal.checksum % 65536}; these are not the samples as published. {HINT}"
            )


def _read_with_wfdb(record: Path, header: Header) -> Recording:
    if header.segments is None:
        lead_order(header.leads, str(header.path))  # before minutes are spent on a recording of other leads
        _verify_with_wfdb(record, header)
    else:
        for name in header.segments:
            if name != _GAP:
                _verify_segment(record.with_name(name), header)
    wfdb_record = _rdrecord(record, header)
    if wfdb_record.p_signal is None or not len(wfdb_record.p_signal):
        raise DataError(f"{header.path}: the record holds no samples. {HINT}")
    order = lead_order([name or "" for name in wfdb_record.sig_name], str(header.path))
    scale = []
    for i in order:
        unit = wfdb_record.units[i] or "mV"
        per_mv = units_per_mv(unit)
        if per_mv is None:
            raise DataError(f"{header.path}: the unit {unit!r} is unknown; expected mV, uV, µV, nV or V. {HINT}")
        scale.append(per_mv)
    return Recording(signal=wfdb_record.p_signal.T[order] / np.array(scale)[:, None], fs=float(wfdb_record.fs))


def _verify_segment(record: Path, master: Header) -> None:
    """Check one segment's files and checksums before wfdb joins them."""
    header = read_header(record)
    if header.segments is not None:
        raise DataError(f"{master.path}: the segment {record.name} has segments itself; expected samples. {HINT}")
    if not all(signal.file == _GAP for signal in header.signals):  # a layout segment names leads and no files
        _verify_with_wfdb(record, header)


def _verify_with_wfdb(record: Path, header: Header) -> None:
    """Check that the signal files are there, as long as promised, and have the header's checksums."""
    for file in dict.fromkeys(signal.file for signal in header.signals):
        signals = [signal for signal in header.signals if signal.file == file]
        bits = sum(_BITS.get(signal.format, 0) * signal.per_frame for signal in signals) * (header.n_samples or 1)
        _expect_size(header, file, signals[0].offset + bits // 8 if bits else 1)
    if all(signal.checksum is None for signal in header.signals):
        return
    if _is_plain(header.signals):
        _verify_checksums(header, _sums(_read_frames(header).T))
        return
    wfdb_record = _rdrecord(record, header, physical=False, smooth_frames=False, ignore_skew=True)
    _verify_checksums(header, [int(np.sum(samples, dtype=np.int64)) % 65536 for samples in wfdb_record.e_d_signal])


def _rdrecord(record: Path, header: Header, **options: Any) -> Any:
    import wfdb

    try:
        return wfdb.rdrecord(str(record), **options)
    except Exception as error:  # wfdb raises whatever its parser stumbles on, bare Exception included
        what = str(error) or type(error).__name__
        raise DataError(f"{header.path}: wfdb cannot read this record: {what}. {HINT}") from error
