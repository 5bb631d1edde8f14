"""Keep published recordings that look damaged, and read what published ages mean."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from bench.dataset import RecordFile
from bench.signals.bounds import Bounds
from tasks.datasets.challenge_files import clean_age, clean_sex, write_challenge_record
from tasks.datasets.cinc2021 import Georgia
from tasks.datasets.cinc2021_codes import codes
from tasks.datasets.code15 import CODE15
from tasks.datasets.simulated.zzu_pecg import _write
from tasks.datasets.zzu_pecg import ZZUPECG


@pytest.mark.parametrize(
    ("written", "years"), [("-1", None), ("300", None), ("NaN", None), ("", None), ("92", 92), ("0", 0)]
)
def test_an_age_that_means_unknown_is_none(written, years):
    """CinC 2021 writes -1 in six headers of CPSC, 300 in 204 of PTB-XL, and 92 for the hidden ages of CPSC."""
    assert clean_age(written) == years or (years is None and np.isnan(clean_age(written)))


def test_sexes_are_read_in_each_spelling():
    assert [clean_sex(sex) for sex in ("M", "Male", "F", "Female", "Unknown", "NaN")] == [
        "male",
        "male",
        "female",
        "female",
        "",
        "",
    ]


def test_the_code_of_normal_ecgs_is_worded_as_sinus_rhythm():
    """CinC 2021 writes 426783006 also for PTB-XL's NORM and CPSC's Normal."""
    assert codes()["426783006"].words == "sinus rhythm"


def _doubt(dataset, file):
    recording, bounds = dataset.read(file), Bounds.of(dataset(file.path.parent))
    bounds.check(recording, file)
    return recording, bounds.doubt(recording.signal, recording.gain, file)


def _heart(n=5000):
    """mV [lead, time]: beats of 1.2 mV."""
    beats = 1.2 * np.exp(-(((np.arange(n) % 400 - 200) / 12.0) ** 2)) + 0.05 * np.cos(np.arange(n) / 300)
    return np.tile(beats, (12, 1))


def test_samples_at_the_rail_of_the_challenge_are_kept(tmp_path):
    signal = np.rint(_heart() * 1000).astype(np.int16)
    signal[7, 1000:1300] = 32_767
    signal[8] = 0
    write_challenge_record(tmp_path / "E00001", signal, 500, 60.0, "male", ["426783006"])
    recording, doubt = _doubt(Georgia, RecordFile("E00001", tmp_path / "E00001"))
    assert doubt == "" and recording.signal.max() / recording.gain[7] == pytest.approx(32.767)
    assert not recording.signal[8].any()  # a lead of zeros was recorded, and stays


def test_exams_beyond_20_mv_and_with_a_lead_of_zeros_are_kept(tmp_path):
    """6,798 exams of CODE-15 % exceed 20 mV, and 1,773 have a lead of zeros."""
    rows = np.zeros((1, 4096, 12), np.float32)
    rows[0] = _heart(4096).T
    rows[0, 2000:2010, 0], rows[0, :, 5] = 50.0, 0.0
    with h5py.File(tmp_path / "exams_part0.hdf5", "w") as file:
        file["tracings"] = rows
    recording, doubt = _doubt(CODE15, RecordFile("1", tmp_path / "exams_part0.hdf5", {"row": 0}))
    assert doubt == "" and recording.signal.shape == (12, 4096)
    assert recording.signal.max() == 50.0 and not recording.signal[5].any()


def test_recordings_of_children_at_the_rail_of_the_recorder_are_kept(tmp_path):
    """11.8 % of ZZU's reach 26.6 mV."""
    signal = _heart()
    signal[:, 4000:4200] = 26.6
    _write(tmp_path / "P00001_E01", signal, ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"))
    recording, doubt = _doubt(ZZUPECG, RecordFile("P00001_E01", tmp_path / "P00001_E01", {"n_leads": 12}))
    assert doubt == "" and (recording.signal / recording.gain[:, None]).max() == pytest.approx(26.6, abs=0.01)
