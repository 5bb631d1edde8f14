"""Simulated median beats for a (simulated) PTB-XL, in the files of PTB-XL+ 1.0.1, slips included."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from bench.dataset import Dataset
from bench.signals.leads import LEADS
from bench.signals.median_beat import median_beat

PRODUCERS_FOLDER = "ge_median_beats_wfdb/"
UNIG_SAMPLES = (450, 600)


def simulate_ptbxl_plus(ptbxl: Dataset, destination: Path, leave_out: int = 24) -> None:
    """Write ``median_beats/12sl`` and ``median_beats/unig`` below ``destination`` for the recordings of ``ptbxl``.

    As published: microvolts under headers that say mV; a producer's folder in the headers of 12SL; UniG's beats of
    differing lengths. Every ``leave_out``-th recording has no beat of 12SL.
    """
    import wfdb

    files = ptbxl.files(ptbxl.records())
    for position, file in enumerate(files):
        recording = ptbxl.read(file)
        assert recording.gain is not None
        millivolts = np.nan_to_num(recording.signal / recording.gain[:, None])
        microvolts = median_beat(millivolts, recording.fs) * 1000
        number = int(file.record_id)
        for algorithm, digits, code in (("12sl", 5, "32"), ("unig", 6, "16")):
            if algorithm == "12sl" and position % leave_out == leave_out - 1:
                continue
            folder = destination / "median_beats" / algorithm / f"{number // 1000 * 1000:05d}"
            folder.mkdir(parents=True, exist_ok=True)
            name = f"{number:0{digits}d}_medians"
            beat = microvolts
            if algorithm == "unig":
                samples = UNIG_SAMPLES[number % 2]
                beat = microvolts[:, (600 - samples) // 2 :][:, :samples]
            wfdb.wrsamp(
                name,
                fs=500,
                units=["mV"] * 12,
                sig_name=list(LEADS),
                p_signal=beat.T.astype(np.float64),
                fmt=[code] * 12,
                write_dir=str(folder),
            )
            if algorithm == "12sl":
                header = folder / f"{name}.hea"
                header.write_text(re.sub(rf"^(?={name})", PRODUCERS_FOLDER, header.read_text(), flags=re.MULTILINE))
