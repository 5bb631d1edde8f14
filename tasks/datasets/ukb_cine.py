"""Short-axis cine MRI: the middle slice at end-systole, end-diastole and half-way between them, as MMCL uses it.

From UK Biobank's field 20209 (a zip of DICOM files, read with pydicom), from NIfTI (nibabel), or from prepared arrays
(``.npy``, ``.npz``): [3, height, width] in this order of phases, or a whole cine [time, height, width].

Neither the archive nor the paper says where end-systole is. The cine is triggered by the R wave, so that its first frame
is end-diastole; end-systole is taken to be the frame that differs most from it, in the middle of the image and within
15-60 % of the cycle, the ventricle being smallest there.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from bench.errors import DataError

CANVAS = 210
"""Pixels to which images are zero-padded; MMCL section IV-A."""
HINT = "Fetch the participant's field 20209 again from UK Biobank, or leave the image out with --on-bad-record skip."
SUFFIXES = (".npy", ".npz", ".nii.gz", ".nii", ".zip")
"""What is read, best first."""

LARGEST_PIXEL = 1e9
LARGEST_PLACE = 1e6
"""Of a slice's place (mm) and a frame's time (ms)."""

_SERIES = re.compile(r"cine_segmented_sax_b(\d+)$", re.IGNORECASE)
_MOST_FILES = 20_000
_LARGEST = 64 * 2**20
"""Bytes of one member, unpacked: a frame of 210 x 210 pixels has 0.1 MB."""


def read_three_phases(path: Path, size: int = CANVAS) -> Float32[np.ndarray, "phase size size"]:
    """One participant's image, in [0, 1].

    Zero-padded (or cut) about its centre to 210 x 210, scaled by the extremes of all three phases together, and
    averaged down to ``size`` where another one is asked for.

    Raises:
        DataError: missing, damaged, of another shape, or an archive whose names point out of it.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing. {HINT}")
    if path.name.endswith(".zip"):
        cine = read_dicom_zip(path)
    elif path.name.endswith((".nii", ".nii.gz")):
        cine = _read_nifti(path)
    else:
        cine = _read_array(path)
    numbers = cine.dtype.kind in "fiu" and cine.ndim == 3 and min(cine.shape) >= 3
    if not numbers or not np.abs(cine, dtype=np.float64).max() <= LARGEST_PIXEL:  # infinite and NaN are none either
        raise DataError(
            f"{path}: a cine of shape {cine.shape} and type {cine.dtype}; expected finite numbers up to {LARGEST_PIXEL:g}, "
            f"[time, height, width] with 3 frames or more. {HINT}"
        )
    phases = cine if len(cine) == 3 else cine[list(phases_of(cine))]
    padded = fit(np.asarray(phases, np.float32), CANVAS)
    low, high = float(padded.min()), float(padded.max())
    scaled = (padded - low) / (high - low) if high > low else np.zeros_like(padded)
    return scaled if size == CANVAS else shrink(scaled, size)


def phases_of(cine: Float[np.ndarray, "time height width"]) -> tuple[int, int, int]:
    """The frames of end-systole, end-diastole and half-way between, by the rule of this module."""
    frames = len(cine)
    rows, columns = (slice(n // 4, n - n // 4) for n in cine.shape[1:])
    middle = cine[:, rows, columns].astype(np.float64)
    change = np.abs(middle - middle[0]).mean(axis=(1, 2))
    first, last = max(1, round(0.15 * frames)), max(2, round(0.6 * frames))
    systole = first + int(np.argmax(change[first:last]))
    return systole, 0, max(1, systole // 2) if systole > 1 else min(2, frames - 1)


def fit(images: Float[np.ndarray, "*stack height width"], size: int) -> Float[np.ndarray, "*stack size size"]:
    """Zero-padded or cut to a square, about the centre."""
    for axis in (-2, -1):
        length = images.shape[axis]
        if length > size:
            start = (length - size) // 2
            images = np.take(images, np.arange(start, start + size), axis=axis)
        elif length < size:
            before = (size - length) // 2
            padding = [(0, 0)] * images.ndim
            padding[axis] = (before, size - length - before)
            images = np.pad(images, padding)
    return images


def shrink(images: Float32[np.ndarray, "*stack height height"], size: int) -> Float32[np.ndarray, "*stack size size"]:
    """Another size; each new pixel is the mean of the area that it covers."""
    length = images.shape[-1]
    edges = np.arange(size + 1) * length / size
    pixel = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights = (np.clip(overlap, 0, None) * size / length).astype(np.float32)
    return weights @ images @ weights.T


def read_dicom_zip(path: Path) -> np.ndarray:
    """The middle slice of a zip of DICOM files: [time, height, width].

    Slices are the series whose description is ``CINE_segmented_SAX_b1``, ``b2``, ... (any series if there is none such);
    they are ordered along the normal of the image plane, and frames by trigger time.

    Raises:
        DataError: no zip, a name that points out of it, no DICOM series of several frames.
    """
    pydicom = _needed("pydicom")
    series: dict[str, list[tuple[float, float, str]]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in _members(archive, path):
                header = _dicom(pydicom, archive, member, path, pixels=False)
                if header is None:
                    continue
                name, moment, depth = _place(header, f"{path}: the member {member}")
                series.setdefault(name, []).append((moment, depth, member))
            named = {name: frames for name, frames in series.items() if _SERIES.search(name.strip())}
            slices = [frames for frames in (named or series).values() if len(frames) >= 3]
            if not slices:
                raise DataError(f"{path}: no DICOM series of 3 or more frames among {len(series)}. {HINT}")
            slices.sort(key=lambda frames: (frames[0][1], frames[0][2]))
            frames = sorted(slices[len(slices) // 2])
            images = [_dicom(pydicom, archive, member, path, pixels=True) for _, _, member in frames]
    # zipfile raises RuntimeError where a member is encrypted, or compressed in a way that it lacks
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
        raise DataError(f"{path} cannot be read as a zip of DICOM files: {error}. {HINT}") from error
    shapes = {image.shape for image in images if image is not None}
    if len(shapes) != 1:
        raise DataError(f"{path}: the frames of the middle slice differ in shape: {sorted(shapes)}. {HINT}")
    return np.stack(images)


def _members(archive: zipfile.ZipFile, path: Path) -> list[str]:
    """The names of DICOM files, checked. Nothing is ever unpacked to disk, but a name that climbs is a sign of tampering."""
    entries = archive.infolist()
    if len(entries) > _MOST_FILES:
        raise DataError(f"{path} has {len(entries):,} members; expected a few hundred. {HINT}")
    for entry in entries:
        name = entry.filename.replace("\\", "/")
        if name.startswith("/") or ".." in name.split("/") or ":" in name.split("/")[0] or "\0" in name:
            raise DataError(
                f"{path}: the member {entry.filename!r} points out of the archive; it was tampered with. {HINT}"
            )
        if entry.file_size > _LARGEST:
            raise DataError(f"{path}: the member {entry.filename!r} unpacks to {entry.file_size:,} bytes. {HINT}")
    return sorted(entry.filename for entry in entries if entry.filename.lower().endswith((".dcm", ".ima")))


def _dicom(pydicom: Any, archive: zipfile.ZipFile, member: str, path: Path, pixels: bool) -> Any:
    """A header, or the pixels, of one member; None for a header without an image."""
    content = io.BytesIO(archive.read(member))
    try:
        dataset = pydicom.dcmread(content, stop_before_pixels=not pixels)
        if pixels:
            return np.asarray(dataset.pixel_array, np.float32)
        return dataset if getattr(dataset, "Rows", 0) else None
    except Exception as error:  # pydicom raises whatever its parsers stumble on
        raise DataError(f"{path}: the member {member} is no readable DICOM image: {error}. {HINT}") from error


def _place(header: Any, where: str) -> tuple[str, float, float]:
    """(series, trigger time, place of the slice) of a frame.

    Raises:
        DataError: one of them cannot be.
    """
    try:
        name = str(getattr(header, "SeriesDescription", "") or getattr(header, "SeriesInstanceUID", ""))
        moment, depth = _moment(header), _depth(header)
        if max(abs(moment), abs(depth)) <= LARGEST_PLACE:
            return name, moment, depth
        what = f"trigger time {moment:g}, place of the slice {depth:g}"
    except Exception as error:  # pydicom converts values when they are asked for
        what = f"{type(error).__name__}: {error}"
    raise DataError(
        f"{where} has a time, position or orientation that cannot be ({what[:120]}); expected a finite trigger time, a "
        f"position of 3 and an orientation of 6 numbers. {HINT}"
    )


def _moment(header: Any) -> float:
    """Trigger time (ms), or where that is missing the number of the frame."""
    trigger = getattr(header, "TriggerTime", None)
    return float(trigger) if trigger is not None else float(getattr(header, "InstanceNumber", 0) or 0)


def _depth(header: Any) -> float:
    """Place of the slice along the normal of its plane, mm."""
    position, orientation = (
        getattr(header, name, None) for name in ("ImagePositionPatient", "ImageOrientationPatient")
    )
    if position is None or orientation is None:
        return float(getattr(header, "SliceLocation", 0) or 0)
    origin, across = np.array(position, float), np.array(orientation, float)
    if origin.shape != (3,) or across.shape != (6,):
        raise ValueError(f"{origin.size} and {across.size} numbers")
    return float(np.dot(np.cross(across[:3], across[3:]), origin))


def _read_nifti(path: Path) -> np.ndarray:
    """[x, y, slice, time], as ukbb_cardiac writes ``sa.nii.gz``, or [x, y, time]."""
    nibabel = _needed("nibabel")
    try:
        volume = np.asarray(nibabel.load(path).dataobj, np.float32)
    except Exception as error:  # nibabel raises whatever its parsers and zlib stumble on
        raise DataError(f"{path} cannot be read as NIfTI: {error}. {HINT}") from error
    if volume.ndim == 4:
        volume = volume[:, :, volume.shape[2] // 2]
    return volume.transpose(2, 1, 0) if volume.ndim == 3 else volume


def _read_array(path: Path) -> np.ndarray:
    try:
        array = np.load(path, allow_pickle=False)
        if isinstance(array, np.lib.npyio.NpzFile):
            with array:
                names = array.files
                if len(names) != 1 and "image" not in names:
                    raise DataError(f"{path} holds {', '.join(names)}; expected one array, or one named image. {HINT}")
                return np.asarray(array["image" if "image" in names else names[0]])
        return array
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} cannot be read as an array: {error}. {HINT}") from error


def _needed(module: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DataError(
            f"reading these images needs {module}, which is not installed. Install it with: pip install 'ecg-bench[ukb]'"
        ) from error
