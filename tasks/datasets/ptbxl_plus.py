"""PTB-XL+'s median beats, for the recordings of PTB-XL: found next to or inside its folder, read in millivolts.

Strodthoff et al., Scientific Data 10:279, 2023. One WFDB record a recording and algorithm, 12 leads at 500 Hz:
``median_beats/12sl/00000/00001_medians`` (GE Marquette 12SL, 600 samples, format 32, 20,914 recordings) and
``median_beats/unig/00000/000001_medians`` (University of Glasgow, format 16, 21,794 recordings, of differing lengths).

Two slips of release 1.0.1, reported by several users, are repaired here. The headers of ``12sl`` name a folder of the
producer (``ge_median_beats_wfdb/00001_medians``), for which WFDB readers refuse them. And both algorithms' samples are
microvolts under a header that says mV, so that they decode a thousand times too large.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float

from bench.errors import DataError
from bench.signals.wfdb_files import read_recording
from bench.signals.wfdb_header import parse_header, read_header_text
from tasks.datasets.companion_folders import companion_folders

FOLDERS = ("ptb-xl-plus", "ptbxl-plus")
ALGORITHMS = ("12sl", "unig")
"""In order of preference: all beats of 12SL are 1.2 s long, as LLM-DAN's are."""

NO_ECG_IN_MV = 30.0
"""A beat that reaches this far is in microvolts: PTB-XL's recorders saturate at 32.8 mV, beats are a few mV high, and
a beat that stays below 30 microvolts in every lead would be no beat."""

HINT = "Fetch it again with: bench data download ptbxl --also ptb-xl-plus; or remove the folder to use our own beats."

_PRODUCERS_FOLDER = re.compile(r"^[\w.-]+/(?=\d+_medians)", re.MULTILINE)


def find_median_beats(root: Path) -> tuple[str, Path] | None:
    """(algorithm, its folder) of the median beats that go with the PTB-XL at ``root``: in it, in a folder
    ``ptb-xl-plus`` in it or next to it, or where ``wget`` puts them. None if there are none."""
    fetched_by_wget = (root.resolve().parent.parent / "ptb-xl-plus" / version for version in ("1.0.1", "1.0.0"))
    for parent_folder in (*companion_folders(root, FOLDERS), *fetched_by_wget):
        for algorithm in ALGORITHMS:
            folder = parent_folder / "median_beats" / algorithm
            if folder.is_dir():
                return algorithm, folder
    return None


def median_beat_path(folder: Path, algorithm: str, ecg_id: str) -> Path | None:
    """The record of a recording's median beat, without extension; None where the algorithm gave none."""
    number = int(ecg_id)
    digits = {"12sl": 5, "unig": 6}[algorithm]
    path = folder / f"{number // 1000 * 1000:05d}" / f"{number:0{digits}d}_medians"
    return path if path.with_name(path.name + ".hea").is_file() else None


def read_median_beat(path: Path) -> tuple[Float[np.ndarray, "12 time"], float]:
    """(mV in ``LEADS`` order, Hz) of one median beat.

    Raises:
        DataError: a file is missing, truncated or malformed, or samples are marked invalid.
    """
    header = path.with_name(path.name + ".hea")
    try:
        text = _PRODUCERS_FOLDER.sub("", read_header_text(header))
        recording = read_recording(path, parse_header(header, text))
    except DataError as error:
        raise DataError(f"median beat {error} {HINT}") from error
    beat = recording.signal / (1.0 if recording.gain is None else recording.gain[:, None])
    if not np.isfinite(beat).all():
        raise DataError(f"{header}: samples of the median beat are marked invalid. {HINT}")
    return (beat / 1000 if np.abs(beat).max() > NO_ECG_IN_MV else beat), recording.fs
