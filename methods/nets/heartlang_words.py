"""HeartLang's words: cut every lead at the heartbeats of lead I.

Source: Jin et al., ICLR 2025, and the description of its released tokeniser since May 2025, which finds beats on lead I
alone; before, it found them on each lead.

Rules that neither paper nor description states:

- A word holds at most 48 samples before its beat and 48 from it on; the beat is its sample 48, and what it lacks is zero.
- The first word begins, and the last word ends, at that distance from its beat, or where the recording does.
- A recording without a detected beat is one long pause: its words are every 96 samples, so that no signal is lost.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int64

from bench.errors import ConfigError

WORD = 96
"""Samples of a word."""
WORDS = 256
"""Words of a sentence. Those beyond are cut, which loses the last leads of a fast rhythm."""
FS = 100
SECONDS = 15
"""Of a recording at most; each has an embedding, and padding has one more."""


def find_beats(lead: np.ndarray, fs: float = FS) -> list[int]:
    """Samples of the QRS complexes of one lead, by wfdb's xqrs; none of a flat lead, or in 0.3 s, which it cannot read."""
    from wfdb.processing import xqrs_detect

    lead = np.nan_to_num(np.asarray(lead, dtype=np.float64))
    if len(lead) <= 30 or not np.ptp(lead):
        return []
    return [int(beat) for beat in xqrs_detect(lead, fs=fs, verbose=False)]


def word_borders(beats: list[int], samples: int) -> list[tuple[int, int, int]]:
    """Start, end and beat of each word: borders are midway between beats, and at most 48 samples from the beat."""
    half = WORD // 2
    if not beats:
        return [(start, min(start + WORD, samples), start + half) for start in range(0, samples, WORD)]
    middles = [(a + b) // 2 for a, b in zip(beats, beats[1:], strict=False)]
    starts, ends = [0, *middles], [*middles, samples]
    return [
        (max(start, beat - half), min(end, beat + half), beat)
        for start, end, beat in zip(starts, ends, beats, strict=True)
    ]


def sentence(
    ecg: Float32[np.ndarray, "lead time"], beats: list[int] | None = None
) -> tuple[Float32[np.ndarray, "word sample"], Int64[np.ndarray, "word"], Int64[np.ndarray, "word"]]:
    """The words of a recording at 100 Hz, lead after lead, and the lead and second of each, from 1; 0 is padding.

    Args:
        ecg: leads in standard order.
        beats: samples of the beats; those of lead I, by default.

    Raises:
        ConfigError: the recording is longer than the time embeddings.
    """
    if ecg.shape[1] > SECONDS * FS:
        raise ConfigError(
            f"HeartLang has time embeddings for {SECONDS} s at {FS} Hz and received {ecg.shape[1]} samples; crop the "
            f"recordings."
        )
    beats = find_beats(ecg[0]) if beats is None else beats
    words, leads, seconds = np.zeros((WORDS, WORD), np.float32), np.zeros(WORDS, np.int64), np.zeros(WORDS, np.int64)
    borders = word_borders(beats, ecg.shape[1])
    places = [(lead, *border) for lead in range(len(ecg)) for border in borders][:WORDS]
    for i, (lead, start, end, beat) in enumerate(places):
        first = start - beat + WORD // 2
        words[i, first : first + end - start] = ecg[lead, start:end]
        leads[i], seconds[i] = lead + 1, min(beat, ecg.shape[1] - 1) // FS + 1
    return words, leads, seconds
