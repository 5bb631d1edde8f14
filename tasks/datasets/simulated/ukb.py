"""The simulated UK Biobank: the main data set, resting ECG XML, short-axis cines and phenotypes of people with a past
and a future that follow from their hearts (:mod:`tasks.datasets.simulated.ukb_hearts`). Nothing of it is from UK Biobank."""

from __future__ import annotations

import csv
import datetime
import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.errors import ConfigError
from bench.simulate import simulate
from tasks.datasets.challenge_files import new_root
from tasks.datasets.file_constants import UKB_TRUE_RISKS, UKB_TRUTH
from tasks.datasets.simulated.ukb_ecg import FS, resting_ecg_xml
from tasks.datasets.simulated.ukb_hearts import (
    Participant,
    draw_participant,
    patient_of,
    phenotypes_of,
    short_axis,
    true_risks,
)
from tasks.datasets.ukb_phenotypes import FILE as PHENOTYPES_FILE
from tasks.datasets.ukb_phenotypes import PHENOTYPES

END = datetime.date(2023, 1, 5)
"""The end of follow-up in LLM-DAN."""
_CHUNK = 64
_HAZARD = 0.03  # of heart failure a year, at a log-risk of 0; UK Biobank's is some ten times lower


def simulate_ukb(
    destination: Path,
    n_records: int = 600,
    seed: int = 0,
    cine: Literal["arrays", "dicom", "none"] = "arrays",
    spelling: Literal["dispensary", "rap"] = "dispensary",
) -> None:
    """Write a UK Biobank data root of simulated participants, one recording each. Same arguments, same bytes.

    One in forty has no cine, one in two hundred no ECG; four in five have phenotypes.

    Args:
        cine: prepared arrays, zips of DICOM files (needs pydicom), or none.
        spelling: of the main data set: CSV with ``41270-0.1``, or parquet with ``p41270`` (lists) and ``p41280_a1``.

    Raises:
        ConfigError: for fewer than 1 or more than 999,999 records. DataError: the destination cannot be written.
    """
    if not 1 <= n_records <= 999_999:
        raise ConfigError(f"simulating {n_records} recordings: expected 1 to 999999.")
    rng, wave_rng = np.random.default_rng([seed, 500]), np.random.default_rng([seed, 501])
    rows, truths, measured = [], [], []
    with new_root(destination) as root:
        for first in range(0, n_records, _CHUNK):
            count = min(_CHUNK, n_records - first)
            people = [draw_participant(rng) for _ in range(count)]
            patients = [patient_of(person, rng) for person in people]
            signals = simulate(patients, wave_rng, FS, 10.0)
            for offset, (person, patient, signal) in enumerate(zip(people, patients, signals, strict=True)):
                eid = str(1_000_001 + 7 * (first + offset))
                has_ecg, has_cine = rng.random() > 0.005, rng.random() > 0.025 and cine != "none"
                visit = datetime.date(2014, 5, 1) + datetime.timedelta(days=int(rng.integers(0, 365 * 6)))
                rows.append(_life(eid, person, visit, rng) | _bulk(eid, has_ecg, has_cine))
                truths.append((eid, *(f"{risk:.6f}" for risk in true_risks(person, patient).values())))
                if has_ecg:
                    folder = root / "20205"
                    folder.mkdir(exist_ok=True)
                    text = resting_ecg_xml(eid, signal, person, visit)
                    (folder / f"{eid}_20205_2_0.xml").write_text(text, encoding="iso-8859-1")
                if has_cine:
                    _write_cine(root / "20209", eid, short_axis(person, rng), cine)
                if rng.random() < 0.8:
                    measured.append((eid, phenotypes_of(person, rng)))
        _write_main(root, rows, spelling)
        _write_csv(root / UKB_TRUTH, ("eid", *UKB_TRUE_RISKS), truths)
        header = ("eid", *(f"{name} {words[words.rindex('(') :]}" for name, words in PHENOTYPES.items()))  # LVEDV (mL)
        _write_csv(root / PHENOTYPES_FILE, header, [(e, *(f"{p[n]:.4f}" for n in PHENOTYPES)) for e, p in measured])


# -- lives ------------------------------------------------------------------------------------------------------------


def _life(eid: str, person: Participant, visit: datetime.date, rng: np.random.Generator) -> dict[str, Any]:
    """The participant's row of the main data set: (field, instance, index) -> value."""

    def before(most: float = 15) -> datetime.date:
        return visit - datetime.timedelta(days=int(365 * rng.uniform(0.2, most)))

    def after() -> datetime.date:
        return visit + datetime.timedelta(days=int(365 * rng.uniform(0.1, 6)))

    row: dict[Any, Any] = {
        "eid": eid,
        (31, 0, 0): "0" if person.female else "1",
        (53, 0, 0): (visit - datetime.timedelta(days=int(365 * rng.uniform(5, 10)))).isoformat(),
        (53, 2, 0): visit.isoformat(),
        (21003, 2, 0): f"{int(person.age)}",
        (50, 2, 0): f"{person.height:.0f}",
        (21002, 2, 0): f"{person.weight:.1f}",
    }
    codes: list[tuple[str, datetime.date]] = []
    reported: list[tuple[str, datetime.date]] = []
    if person.hypertension:
        since = before()
        if rng.random() < 0.6:
            row[131286, 0, 0] = since.isoformat()
        elif rng.random() < 0.7:
            reported.append(("1065", since))
        else:
            codes.append(("I110", since))
    if person.coronary:
        codes.append(("I251", before() if rng.random() < 0.7 else after()))
    if person.infarction:
        since = before()
        codes.append((str(rng.choice(["I210", "I219", "I252"])), since))
        if rng.random() < 0.7:
            row[131298, 0, 0] = since.isoformat()
    if person.fibrillation:
        codes.append(("I480" if rng.random() < 0.5 else "I489", before() if rng.random() < 0.6 else after()))
    if person.diabetes:
        codes.append(("E119", before()))
    codes.append((str(rng.choice(["K409", "M170", "H269", "R074"])), before()))
    if rng.random() < 0.02:
        row[41271, 0, 0], row[41281, 0, 0] = "4019", "1994-03-01"
    death = rng.exponential(1 / (0.006 * np.exp(0.08 * (person.age - 65))))
    failure = (rng.exponential(1) / (_HAZARD * np.exp(person.log_risk))) ** (1 / 1.15)
    if rng.random() < 0.012 * np.exp(0.5 * person.log_risk):
        failure = -float(rng.uniform(0.1, 4))  # prevalent at the visit
    last = (END - visit).days / 365.25
    if failure < min(death, last):
        when = visit + datetime.timedelta(days=int(365.25 * failure))
        row[131354, 0, 0] = when.isoformat()
        if rng.random() < 0.8:
            codes.append(("I500", when))
    if death < last:
        row[40000, 0, 0] = (visit + datetime.timedelta(days=int(365.25 * death))).isoformat()
    elif rng.random() < 0.01:
        row[191, 0, 0] = after().isoformat()
    for k, (code, date) in enumerate(codes):
        row[41270, 0, k], row[41280, 0, k] = code, date.isoformat()
    for k, (code, date) in enumerate(reported):
        row[20002, 2, k], row[20008, 2, k] = code, f"{date.year}.5"
    return row


def _bulk(eid: str, has_ecg: bool, has_cine: bool) -> dict[Any, Any]:
    """Bulk fields: the main data set names the file of who has one."""
    file_names: dict[Any, Any] = {}
    if has_ecg:
        file_names[20205, 2, 0] = "20205_2_0"
    if has_cine:
        file_names[20209, 2, 0] = "20209_2_0"
    return file_names


def _write_main(root: Path, rows: Sequence[dict[Any, Any]], spelling: str) -> None:
    columns = sorted({key for row in rows for key in row if key != "eid"})
    if spelling == "dispensary":
        names = [f"{field}-{instance}.{index}" for field, instance, index in columns]
        _write_csv(
            root / "ukb00000.csv", ("eid", *names), [(row["eid"], *(row.get(c, "") for c in columns)) for row in rows]
        )
        return
    import pandas as pd

    single = {31, 40000, 191, 131286, 131298, 131354}
    table: dict[str, list[Any]] = {"eid": [int(row["eid"]) for row in rows]}
    for field, instance, index in columns:
        if field in (41270, 41271):  # the platform gives these arrays as lists
            table[f"p{field}"] = [
                [row[key] for key in columns if key[0] == field and key in row] or None for row in rows
            ]
            continue
        name = f"p{field}" if field in single else f"p{field}_a{index}"
        if field not in single and field not in (41280, 41281):
            name = f"p{field}_i{instance}" + (f"_a{index}" if field in (20002, 20008) else "")
        table[name] = [row.get((field, instance, index)) for row in rows]
    pd.DataFrame(table).to_parquet(root / "participants.parquet")


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


# -- images -----------------------------------------------------------------------------------------------------------


def _write_cine(folder: Path, eid: str, phases: np.ndarray, how: str) -> None:
    folder.mkdir(exist_ok=True)
    if how == "arrays":
        np.save(folder / f"{eid}_20209_2_0.npy", phases)
    else:
        write_dicom_zip(folder / f"{eid}_20209_2_0.zip", phases)


def write_dicom_zip(path: Path, phases: np.ndarray, slices: int = 3, frames: int = 9) -> None:
    """Three phases (end-systole, end-diastole, half-way) as a cine of ``frames`` frames in ``slices`` slices.

    The outer slices are darker, so that a reader that takes one of them is caught.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

    systole, diastole, between = phases
    cycle = [diastole, between, systole, systole, between, diastole, diastole, diastole, diastole]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for s in range(slices):
            series = generate_uid(entropy_srcs=[path.name, str(s)])
            for f in range(frames):
                image = cycle[f % len(cycle)] if s == slices // 2 else cycle[f % len(cycle)] // 3
                dicom = Dataset()
                dicom.file_meta = FileMetaDataset()
                dicom.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
                dicom.file_meta.MediaStorageSOPClassUID = MRImageStorage
                dicom.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[path.name, f"{s}.{f}"])
                dicom.SOPClassUID = dicom.file_meta.MediaStorageSOPClassUID
                dicom.SOPInstanceUID = dicom.file_meta.MediaStorageSOPInstanceUID
                dicom.Modality = "MR"
                dicom.SeriesDescription = f"CINE_segmented_SAX_b{s + 1}"
                dicom.SeriesInstanceUID = series
                dicom.InstanceNumber = f + 1
                dicom.TriggerTime = 40.0 * f
                dicom.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
                dicom.ImagePositionPatient = [0, 0, 10 * s]
                dicom.Rows, dicom.Columns = image.shape
                dicom.SamplesPerPixel, dicom.PhotometricInterpretation = 1, "MONOCHROME2"
                dicom.BitsAllocated = dicom.BitsStored = 16
                dicom.HighBit, dicom.PixelRepresentation = 15, 0
                dicom.PixelData = image.astype("<u2").tobytes()
                buffer = BytesIO()
                dicom.save_as(buffer, enforce_file_format=True)
                archive.writestr(zipfile.ZipInfo(f"{s:02d}_{f:03d}.dcm", (2020, 1, 1, 0, 0, 0)), buffer.getvalue())
