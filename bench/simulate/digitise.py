"""From millivolts to a publisher's bytes: decimation, quantisation, WFDB format 16."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np


@lru_cache(maxsize=8)
def _decimation_block(factor: int, outputs: int) -> tuple[np.ndarray, int]:
    """The low-pass filter as a matrix [input, output] that yields ``outputs`` neighbouring samples, and its reach."""
    reach = 10 * factor
    t = np.arange(-reach, reach + 1)
    cutoff = 0.44 / factor  # cycles per input sample; the new Nyquist frequency is 0.5 / factor
    taps = 2 * cutoff * np.sinc(2 * cutoff * t) * np.kaiser(2 * reach + 1, 6.0)
    taps /= taps.sum()
    block = np.zeros((2 * reach + 1 + factor * (outputs - 1), outputs), np.float32)
    for k in range(outputs):
        block[k * factor : k * factor + len(taps), k] = taps
    return block, reach


def decimate(signal: np.ndarray, factor: int) -> np.ndarray:
    """Every ``factor``-th sample after a linear-phase low-pass filter: [..., time] -> [..., time // factor], float32.

    The ends are continued by their first and last value.
    """
    samples = signal.shape[-1] // factor
    outputs = next(k for k in (10, 8, 5, 4, 2, 1) if samples % k == 0)
    block, reach = _decimation_block(factor, outputs)
    padded = np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(reach, reach + factor)], mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(block), axis=-1)
    windows = windows[..., : samples * factor : factor * outputs, :]
    out = np.matmul(np.ascontiguousarray(windows), block)
    return out.reshape(*signal.shape[:-1], samples)


def quantise(signal: np.ndarray, gain: float = 1000.0) -> np.ndarray:
    """[record, lead, time] in mV to int16 analogue-to-digital units, saturated just inside the int16 range.

    -32768 marks a missing sample in WFDB and is never written.
    """
    return np.clip(np.rint(signal * np.float32(gain)), -32767, 32767).astype(np.int16)


def write_wfdb16(
    paths: Sequence[Path], signal: np.ndarray, fs: int, lead_names: Sequence[str], gain: float = 1000.0
) -> None:
    """Write ``PATH.hea`` and ``PATH.dat`` (WFDB format 16, interleaved little-endian) for each recording.

    ``signal`` is int16 [record, lead, time] in analogue-to-digital units of 1/``gain`` mV. Checksums are the 16-bit
    sums that WFDB defines (https://physionet.org/physiotools/wag/header-5.htm).
    """
    n_leads, samples = signal.shape[1:]
    checksums = signal.sum(axis=-1, dtype=np.int64) % 65536
    interleaved = np.ascontiguousarray(signal.transpose(0, 2, 1), dtype="<i2")
    for path, first, checksum, data in zip(
        paths, signal[:, :, 0].tolist(), checksums.tolist(), interleaved, strict=True
    ):
        lines = [f"{path.name} {n_leads} {fs} {samples}"]
        lines += [
            f"{path.name}.dat 16 {gain:.1f}(0)/mV 16 0 {first[k]} {checksum[k]} 0 {name}"
            for k, name in enumerate(lead_names)
        ]
        path.with_name(path.name + ".hea").write_text("\n".join(lines) + "\n", encoding="ascii")
        path.with_name(path.name + ".dat").write_bytes(data.data)
