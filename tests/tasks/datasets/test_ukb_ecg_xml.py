"""CardioSoft XML as UK Biobank delivers it: what is read, and what is refused."""

import datetime
import re

import numpy as np
import pytest

from bench.errors import DataError
from bench.signals.leads import LEADS
from bench.simulate import Heart, Patient, simulate
from tasks.datasets.simulated.ukb_ecg import resting_ecg_xml
from tasks.datasets.simulated.ukb_hearts import draw_participant
from tasks.datasets.ukb_ecg_xml import AMPLITUDE_COLUMNS, read_facts, read_resting_ecg


@pytest.fixture(scope="module")
def signal():
    return simulate([Patient(Heart())], 3, 500, 10.0)[0]


@pytest.fixture(scope="module")
def text(signal):
    person = draw_participant(np.random.default_rng(0))
    return resting_ecg_xml("1000001", signal, person, datetime.date(2016, 3, 9))


@pytest.fixture
def file(tmp_path):
    def write(content, encoding="iso-8859-1"):
        path = tmp_path / "1000001_20205_2_0.xml"
        path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
        return path

    return write


def test_strip_beat_and_measurements_come_back(file, text, signal):
    found = read_resting_ecg(file(text))
    assert found.fs == 500 and found.signal.shape == (12, 5000)
    np.testing.assert_allclose(found.signal, signal, atol=0.0026)  # half of 5 microvolts
    assert found.median_beat.shape == (12, 600)
    assert found.taken == datetime.datetime(2016, 3, 9, 10, 0, 0)
    assert 60 < found.measurements["ecg_qrs_duration"] < 160
    assert found.statements[-1] in ("Normal ECG", "Abnormal ECG")
    assert found.measurements["ecg_r_amplitude_V5"] == pytest.approx(
        found.median_beat[LEADS.index("V5")].max(), abs=0.15
    )
    assert np.isnan(found.measurements["ecg_p_offset"])  # not in the file


def test_facts_alone_are_the_same(file, text):
    path = file(text)
    facts, whole = read_facts(path), read_resting_ecg(path)
    assert facts["statements"] == whole.statements
    np.testing.assert_equal(
        {k: facts[k] for k in AMPLITUDE_COLUMNS}, {k: whole.measurements[k] for k in AMPLITUDE_COLUMNS}
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("<CardiologyXML>", '<CardiologyXML xmlns="http://www.gemedical.com/cardiosoft">'),
        lambda text: re.sub(r"<(/?)(\w)", r"<\1gem:\2", text).replace(
            "<gem:CardiologyXML>", '<gem:CardiologyXML xmlns:gem="urn:any">'
        ),
    ],
    ids=["default namespace", "prefixes"],
)
def test_any_namespace_reads_alike(file, text, change):
    plain = read_resting_ecg(file(text))
    changed = read_resting_ecg(file(change(text)))
    np.testing.assert_array_equal(changed.signal, plain.signal)
    assert changed.statements == plain.statements


def without(text, lead, where=""):
    """The file without a lead, in the strip (the second block) or everywhere."""
    pattern = rf'\s*<WaveformData lead="{lead}">[^<]*</WaveformData>'
    if where == "strip":
        head, strip = text.split("<StripData>")
        return head + "<StripData>" + re.sub(pattern, "", strip)
    if where == "beat":
        head, strip = text.split("<StripData>")
        return re.sub(pattern, "", head) + "<StripData>" + strip
    return re.sub(pattern, "", text)


def test_a_missing_limb_lead_is_computed(file, text):
    whole, found = read_resting_ecg(file(text)), read_resting_ecg(file(without(text, "aVF")))
    np.testing.assert_allclose(found.signal, whole.signal, atol=0.011)


def test_eleven_leads_are_refused_and_named(file, text):
    with pytest.raises(DataError, match=r"11 leads; V4 missing.*--on-bad-record skip"):
        read_resting_ecg(file(without(text, "V4")))


def test_a_beat_that_lacks_a_lead_is_as_good_as_none(file, text):
    found = read_resting_ecg(file(without(text, "V4", "beat")))
    assert found.median_beat is None and found.signal.shape == (12, 5000)


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e400", "12345678901234567890", "1,5", "?"])
@pytest.mark.parametrize("tag", ["SampleRate", "Resolution", "QRSDuration", "RAxis"])
def test_numbers_that_cannot_be_are_refused_by_name(file, text, tag, value):
    path = file(re.sub(rf"(<{tag}(?: units=\"\w+\")?>)[^<]*", rf"\g<1>{value}", text))
    with pytest.raises(DataError, match=rf"{tag} is '{re.escape(value)}'; expected a number up to 100,000"):
        read_resting_ecg(path)


@pytest.mark.parametrize("value", ["inf", "nan", "-1e39", "12345678901234567890"])
def test_samples_that_cannot_be_are_refused_by_lead(file, text, value):
    with pytest.raises(DataError, match=r"lead II: a sample is"):
        read_resting_ecg(file(re.sub(r'(lead="II">)\s*-?\d+,', rf"\g<1>{value},", text)))


@pytest.mark.parametrize("year", ["12345678901234567890", "0", "-2015", "20155", "long ago"])
def test_a_time_that_cannot_be_is_refused(file, text, year):
    path = file(re.sub(r"<Year>\d+", f"<Year>{year}", text))
    for read in (read_resting_ecg, read_facts):
        with pytest.raises(DataError, match="ObservationDateTime is .*expected Year"):
            read(path)


def test_a_time_that_is_not_given_is_none(file, text):
    assert read_facts(file(re.sub(r"<(Year|Month|Day)>\d+", r"<\1>", text)))["taken"] is None


BOMB = "<!DOCTYPE lolz [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;'>]>"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: len(text) // 2], "not well-formed XML"),
        (lambda text: "", "not well-formed XML"),
        (lambda text: text.replace("<CardiologyXML>", BOMB + "<CardiologyXML>").replace("RestECG", "&c;"), "entities"),
        (
            lambda text: text.replace(
                "<CardiologyXML>", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><CardiologyXML>'
            ).replace("RestECG", "&e;"),
            "refers to other files",
        ),
        (lambda text: text.replace("CardiologyXML", "RestingECG"), r"<RestingECG>; expected <CardiologyXML>"),
        (lambda text: text.replace("RestECG", "ExerciseECG"), "expected RestECG"),
        (lambda text: text.split("<StripData>")[0] + "</CardiologyXML>", "no StripData"),
        (lambda text: text.replace('<Resolution units="uVperLsb">5', '<Resolution units="uVperLsb">0'), "Resolution is 0"),
        (lambda text: re.sub(r'(lead="II">)-?\d+,', r"\1many,", text), "lead II"),
        (lambda text: re.sub(r'(lead="V2">)-?\d+,', r"\1", text), "differ in length"),
        (lambda text: text.replace('lead="V6"', 'lead="V99"'), "V99"),
        (lambda text: text.replace('<SampleRate units="Hz">500', '<SampleRate units="Hz">'), "SampleRate"),
    ],
    ids=[
        "truncated", "empty", "entity bomb", "external entity", "another document", "exercise", "no strip",
        "no resolution", "no number", "lengths", "unknown lead", "no rate",
    ],
)  # fmt: skip
def test_a_malformed_file_is_refused_with_its_name_and_a_cure(file, text, change, message):
    path = file(change(text))
    with pytest.raises(DataError, match=message) as error:
        read_resting_ecg(path)
    assert str(path) in str(error.value) and "--on-bad-record skip" in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="is missing"):
        read_resting_ecg(tmp_path / "nobody.xml")
