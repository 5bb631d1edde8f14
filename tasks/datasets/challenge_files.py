"""The record layout of the CinC challenges 2020 and 2021, which CSN shares: a WFDB header with age, sex and SNOMED CT
codes in its comments, and the samples in a MATLAB version 4 file read as WFDB format ``16+24``.

Source: Perez Alday et al., Physiological Measurement 41:124003, 2020; https://physionet.org/content/challenge-2020/.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.dataset import RecordFile, Recording, path_inside
from bench.errors import DataError
from bench.signals.leads import LEADS
from bench.signals.wfdb_header import parse_header, read_header_text
from bench.storage.artifacts import folder_next_to

if TYPE_CHECKING:
    import pandas as pd

SLIPPED = "S23074"
"""How CinC 2021 calls JS23074: in the name of its header, or of both its files."""

CSN_PATTERN = "JS[0-9][0-9][0-9][0-9][0-9]"
"""The names of CSN's records."""

_SNOMED_CT = re.compile(r"[0-9]{6,18}")
_COUNT = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class HeaderNotes:
    """The comments of a header. Age in years, NaN if unknown; sex ``male``, ``female`` or ``""``.

    ``no_codes`` says why there are no ``codes``: ``""`` if there are. ``malformed`` is true where something stands in place
    of codes that may have meant some.
    """

    age: float = float("nan")
    sex: str = ""
    codes: tuple[str, ...] = ()
    no_codes: str = ""
    malformed: bool = False
    n_samples: int | None = None
    fs: float | None = None


def read_notes(path: Path) -> HeaderNotes:
    """Comments and length from a ``.hea`` file.

    Lenient on purpose: a header that cannot be read makes itself known when its signal is read, where the user decides
    whether to skip it; here it has no notes.
    """
    try:
        text = read_header_text(path)
    except DataError:
        return HeaderNotes()
    notes: dict[str, str] = {}
    diagnoses: list[str] = []
    first: list[str] = []
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("#"):
            key, _, value = line[1:].partition(":")
            notes.setdefault(key.strip().lower(), value.strip())
            if key.strip().lower() == "dx":
                diagnoses.append(value.strip())
        elif line and not first:
            first = line.split()
    length, rate = (first[3] if len(first) > 3 else ""), (first[2] if len(first) > 2 else "")
    codes, no_codes, malformed = _codes(diagnoses)
    return HeaderNotes(
        age=clean_age(notes.get("age", "")),
        sex=clean_sex(notes.get("sex", "")),
        codes=codes,
        no_codes=no_codes,
        malformed=malformed,
        n_samples=int(length) if _COUNT.fullmatch(length) else None,
        fs=float(rate) if _COUNT.fullmatch(rate) else None,
    )


def _codes(diagnoses: Sequence[str]) -> tuple[tuple[str, ...], str, bool]:
    """Codes of the ``#Dx`` lines, or why there are none and whether what stands there may have meant some."""
    if len(set(diagnoses)) > 1:
        return (), f"has {len(diagnoses)} #Dx lines that differ", True
    codes = tuple(code.strip() for line in diagnoses[:1] for code in line.split(",") if code.strip())
    wrong = [code for code in codes if not _SNOMED_CT.fullmatch(code)]
    if wrong:
        return (), f"has {wrong[0][:40]!r} in its #Dx line; expected SNOMED CT codes joined by commas", True
    return codes, "" if codes else "has an empty #Dx line" if diagnoses else "has no #Dx line", False


def clean_age(value: object) -> float:
    """Years, or NaN for what is no age: ``NaN``, ``-1``, words."""
    try:
        age = float(str(value))
    except ValueError:
        return float("nan")
    return age if 0 <= age <= 120 else float("nan")


def clean_sex(value: object) -> str:
    """``male``, ``female`` or ``""``; the challenges write M, F, Male, Female, Unknown and NaN."""
    return {"m": "male", "f": "female"}.get(str(value).strip().lower()[:1], "")


def records_below(root: Path, pattern: str, suffix: str) -> dict[str, Path]:
    """Record id -> its path without extension, for files ``PATTERN + suffix`` anywhere below ``root``, by id.

    Raises:
        DataError: one id in two places.
    """
    paths: dict[str, Path] = {}
    for path in sorted(root.rglob(pattern + suffix)):
        other = paths.setdefault(path.stem, path.with_suffix(""))
        if other != path.with_suffix(""):
            raise DataError(
                f"{root}: record {path.stem} is in two places, {other.parent} and {path.parent}; expected one. Remove "
                "one of the copies, or name the folder that holds a single copy of the dataset."
            )
    return dict(sorted(paths.items()))


def record_files(root: Path, records: pd.DataFrame) -> list[RecordFile]:
    """Where the signals of records lie whose column ``path`` states it, relative to ``root`` and without extension.

    Raises:
        DataError: a path leads out of the root.
    """
    return [
        RecordFile(record, path_inside(root, path, f"{root}: record {record}"))
        for record, path in zip(records.index, records["path"], strict=True)
    ]


def csn_records_below(root: Path) -> dict[str, Path]:
    """Record id -> its path without extension, for records of CSN anywhere below ``root``; S23074 is record JS23074.

    Raises:
        DataError: one id in two places, or that record under both names.
    """
    paths = records_below(root, "*" + CSN_PATTERN.removeprefix("J"), ".hea")
    slipped, record = paths.get(SLIPPED), f"J{SLIPPED}"
    if slipped is not None and record in paths:
        raise DataError(
            f"{root}: {record} is there twice, as {paths[record]}.hea and {slipped}.hea; expected one of them."
        )
    named = {record if record_id == SLIPPED else record_id: path for record_id, path in paths.items()}
    return {record_id: named[record_id] for record_id in sorted(named) if fnmatchcase(record_id, CSN_PATTERN)}


def read_slipped(path: Path) -> Recording:
    """The record whose header CinC 2021 calls S23074 (``path`` ends in it), over a signal file of either name.

    Raises:
        DataError: as :func:`bench.signals.wfdb_files.read_recording`.
    """
    from bench.signals.wfdb_files import read_recording

    header = path.with_name(path.name + ".hea")
    slipped, signals = f"{SLIPPED}.mat", f"J{SLIPPED}.mat"
    if path.with_name(slipped).is_file() or not path.with_name(signals).is_file():
        return read_recording(path)
    text = re.sub(rf"(?m)^{slipped}", signals, read_header_text(header))
    return read_recording(path, parse_header(header, text))


def write_challenge_record(
    path: Path, signal: np.ndarray, fs: int, age: float, sex: str, codes: Sequence[str], gain: float = 1000.0
) -> None:
    """Write ``PATH.hea`` and ``PATH.mat`` of one recording.

    Args:
        signal: int16 [lead, time] in units of 1/``gain`` mV, leads in ``LEADS`` order (which is the challenges').
        age: years, NaN if unknown.
    """
    n_leads, n_samples = signal.shape
    sums = signal.sum(axis=1, dtype=np.int64)
    lines = [f"{path.name} {n_leads} {fs} {n_samples}"]
    for k, lead in enumerate(LEADS):
        checksum = (int(sums[k]) + 32768) % 65536 - 32768  # the challenges write checksums signed
        lines.append(f"{path.name}.mat 16+24 {gain:g}/mV 16 0 {int(signal[k, 0])} {checksum} 0 {lead}")
    lines += [
        f"#Age: {'NaN' if np.isnan(age) else round(age)}",
        f"#Sex: {sex.capitalize() or 'Unknown'}",
        f"#Dx: {','.join(codes)}",
        "#Rx: Unknown",
        "#Hx: Unknown",
        "#Sx: Unknown",
    ]
    path.with_name(path.name + ".hea").write_text("\n".join(lines) + "\n", encoding="ascii")
    # MATLAB 4: type 30 is little-endian int16 in full; rows, columns, no imaginary part, length of the name, name
    head = struct.pack("<5i4s", 30, n_leads, n_samples, 0, 4, b"val\0")
    path.with_name(path.name + ".mat").write_bytes(head + signal.astype("<i2").tobytes(order="F"))


@contextlib.contextmanager
def new_root(destination: Path) -> Iterator[Path]:
    """A folder next to ``destination`` that takes its name when the block ends, so that no half-written root remains.

    Raises:
        DataError: the destination holds files, or cannot be written.
    """
    destination = Path(destination)
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise DataError(
            f"{destination}: already exists and is not an empty folder; expected a new folder for the simulated files. "
            f"Remove it or choose another one."
        )
    staging = None
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        staging = folder_next_to(destination)
        yield staging
        os.replace(staging, destination)
    except OSError as error:
        raise DataError(
            f"{destination}: cannot write the simulated files ({error}); free some space or choose another place."
        ) from None
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
