"""Values equal to wfdb's on every layout; every malformed file refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb

from bench.errors import DataError
from bench.signals.leads import LEADS
from bench.signals.wfdb_files import read_recording
from bench.signals.wfdb_header import read_header

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
        (field(0, 1, "0"), "states 0 leads"),
        (field(0, 1, "14"), "states 14 leads"),
        (field(0, 3, "-5"), "number of samples is -5; expected 0 to"),
        (field(0, 3, "401"), "is truncated: 9,600 bytes"),
        (field(3, 2, "0/mV"), "gain of lead III is 0/mV"),
        (field(3, 2, "much"), "gain of lead III is much"),
        (field(3, 2, "1000/mmHg"), "unit of lead III is 'mmHg'"),
        (field(3, 6, "1"), "lead III has checksum"),
        (field(3, 6, "x"), "checksum of lead III is 'x'"),
        (field(3, 1, "pcm"), "signal format is 'pcm'"),
        (field(3, 8, "IV"), "lead III missing"),
        (field(3, 8, "II"), "lead II is named twice"),
        (field(0, 2, "1e308"), "sampling rate is 1e308; expected Hz from 1"),
        (field(0, 3, "9" * 20), "number of samples is 99999"),
        (field(3, 2, "1e-300/mV"), "gain of lead III is 1e-300/mV"),
        (field(3, 2, "1e39/mV"), "gain of lead III is 1e39/mV"),
        (field(3, 2, "1000(99999999999999999999)/mV"), "baseline of lead III is 99999"),
        (field(3, 2, "1000(1_0)/mV"), "gain of lead III is 1000(1_0)/mV"),
        (field(3, 4, "9" * 5000), "ADC zero of lead III is '999"),
        (field(3, 0, "a\0.dat"), "holds zero bytes"),
        (field(3, 0, "a" * 300), "cannot be read: File name too long"),
        (field(1, 0, "../a.dat"), "expected a file in the header's folder"),
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


def written_by_wfdb(folder: Path, values: np.ndarray, layout: str, leads: tuple[str, ...] = LEADS) -> Path:
    wfdb.wrsamp(
        "b", fs=250, units=["mV"] * 12, sig_name=list(leads), d_signal=values.astype(np.int64), fmt=[layout] * 12,
        adc_gain=[1000.0] * 12, baseline=[0] * 12, write_dir=str(folder),
    )  # fmt: skip
    return folder / "b"


@pytest.mark.parametrize("layout", ["80", "212", "24"])
def test_checksums_are_verified_whatever_the_format(tmp_path, samples, layout):
    record = written_by_wfdb(tmp_path, samples() // 40, layout)
    data = bytearray((tmp_path / "b.dat").read_bytes())
    data[300] ^= 4
    (tmp_path / "b.dat").write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"b\.dat: lead .* has checksum .*not the samples as published"):
        read_recording(record)


def test_checksums_of_segments_are_verified(tmp_path, write_record):
    for part in ("s1", "s2"):
        write_record(tmp_path, part)
    (tmp_path / "m.hea").write_text("m/4 12 500 1200\nm_layout 0\ns1 400\n~ 400\ns2 400\n")
    (tmp_path / "m_layout.hea").write_text(
        "m_layout 12 500 0\n" + "".join(f"~ 0 1000(0)/mV 16 0 0 0 0 {lead}\n" for lead in LEADS)
    )
    assert np.isnan(read_recording(tmp_path / "m").signal[:, 400:800]).all()
    data = bytearray((tmp_path / "s2.dat").read_bytes())
    data[300] ^= 4
    (tmp_path / "s2.dat").write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"s2\.dat: lead .* has checksum"):
        read_recording(tmp_path / "m")


@pytest.mark.parametrize("damage", ["missing", "truncated", "outside"])
def test_a_damaged_segment_is_refused(tmp_path, write_record, damage):
    for part in ("s1", "s2"):
        write_record(tmp_path, part)
    name = "../s2" if damage == "outside" else "s2"
    (tmp_path / "m.hea").write_text(f"m/2 12 500 800\ns1 400\n{name} 400\n")
    if damage == "missing":
        (tmp_path / "s2.dat").unlink()
    if damage == "truncated":
        (tmp_path / "s2.dat").write_bytes(bytes(30))
    said = {"missing": r"s2\.dat is missing \(s2\.hea names it\)", "truncated": "s2.dat is truncated: 30 bytes"}
    with pytest.raises(DataError, match=said.get(damage, "expected a file in the header's folder")):
        read_recording(tmp_path / "m")


def test_a_missing_file_is_named_whatever_the_format(tmp_path, samples):
    record = written_by_wfdb(tmp_path, samples(), "212")
    (tmp_path / "b.dat").unlink()
    with pytest.raises(DataError, match=r"b\.dat is missing \(b\.hea names it\)"):
        read_recording(record)


def test_what_wfdb_cannot_read_is_refused_in_words(tmp_path, samples):
    record = written_by_wfdb(tmp_path, samples(), "212")
    header = tmp_path / "b.hea"
    header.write_text(header.read_text().replace(" 212 ", " 999 "))
    with pytest.raises(DataError, match=r"b\.hea: wfdb cannot read"):
        read_recording(record)


def named(*, spelling: str) -> tuple[str, ...]:
    return tuple(
        spelling.format(lead) if lead in ("I", "II", "III") or "D" not in spelling[:1] else lead for lead in LEADS
    )


@pytest.mark.parametrize("spelling", ["Lead {}", "lead_{}", "MDC_ECG_LEAD_{}", "D{}", "ECG {}"])
def test_the_usual_spellings_of_leads_are_read(tmp_path, write_record, samples, spelling):
    recording = read_recording(write_record(tmp_path, "a", samples(), leads=named(spelling=spelling)))
    np.testing.assert_array_equal(recording.signal, samples().T)


def test_an_inverted_or_modified_lead_is_another_lead(tmp_path, write_record):
    for name in ("-aVR", "V1R", "MLII", "DV1"):
        leads = tuple(name if lead == "aVR" else lead for lead in LEADS)
        with pytest.raises(DataError, match="lead aVR missing"):
            read_recording(write_record(tmp_path, "a", leads=leads))


def test_leads_without_names_are_refused_with_the_accepted_ones(tmp_path, write_record):
    record = write_record(tmp_path, "a", edit=lambda lines: [line.rsplit(" ", 1)[0] for line in lines[:13]])
    with pytest.raises(DataError, match="names none of its 12 leads, expected .*Lead I, DI or MDC_ECG_LEAD_I"):
        read_recording(record)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_a_header_in_another_encoding_is_read(tmp_path, write_record, samples, encoding):
    record = write_record(tmp_path, "a", samples(), gain="1/µV", edit=lambda lines: ["# Süd", *lines])
    header = tmp_path / "a.hea"
    header.write_bytes(header.read_text().encode(encoding))
    assert read_header(record).comments[0] == "Süd"
    recording = read_recording(record)
    np.testing.assert_array_equal(physical(recording), samples().T / 1000)


@pytest.mark.parametrize("folder", ["ptbxl/records500/00000", "ptbxl/records100/00000", "csn", "cpsc2018/cinc2020"])
def test_real_recordings_equal_wfdb(folder):
    if not REAL.is_dir():
        pytest.skip("no real recordings: ../shared/data is absent")
    headers = sorted((REAL / folder).glob("*.hea"))[:15]
    assert headers
    for header in headers:
        assert_equal_to_wfdb(header.with_suffix(""))
