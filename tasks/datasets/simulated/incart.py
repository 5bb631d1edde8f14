"""The simulated INCART: WFDB records of 257 Hz, annotated beats in ``.atr``, patients in the comments of headers.

Recordings last 20 s instead of half an hour, so that tests stay fast. As in the real one, gains differ by record, leads
are called AVR, AVL and AVF, some headers lack the diagnoses, and ``+`` marks are no beats.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.errors import ConfigError
from bench.signals.leads import LEADS
from bench.simulate import simulate
from bench.simulate.digitise import quantise
from bench.simulate.rhythm import VENTRICULAR, beats
from tasks.datasets.challenge_files import new_root
from tasks.datasets.simulated.people import SimulatedPerson, draw_person, patient_with

FS, SECONDS = 257, 20.0
_FINDINGS = (
    ("ventricular_premature_beats",),
    (),
    ("atrial_premature_beats",),
    ("ventricular_premature_beats", "bigeminy"),
    ("sinus_tachycardia",),
)
_WORDS = ("Coronary artery disease, arterial hypertension", "", "Sinus node dysfunction", "Earlier MI", "")


def simulate_incart(destination: Path, n_records: int = 40, seed: int = 0) -> None:
    """Write an INCART data root of simulated recordings, two a patient. Same arguments, same bytes.

    Raises:
        ConfigError: for fewer than 1 or more than 999 records. DataError: the destination cannot be written.
    """
    if not 1 <= n_records <= 999:
        raise ConfigError(f"simulating {n_records} recordings: expected 1 to 999.")
    rng = np.random.default_rng([seed, 75])
    people = [draw_person(rng, 58.0, ill=True) for _ in range((n_records + 1) // 2)]
    patients = [
        patient_with(people[row // 2], _FINDINGS[row // 2 % len(_FINDINGS)], rng, again=row % 2 == 1)
        for row in range(n_records)
    ]
    # the streams of simulate(), so that annotations lie on its beats
    seeds = np.random.default_rng([seed, 76]).integers(0, 2**63, size=n_records)
    signals = simulate(patients, np.random.default_rng([seed, 76]), fs=FS, seconds=SECONDS)
    with new_root(destination) as root:
        for row, (patient, signal) in enumerate(zip(patients, signals, strict=True)):
            path = root / f"I{row + 1:02d}"
            stream = np.random.default_rng(int(seeds[row]))
            when = beats(patient.rhythm, patient.heart.pr_ms / 1000, SECONDS, stream)
            premature = "A" if "atrial_premature_beats" in _FINDINGS[row // 2 % len(_FINDINGS)] else "N"
            _write(path, signal, gain=300.0 + 50 * (row % 7), comments=_comments(people[row // 2], row))
            _annotate(path, _symbols(when.qrs, when.kind, when.rr, premature))


def _comments(person: SimulatedPerson, row: int) -> list[str]:
    words = _WORDS[row // 2 % len(_WORDS)]
    diagnoses = f" <diagnoses> {words}" if words else ""
    return [
        f"<age>: {person.age:.0f} <sex>: {'F' if person.female else 'M'}{diagnoses}",
        f"patient {row // 2 + 1}",
        "PVCs",
    ]


def _symbols(onsets: list[float], kinds: list[int], cycles: list[float], premature: str) -> list[tuple[int, str]]:
    """(sample, symbol) of each beat within the recording; a beat that comes early is ``premature``."""
    usual = float(np.median(cycles)) if cycles else 1.0
    marks = [(1, "+")]
    for onset, kind, cycle in zip(onsets, kinds, cycles, strict=True):
        sample = round((onset + 0.04) * FS)
        symbol = "V" if kind == VENTRICULAR else premature if cycle < 0.8 * usual else "N"
        if 1 < sample < FS * SECONDS:
            marks.append((sample, symbol))
    return sorted(marks)


def _write(path: Path, signal: np.ndarray, gain: float, comments: list[str]) -> None:
    samples = quantise(signal, gain)
    lines = [f"{path.name} 12 {FS} {samples.shape[1]}"]
    for lead, values in zip(LEADS, samples, strict=True):
        checksum = (int(values.sum(dtype=np.int64)) + 32768) % 65536 - 32768
        lines.append(f"{path.name}.dat 16 {gain:g} 16 0 {int(values[0])} {checksum} 0 {lead.upper()}")
    lines += [f"# {comment}" for comment in comments]
    path.with_name(path.name + ".hea").write_text("\n".join(lines) + "\n", encoding="ascii")
    path.with_name(path.name + ".dat").write_bytes(np.ascontiguousarray(samples.T, "<i2").tobytes())


def _annotate(path: Path, marks: list[tuple[int, str]]) -> None:
    """WFDB's annotation format (annot(5)): two bytes a mark, six bits of type and ten of samples since the last one."""
    codes = {"N": 1, "V": 5, "A": 8, "+": 28}
    content, before = bytearray(), 0
    for sample, symbol in marks:
        step = sample - before
        if step > 1023:  # type 59 skips; a long integer follows, its high half first
            content += (59 << 10).to_bytes(2, "little") + (step >> 16).to_bytes(2, "little")
            content += (step & 0xFFFF).to_bytes(2, "little")
            step = 0
        content += (codes[symbol] << 10 | step).to_bytes(2, "little")
        before = sample
    path.with_name(path.name + ".atr").write_bytes(bytes(content) + b"\0\0")
