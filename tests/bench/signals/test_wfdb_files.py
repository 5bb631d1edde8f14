"""Values equal to wfdb's on every layout; every malformed file refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb

from bench.errors import DataError
from bench.signals.leads import LEADS
from bench.signals.wfdb_files import read_header, read_recording

REAL = Path(__file__).parents[4] / "shared" / "data"


def physical(recording) -> np.ndarray:
    return recording.signal if recording.gain is None else recording.signal / recording.gain[:, None]


def assert_equal_to_wfdb(record: Path) -> None:
    ours, theirs = read_recording(record), wfdb.rdrecord(str(record))
    names = [name.upper() for name in theirs.sig_name]
    expected = theirs.p_signal.T[[names.index(lead.upper()) for lead in LEADS]]
    assert ours.fs == theirs.fs
    np.testing.assert_allclose(physical(ours), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("layout", ["16", "16+24"])
@pytest.mark.parametrize("gain", ["1000.0(0)/mV", "1000/mV", "204.8(-12)/mV", "4.88e2(1024)", "200"])
def test_values_equal_wfdb(tmp_path, write_record, layout, gain):
    assert_equal_to_wfdb(write_record(tmp_path, "a", layout=layout, gain=gain))


def test_integers_are_kept(tmp_path, write_record, samples):
    recording = read_recording(write_record(tmp_path, "a", samples()))
    assert recording.signal.dtype == np.int16
    np.testing.assert_array_equal(recording.signal, samples().T)


def test_shuffled_leads_are_put_in_order_by_name(tmp_path, write_record, samples):
    order = np.random.default_rng(1).permutation(12)
    names = tuple(LEADS[i].upper() for i in order)
    recording = read_recording(write_record(tmp_path, "a", samples()[:, order], leads=names))
    np.testing.assert_array_equal(recording.signal, samples().T)


def test_other_leads_are_left_out(tmp_path, write_record, samples):
    record = write_record(tmp_path, "a", samples(leads=15), leads=("vx", "vy", "vz", *LEADS))
    np.testing.assert_array_equal(read_recording(record).signal, samples(leads=15).T[3:])


def test_the_invalid_sample_is_nan_as_in_wfdb(tmp_path, write_record, samples):
    values = samples()
    values[7:9, 3] = -32768
    record = write_record(tmp_path, "a", values, gain="1000(5)/mV")
    assert_equal_to_wfdb(record)
    recording = read_recording(record)
    assert np.isnan(recording.signal[3, 7:9]).all()
    assert np.isnan(recording.signal).sum() == 2


@pytest.mark.parametrize(("unit", "per_mv"), [("uV", 1000), ("V", 0.001), ("mV", 1)])
def test_units_become_mv(tmp_path, write_record, samples, unit, per_mv):
    recording = read_recording(write_record(tmp_path, "a", samples(), gain=f"2/{unit}"))
    np.testing.assert_allclose(physical(recording), samples().T / 2 / per_mv)


def test_length_from_the_file_where_the_header_leaves_it_open(tmp_path, write_record, samples):
    record = write_record(tmp_path, "a", samples(), edit=lambda lines: ["a 12 500", *lines[1:]])
    assert read_recording(record).signal.shape == (12, 400)


@pytest.mark.parametrize("layout", ["212", "24", "32"])
def test_other_formats_go_through_wfdb(tmp_path, samples, layout):
    wfdb.wrsamp(
        "b", fs=250, units=["mV"] * 12, sig_name=list(LEADS), d_signal=samples().astype(np.int64), fmt=[layout] * 12,
        adc_gain=[1000.0] * 12, baseline=[0] * 12, write_dir=str(tmp_path),
    )  # fmt: skip
    assert_equal_to_wfdb(tmp_path / "b")


def test_multi_segment_records_go_through_wfdb(tmp_path, samples, write_record):
    for part in ("s1", "s2"):
        write_record(tmp_path, part, samples())
    (tmp_path / "m.hea").write_text("m/2 12 500 800\ns1 400\ns2 400\n")
    np.testing.assert_allclose(physical(read_recording(tmp_path / "m")), np.tile(samples(), (2, 1)).T / 1000)


def test_header_comments_are_read(tmp_path, write_record):
    assert read_header(write_record(tmp_path, "a")).comments == ("Dx: 426783006",)


def field(line: int, position: int, value: str):
    def edit(lines: list[str]) -> list[str]:
        fields = lines[line].split()
        fields[position] = value
        return [*lines[:line], " ".join(fields), *lines[line + 1 :]]

    return edit


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (field(0, 2, "0"), "sampling rate is 0"),
        (field(0, 2, "fast"), "sampling rate is 'fast'"),
        (field(0, 2, "nan"), "sampling rate is nan"),
        (field(0, 1, "twelve"), "number of leads is 'twelve'"),
        (field(0, 1, "0"), "promises 0 leads"),
        (field(0, 1, "14"), "promises 14 leads"),
        (field(0, 3, "-5"), "number of samples is -5"),
        (field(0, 3, "401"), "is truncated: 9,600 bytes"),
        (field(3, 2, "0/mV"), "gain of lead III is 0/mV"),
        (field(3, 2, "much"), "gain of lead III is much"),
        (field(3, 2, "1000/mmHg"), "unit of lead III is 'mmHg'"),
        (field(3, 6, "1"), "lead III has checksum"),
        (field(3, 6, "x"), "checksum of lead III is 'x'"),
        (field(3, 1, "pcm"), "signal format is 'pcm'"),
        (field(3, 8, "IV"), "lead III missing"),
        (field(3, 8, "II"), "lead II is named twice"),
        (field(1, 0, "../a.dat"), "expected a file beside the header"),
        (lambda lines: ["a 11 500 400", *lines[1:12]], "lead V6 missing"),
        (lambda lines: [], "is empty"),
        (lambda lines: ["a"], "expected 'name leads rate samples'"),
    ],
)
def test_a_header_that_cannot_be_is_refused(tmp_path, write_record, edit, said):
    record = write_record(tmp_path, "a", edit=edit)
    with pytest.raises(DataError) as error:
        read_recording(record)
    assert said in str(error.value)
    assert str(tmp_path) in str(error.value)
    assert "--on-bad-record skip" in str(error.value)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.with_suffix(".hea").unlink(), "a.hea is missing"),
        (lambda path: path.with_suffix(".dat").unlink(), "a.dat is missing"),
        (lambda path: path.with_suffix(".dat").write_bytes(b""), "a.dat is empty"),
        (lambda path: path.with_suffix(".dat").write_bytes(bytes(999)), "a.dat is truncated: 999 bytes"),
        (lambda path: path.with_suffix(".dat").write_bytes(bytes(9600)), "has checksum 0"),
        (lambda path: path.with_suffix(".hea").write_bytes(b"\xff\xfe\x00\x81"), "a.hea"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, write_record, damage, said):
    record = write_record(tmp_path, "a")
    damage(record)
    with pytest.raises(DataError, match=said):
        read_recording(record)


def test_what_wfdb_cannot_read_is_refused_in_words(tmp_path, samples):
    wfdb.wrsamp(
        "b", fs=250, units=["mV"] * 12, sig_name=list(LEADS), d_signal=samples().astype(np.int64), fmt=["212"] * 12,
        adc_gain=[1000.0] * 12, baseline=[0] * 12, write_dir=str(tmp_path),
    )  # fmt: skip
    (tmp_path / "b.dat").write_bytes(bytes(30))
    with pytest.raises(DataError, match=r"b\.hea: wfdb cannot read"):
        read_recording(tmp_path / "b")


@pytest.mark.parametrize("folder", ["ptbxl/records500/00000", "ptbxl/records100/00000", "csn", "cpsc2018/cinc2020"])
def test_real_recordings_equal_wfdb(folder):
    if not REAL.is_dir():
        pytest.skip("no real recordings: ../shared/data is absent")
    headers = sorted((REAL / folder).glob("*.hea"))[:15]
    assert headers
    for header in headers:
        assert_equal_to_wfdb(header.with_suffix(""))
