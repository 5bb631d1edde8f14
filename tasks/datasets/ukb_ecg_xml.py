"""CardioSoft's resting ECG XML, as UK Biobank delivers it in field 20205.

A file holds the rhythm strip (10 s, 500 Hz), the device's median beats (1.2 s), its intervals, axes and amplitudes, and
its statements. UK Biobank's format note: https://biobank.ndph.ox.ac.uk/ukb/ukb/docs/CardiosoftFormatECG.pdf
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import numpy as np

from bench.errors import DataError
from bench.signals.leads import LEADS, canonical_lead

HINT = (
    "Fetch the participant's field 20205 again from UK Biobank, or leave the recording out with --on-bad-record skip."
)

MEASUREMENTS = {
    "VentricularRate": "ecg_ventricular_rate",  # per minute
    "PDuration": "ecg_p_duration",  # ms, as all intervals
    "PQInterval": "ecg_pr_interval",
    "QRSDuration": "ecg_qrs_duration",
    "QTInterval": "ecg_qt_interval",
    "QTCInterval": "ecg_qtc_interval",  # Bazett
    "RRInterval": "ecg_rr_interval",
    "PPInterval": "ecg_pp_interval",
    "PAxis": "ecg_p_axis",  # degrees
    "RAxis": "ecg_r_axis",
    "TAxis": "ecg_t_axis",
    "SokolovLVHIndex": "ecg_sokolow_lyon",  # mV
    "POnset": "ecg_p_onset",  # ms from the beginning of the median beat, as all on- and offsets
    "POffset": "ecg_p_offset",
    "QOnset": "ecg_qrs_onset",
    "QOffset": "ecg_qrs_offset",
    "TOffset": "ecg_t_offset",
}
"""Element of RestingECGMeasurements -> column."""

AMPLITUDES = {
    "PAmplitude": "p", "QAmplitude": "q", "RAmplitude": "r", "SAmplitude": "s", "JAmplitude": "j", "TAmplitude": "t",
}  # fmt: skip
"""Element of the MeasurementTable (microvolts, one value per lead; Q and S as positive depths) -> wave."""

AMPLITUDE_COLUMNS = tuple(f"ecg_{wave}_amplitude_{lead}" for wave in AMPLITUDES.values() for lead in LEADS)
COLUMNS = (*MEASUREMENTS.values(), *AMPLITUDE_COLUMNS)
"""All numbers that the device reports, as columns of the records; NaN where it reports none."""


LARGEST = 100_000
"""No sample (in the recorder's units of some microvolts) and no measurement (ms, degrees, microvolts, Hz) is larger."""


@dataclass(frozen=True)
class RestingECG:
    """One file.

    Attributes:
        signal: float32 [lead, time], mV.
        fs: Hz.
        median_beat: float32 [lead, time] at ``fs``, mV, or None.
        measurements: :data:`COLUMNS` -> value; amplitudes in mV.
        statements: the device's, in its order.
        taken: when.
    """

    signal: np.ndarray
    fs: float
    median_beat: np.ndarray | None
    measurements: dict[str, float]
    statements: list[str] = field(default_factory=list)
    taken: datetime.datetime | None = None


def read_resting_ecg(path: Path) -> RestingECG:
    """Read all of a file.

    The limb leads III, aVR, aVL and aVF are computed where they are missing and I and II are there; any other missing
    lead refuses the recording. A median beat that lacks a lead is as good as none.

    Raises:
        DataError: missing, truncated or malformed; with entities or references to other files, which are never followed;
            another document; a missing lead.
    """
    root = parse(path)
    strip = _child(root, "StripData")
    if strip is None:
        raise DataError(f"{path} has no StripData, the rhythm strip of a resting ECG; found {_tags(root)}. {HINT}")
    fs = _rate(strip, path, "StripData")
    signal = _waveforms(strip, path, "StripData")
    if signal is None:
        raise DataError(f"{path}: StripData holds no waveform. {HINT}")
    measurements, beat, when = facts(root, path), None, taken(root, path)
    block = _child(root, "RestingECGMeasurements")
    samples = None if block is None else _child(block, "MedianSamples")
    if samples is not None and _rate(samples, path, "MedianSamples") == fs:
        try:
            beat = _waveforms(samples, path, "MedianSamples")
        except _MissingLead:
            beat = None
    return RestingECG(signal, fs, beat, measurements, statements(root), when)


def read_facts(path: Path) -> dict[str, Any]:
    """What the records' columns need: :data:`COLUMNS`, ``statements`` and ``taken``.

    Raises:
        DataError: as :func:`read_resting_ecg`, leads aside.
    """
    root = parse(path)
    return {**facts(root, path), "statements": statements(root), "taken": taken(root, path)}


def parse(path: Path) -> Element:
    """The document, namespaces taken off its tags.

    Raises:
        DataError: not well-formed, not a CardiologyXML document, or one that declares entities or names other files.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import parse as parse_safely

    try:
        root = parse_safely(path).getroot()
    except FileNotFoundError:
        raise DataError(f"{path} is missing. {HINT}") from None
    except DefusedXmlException as error:
        raise DataError(
            f"{path} declares entities or refers to other files ({type(error).__name__}), which no recorder's file does: "
            f"it was tampered with and is not read. {HINT}"
        ) from error
    except (ParseError, OSError, ValueError, LookupError) as error:
        raise DataError(f"{path} is not well-formed XML: {error}; it is truncated or damaged. {HINT}") from error
    for element in root.iter():
        element.tag = _local(element.tag)
    if root.tag != "CardiologyXML":
        raise DataError(
            f"{path}: the document is <{root.tag}>; expected <CardiologyXML>, as CardioSoft writes it. {HINT}"
        )
    kind = _text(_child(root, "ObservationType"))
    if kind and kind.lower() != "restecg":
        raise DataError(f"{path}: ObservationType is {kind!r}; expected RestECG (field 20205). {HINT}")
    return root


def facts(root: Element, path: Path) -> dict[str, float]:
    """:data:`COLUMNS` -> what the device reports, NaN where it reports nothing."""
    measured = dict.fromkeys(COLUMNS, math.nan)
    block = _child(root, "RestingECGMeasurements")
    if block is None:
        return measured
    for tag, column in MEASUREMENTS.items():
        element = _child(block, tag)
        value = _number(_text(element), path, tag)
        if tag == "SokolovLVHIndex" and element is not None and element.get("units", "").lower() in ("uv", "µv"):
            value /= 1000
        measured[column] = value
    table = _child(block, "MeasurementTable")
    if table is None:
        return measured
    order = [_lead(name, path) for name in _text(_child(table, "LeadOrder")).split(",") if name.strip()]
    for tag, wave in AMPLITUDES.items():
        element = _child(table, tag)
        values = _text(element).split(",") if element is not None and _text(element) else []
        for lead, amplitude in zip(order, values, strict=False):
            measured[f"ecg_{wave}_amplitude_{lead}"] = _number(amplitude, path, tag) / 1000
    return measured


def statements(root: Element) -> list[str]:
    """The device's statements, or, where there are none, its conclusion."""
    for parent, tag in (("Diagnosis", "DiagnosisText"), ("Conclusion", "ConclusionText")):
        texts = [_text(element) for block in root.iter(parent) for element in block if element.tag == tag]
        if any(texts):
            return [text for text in texts if text]
    return []


def taken(root: Element, path: Path) -> datetime.datetime | None:
    """When the recording was taken, if the file says so.

    Raises:
        DataError: it says a time that cannot be.
    """
    when = _child(root, "ObservationDateTime")
    if when is None:
        return None
    numbers = [_text(_child(when, tag)) for tag in ("Year", "Month", "Day", "Hour", "Minute", "Second")]
    if not any(numbers[:3]):
        return None
    try:
        year, month, day, hour, minute, second = (int(text or 0) for text in numbers)
        if 1990 <= year < 2100:
            return datetime.datetime(year, month, day, hour, minute, second)
        raise ValueError(f"year {year}")
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"{path}: ObservationDateTime is {' '.join(numbers)[:60]!r}; expected Year (from 1990), Month, Day, Hour, Minute "
            f"and Second. {HINT}"
        ) from error


class _MissingLead(DataError):
    pass


def _waveforms(block: Element, path: Path, where: str) -> np.ndarray | None:
    """float32 [lead, time] in mV, or None where there is no waveform at all."""
    scale = _number(_text(_child(block, "Resolution")), path, f"{where}/Resolution")  # microvolts per unit
    samples: dict[str, np.ndarray] = {}
    for element in block:
        if element.tag == "WaveformData":
            lead = _lead(element.get("lead", ""), path)
            try:
                with np.errstate(over="ignore"):
                    samples[lead] = np.array(_text(element).replace("\t", " ").rstrip(", \n").split(","), np.float32)
            except ValueError as error:
                raise DataError(f"{path}: {where}, lead {lead}: {error}; expected numbers. {HINT}") from error
            odd = samples[lead][~(np.abs(samples[lead]) <= LARGEST)]
            if len(odd):
                raise DataError(
                    f"{path}: {where}, lead {lead}: a sample is {odd[0]:g}; expected units of the recorder. {HINT}"
                )
    if not samples:
        return None
    if not scale > 0:
        raise DataError(f"{path}: {where}/Resolution is {scale}; expected microvolts per unit above 0. {HINT}")
    lengths = {lead: len(values) for lead, values in samples.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"{path}: {where}: leads differ in length ({lengths}); the file is damaged. {HINT}")
    _complete_limb_leads(samples)
    missing = [lead for lead in LEADS if lead not in samples]
    if missing:
        raise _MissingLead(
            f"{path}: {where} has {len(lengths)} leads; {', '.join(missing)} missing, and only III, aVR, aVL and aVF can "
            f"be computed from others (I and II). {HINT}"
        )
    return np.stack([samples[lead] for lead in LEADS]) * np.float32(scale / 1000)


def _complete_limb_leads(samples: dict[str, np.ndarray]) -> None:
    """Einthoven's and Goldberger's relations."""
    if "I" not in samples or "II" not in samples:
        return
    first, second = samples["I"], samples["II"]
    for lead, values in {
        "III": second - first,
        "aVR": -(first + second) / 2,
        "aVL": first - second / 2,
        "aVF": second - first / 2,
    }.items():
        samples.setdefault(lead, values)


def _rate(block: Element, path: Path, where: str) -> float:
    rate = _number(_text(_child(block, "SampleRate")), path, f"{where}/SampleRate")
    if not rate > 0:
        raise DataError(f"{path}: {where}/SampleRate is {rate}; expected Hz above 0. {HINT}")
    return rate


def _lead(name: str, path: Path) -> str:
    try:
        return canonical_lead(name.strip())
    except Exception as error:
        raise DataError(f"{path}: {name!r} is no lead of a 12-lead ECG. {HINT}") from error


def _number(text: str, path: Path, where: str) -> float:
    """A number that a recorder may report; NaN where it reports none."""
    if not text.strip():
        return math.nan
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not abs(number) <= LARGEST:
        raise DataError(f"{path}: {where} is {text.strip()[:40]!r}; expected a number up to {LARGEST:,}. {HINT}")
    return number


def _child(element: Element, tag: str) -> Element | None:
    return next((child for child in element if child.tag == tag), None)


def _text(element: Element | None) -> str:
    return (element.text or "").strip() if element is not None else ""


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _tags(root: Element) -> str:
    return ", ".join(child.tag for child in root) or "nothing"
