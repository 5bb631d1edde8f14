"""A simulated recording as CardioSoft writes it: the strip, its median beat, and measurements of that beat."""

from __future__ import annotations

import datetime

import numpy as np

from bench.signals.leads import LEADS
from bench.signals.median_beat import median_beat
from tasks.datasets.simulated.ukb_hearts import Participant

FS = 500
RESOLUTION = 5  # microvolts per unit


def resting_ecg_xml(eid: str, signal: np.ndarray, person: Participant, visit: datetime.date) -> str:
    """A recording (mV [lead, time], 500 Hz) as CardioSoft writes it.

    Intervals are measured on the median beat, roughly: the onset of QRS is where its steepness, summed over leads, first
    exceeds a twentieth of its peak.
    """
    beat = median_beat(signal.astype(np.float64), FS)
    facts = measure(beat, signal, person)
    table = _amplitudes(beat, facts)
    numbers = "".join(
        f'    <{tag} units="{unit}">{round(facts[tag])}</{tag}>\n' for tag, unit in _MEASURED.items() if tag in facts
    )
    amplitudes = "".join(
        f'      <{tag} units="uV">{", ".join(str(round(v)) for v in values)}</{tag}>\n' for tag, values in table.items()
    )
    statements = "".join(f"      <DiagnosisText>{text}</DiagnosisText>\n" for text in _statements(facts))
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<CardiologyXML>\n'
        "  <ObservationType>RestECG</ObservationType>\n  <ObservationDateTime>"
        f"<Hour>10</Hour><Minute>0</Minute><Second>0</Second><Day>{visit.day}</Day><Month>{visit.month}</Month>"
        f"<Year>{visit.year}</Year></ObservationDateTime>\n"
        "  <ClinicalInfo><DeviceInfo><Desc>CardioSoft</Desc><SoftwareVer>simulated</SoftwareVer></DeviceInfo>"
        "</ClinicalInfo>\n"
        f"  <PatientInfo><PID>{eid}</PID><Gender>{'FEMALE' if person.female else 'MALE'}</Gender></PatientInfo>\n"
        f"  <Interpretation>\n    <Diagnosis>\n{statements}    </Diagnosis>\n  </Interpretation>\n"
        f"  <RestingECGMeasurements>\n{numbers}"
        f"    <MeasurementTable>\n      <LeadOrder>{', '.join(LEADS)}</LeadOrder>\n{amplitudes}    </MeasurementTable>\n"
        f"    <MedianSamples>\n{_block(beat)}    </MedianSamples>\n  </RestingECGMeasurements>\n"
        f"  <StripData>\n{_block(signal)}  </StripData>\n</CardiologyXML>\n"
    )


def _block(signal: np.ndarray) -> str:
    units = np.rint(signal * (1000 / RESOLUTION)).astype(int)
    lowest = int(units.min())
    words = np.array([str(unit) for unit in range(lowest, int(units.max()) + 1)], object)  # each number is spelled once
    waves = "".join(
        f'      <WaveformData lead="{lead}">{",".join(words[values - lowest].tolist())}</WaveformData>\n'
        for lead, values in zip(LEADS, units, strict=True)
    )
    return (
        f"      <NumberOfLeads>{len(LEADS)}</NumberOfLeads>\n"
        f'      <SampleRate units="Hz">{FS}</SampleRate>\n'
        f"      <ChannelSampleCountTotal>{signal.shape[1]}</ChannelSampleCountTotal>\n"
        f'      <Resolution units="uVperLsb">{RESOLUTION}</Resolution>\n{waves}'
    )


_MEASURED = {
    "VentricularRate": "BPM",
    "PQInterval": "ms",
    "PDuration": "ms",
    "QRSDuration": "ms",
    "QTInterval": "ms",
    "QTCInterval": "ms",
    "RRInterval": "ms",
    "PAxis": "degrees",
    "RAxis": "degrees",
    "TAxis": "degrees",
    "QOnset": "ms",
    "QOffset": "ms",
    "TOffset": "ms",
}


def measure(beat: np.ndarray, signal: np.ndarray, person: Participant) -> dict[str, float]:
    """Intervals (ms) and axes (degrees) of a median beat; as CardioSoft names them. No P wave in a flat or absent one."""
    ms = 1000 / FS
    steep = np.abs(np.gradient(beat, axis=1)).sum(axis=0)
    steep = np.convolve(steep, np.ones(5) / 5, "same")
    middle = slice(beat.shape[1] // 2 - 60, beat.shape[1] // 2 + 60)
    peak = middle.start + int(np.argmax(steep[middle]))
    active = steep > 0.08 * steep[peak]
    active[: middle.start] = active[middle.stop :] = False
    onset, offset = _run(active, peak, 12)
    rr = 60_000 / person.rate
    power = np.abs(beat - np.median(beat, axis=1, keepdims=True)).sum(axis=0)
    after = slice(min(offset + 30, beat.shape[1] - 2), min(offset + 220, beat.shape[1] - 1))
    crest = after.start + int(np.argmax(power[after]))
    t_end = crest + int(np.argmax(power[crest:] < 0.35 * power[crest])) if power[crest] > 0 else crest
    before = slice(max(onset - 120, 0), max(onset - 12, 1))
    p_peak = before.start + int(np.argmax(power[before]))
    wave = power > 0.4 * power[p_peak]
    wave[: before.start] = wave[before.stop :] = False
    p_begin, p_end = _run(wave, p_peak, 4)
    qt = (t_end - onset) * ms
    return {
        "VentricularRate": person.rate,
        "PQInterval": max(onset - p_begin, 0) * ms,
        "PDuration": max(min(p_end, onset) - p_begin, 0) * ms,
        "QRSDuration": (offset - onset) * ms,
        "QTInterval": qt,
        "QTCInterval": qt / np.sqrt(rr / 1000),
        "RRInterval": rr,
        "PAxis": _axis(beat, slice(p_begin, max(p_end, p_begin + 1))),
        "RAxis": _axis(beat, slice(onset, max(offset, onset + 1))),
        "TAxis": _axis(beat, slice(offset + 20, max(t_end, offset + 21))),
        "QOnset": onset * ms,
        "QOffset": offset * ms,
        "TOffset": t_end * ms,
    }


def _run(active: np.ndarray, inside: int, gap: int) -> tuple[int, int]:
    """First and last sample of the active stretch around ``inside``, over gaps of fewer than ``gap`` samples."""
    first = last = inside
    for at in range(inside, -1, -1):
        if active[at]:
            first = at
        elif first - at >= gap:
            break
    for at in range(inside, len(active)):
        if active[at]:
            last = at
        elif at - last >= gap:
            break
    return first, last


def _axis(beat: np.ndarray, part: slice) -> float:
    """Frontal axis of the net area in a part of the beat, degrees, from I and aVF."""
    base = np.median(beat, axis=1)
    area = (beat[:, part] - base[:, None]).sum(axis=1)
    return float(np.degrees(np.arctan2(2 / np.sqrt(3) * area[LEADS.index("aVF")], area[LEADS.index("I")])))


def _amplitudes(beat: np.ndarray, facts: dict[str, float]) -> dict[str, np.ndarray]:
    """The measurement table, microvolts: Q and S as depths, before and after R."""
    onset, offset, end = (round(facts[name] * FS / 1000) for name in ("QOnset", "QOffset", "TOffset"))
    base = beat[:, max(onset - 5, 0) : onset + 1].mean(axis=1, keepdims=True)
    beat = (beat - base) * 1000
    complex_ = beat[:, onset : offset + 1]
    at = complex_.argmax(axis=1)
    q = np.array([max(0, -row[: k + 1].min()) for row, k in zip(complex_, at, strict=True)])
    s = np.array([max(0, -row[k:].min()) for row, k in zip(complex_, at, strict=True)])
    begin = min(offset + 20, beat.shape[1] - 1)
    t = beat[:, begin : max(end, begin) + 20]
    return {
        "QAmplitude": q,
        "RAmplitude": np.maximum(complex_.max(axis=1), 0),
        "SAmplitude": s,
        "JAmplitude": beat[:, min(offset, beat.shape[1] - 1)],
        "TAmplitude": t[np.arange(len(t)), np.abs(t).argmax(axis=1)],
    }


def _statements(facts: dict[str, float]) -> list[str]:
    statements = ["Sinus bradycardia" if facts["VentricularRate"] < 60 else "Normal sinus rhythm"]
    if facts["RAxis"] < -30:
        statements.append("Left axis deviation")
    if facts["QRSDuration"] >= 130:
        statements.append("Nonspecific intraventricular block")
    return [*statements, "Abnormal ECG" if len(statements) > 1 else "Normal ECG"]
