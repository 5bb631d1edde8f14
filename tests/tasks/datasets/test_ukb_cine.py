"""Short-axis cines: the same image from DICOM, NIfTI and arrays, and what is refused."""

import io
import warnings
import zipfile

import numpy as np
import pytest

from bench.errors import DataError
from tasks.datasets.simulated.ukb import write_dicom_zip
from tasks.datasets.simulated.ukb_hearts import draw_participant, short_axis
from tasks.datasets.ukb_cine import fit, phases_of, read_three_phases, shrink


@pytest.fixture(scope="module")
def phases():
    rng = np.random.default_rng(1)
    return short_axis(draw_participant(rng), rng)


def test_an_array_of_three_phases_is_scaled(tmp_path, phases):
    np.save(tmp_path / "1_20209_2_0.npy", phases)
    image = read_three_phases(tmp_path / "1_20209_2_0.npy")
    assert image.shape == (3, 210, 210) and image.dtype == np.float32
    assert image.min() == 0 and image.max() == 1
    np.testing.assert_allclose(image, (phases - float(phases.min())) / float(np.ptp(phases)), atol=1e-6)


def test_a_dicom_zip_gives_its_middle_slice_and_the_three_phases(tmp_path, phases):
    write_dicom_zip(tmp_path / "1.zip", phases)
    np.save(tmp_path / "1.npy", phases)
    np.testing.assert_allclose(read_three_phases(tmp_path / "1.zip"), read_three_phases(tmp_path / "1.npy"), atol=1e-6)


def test_a_nifti_volume_gives_the_same(tmp_path, phases):
    nibabel = pytest.importorskip("nibabel")
    systole, diastole, between = phases
    cycle = np.stack([diastole, between, systole, systole, between, diastole, diastole, diastole]).astype(np.float32)
    volume = np.stack([cycle // 3, cycle, cycle // 3])  # [slice, time, y, x]
    nibabel.save(nibabel.Nifti1Image(volume.transpose(3, 2, 0, 1), np.eye(4)), tmp_path / "1.nii.gz")
    np.save(tmp_path / "1.npy", phases)
    np.testing.assert_allclose(
        read_three_phases(tmp_path / "1.nii.gz"), read_three_phases(tmp_path / "1.npy"), atol=1e-6
    )


def test_systole_is_where_the_heart_differs_most_from_its_first_frame():
    time = np.arange(50)
    radius = 20 - 8 * np.exp(-(((time - 18) / 8) ** 2))
    y, x = np.mgrid[-40:40, -40:40]
    cine = (np.hypot(x, y)[None] < radius[:, None, None]) * 200.0
    systole, diastole, between = phases_of(cine)
    assert abs(systole - 18) <= 1 and diastole == 0 and between == systole // 2


def test_padding_cutting_and_shrinking_keep_the_centre():
    image = np.zeros((3, 100, 240), np.float32)
    image[:, 45:55, 115:125] = 1
    square = fit(image, 210)
    assert square.shape == (3, 210, 210)
    rows, columns = np.nonzero(square[0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (100, 109, 100, 109)
    small = shrink(square, 60)
    assert small.shape == (3, 60, 60)
    assert small.mean() == pytest.approx(square.mean(), rel=1e-5)


def zip_of(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["../up.dcm", "/etc/passwd.dcm", "a/../../b.dcm", "C:\\x.dcm", "..\\x.dcm"])
def test_a_member_that_points_out_of_the_archive_is_refused(tmp_path, name):
    with pytest.raises(DataError, match="points out of the archive"):
        read_three_phases(zip_of(tmp_path / "1.zip", {name: b"x"}))


def test_archives_without_a_cine_are_refused(tmp_path):
    with pytest.raises(DataError, match="no readable DICOM image"):
        read_three_phases(zip_of(tmp_path / "1.zip", {"a.dcm": b"not a DICOM file"}))
    with pytest.raises(DataError, match="no DICOM series"):
        read_three_phases(zip_of(tmp_path / "2.zip", {"manifest.csv": b"a,b"}))
    (tmp_path / "3.zip").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(DataError, match="cannot be read as a zip"):
        read_three_phases(tmp_path / "3.zip")


def test_a_truncated_frame_is_refused(tmp_path, phases):
    write_dicom_zip(tmp_path / "1.zip", phases)
    with zipfile.ZipFile(tmp_path / "1.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    middle = next(name for name in members if name.startswith("01_"))
    members[middle] = members[middle][: len(members[middle]) // 2]
    with pytest.raises(DataError, match=middle):
        read_three_phases(zip_of(tmp_path / "2.zip", members))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ImagePositionPatient", ["1", "2"]),
        ("ImagePositionPatient", ["1", "2", "1e400"]),
        ("ImageOrientationPatient", ["1", "0", "0"]),
        ("TriggerTime", "1e400"),
        ("TriggerTime", "99999999999999999999"),
    ],
)
def test_positions_and_times_that_cannot_be_are_refused(tmp_path, phases, name, value):
    pydicom = pytest.importorskip("pydicom")
    write_dicom_zip(tmp_path / "1.zip", phases)
    with zipfile.ZipFile(tmp_path / "1.zip") as archive:
        members = {one: archive.read(one) for one in archive.namelist()}
    member = sorted(one for one in members if one.endswith(".dcm"))[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = pydicom.dcmread(io.BytesIO(members[member]))
        setattr(header, name, value)
        buffer = io.BytesIO()
        header.save_as(buffer)
    members[member] = buffer.getvalue()
    with pytest.raises(DataError, match=rf"{member}.*cannot be.*--on-bad-record skip"):
        read_three_phases(zip_of(tmp_path / "2.zip", members))


@pytest.mark.parametrize(
    "array",
    [np.full((3, 5, 5), np.inf), np.full((3, 5, 5), 1e300), np.full((3, 5, 5), np.nan), np.full((3, 5, 5), "a"),
     np.full((3, 5, 5), 1j)],
    ids=["inf", "1e300", "nan", "text", "complex"],
)  # fmt: skip
def test_pixels_that_cannot_be_are_refused(tmp_path, array):
    np.save(tmp_path / "1.npy", array)
    with pytest.raises(DataError, match="expected finite numbers up to 1e"):
        read_three_phases(tmp_path / "1.npy")


def test_arrays_are_never_unpickled(tmp_path):
    np.save(tmp_path / "1.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read as an array"):
        read_three_phases(tmp_path / "1.npy")
    buffer = io.BytesIO()
    np.savez(buffer, image=np.zeros((2, 5, 5)))
    (tmp_path / "2.npz").write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match=r"shape \(2, 5, 5\)"):
        read_three_phases(tmp_path / "2.npz")
