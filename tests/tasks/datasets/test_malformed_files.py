"""Every publisher's format, damaged in every usual way: a clear error with the place, or skipped and listed."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

from bench import registry
from bench.errors import DataError
from bench.signals.build_store import prepare
from tasks.datasets.simulated.cpsc2018 import simulate_cpsc2018

N = 8
# format -> (dataset, pattern of its signal files, its index file or None)
FORMATS = {
    "ptbxl": ("ptbxl", "records500/*/*.dat", "ptbxl_database.csv"),
    "cpsc2018": ("cpsc2018", "**/A*.mat", None),  # CinC 2020's
    "cpsc2018-native": ("cpsc2018", "**/A*.mat", None),  # one MATLAB structure a recording
    "csn": ("csn", "WFDBRecords/*/*/*.mat", "ConditionNames_SNOMED-CT.csv"),
    "mimic-iv-ecg": ("mimic-iv-ecg", "files/*/*/*/*.dat", "record_list.csv"),
}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    base = tmp_path_factory.mktemp("publishers")
    for name, (dataset, *_) in FORMATS.items():
        if name != "cpsc2018-native":
            registry.load(registry.DATASETS, dataset).simulate(base / name, N, 2)
    simulate_cpsc2018(base / "cpsc2018-native", N, 2, layout="native")
    return base


@pytest.fixture(params=list(FORMATS))
def copy(request, pristine, tmp_path):
    """(dataset class, root, one signal file, its header) of a copy to damage."""
    root = shutil.copytree(pristine / request.param, tmp_path / request.param)
    dataset, pattern, _ = FORMATS[request.param]
    cls = registry.load(registry.DATASETS, dataset)
    signal = sorted(root.glob(pattern))[5]
    return cls, root, signal, signal.with_suffix(".hea")


INDEXES = [
    ("ptbxl", "ptbxl_database.csv"),
    ("ptbxl", "scp_statements.csv"),
    ("cpsc2018-native", "REFERENCE.csv"),
    ("csn", "ConditionNames_SNOMED-CT.csv"),
    ("mimic-iv-ecg", "record_list.csv"),
    ("mimic-iv-ecg", "machine_measurements.csv"),
]


@pytest.mark.parametrize(("name", "index"), INDEXES)
def test_headings_are_read_whatever_their_case_blanks_underscores_and_byte_order_mark(pristine, tmp_path, name, index):
    root = shutil.copytree(pristine / name, tmp_path / name)
    cls = registry.load(registry.DATASETS, FORMATS[name][0])
    path = next(root.rglob(index))
    first, _, rest = path.read_text(encoding="utf-8-sig").partition("\n")
    before = cls(root).records()
    for heading in ("\ufeff" + first.upper(), first.replace("_", " "), first.title().replace("_", "")):
        path.write_text(f"{heading}\n{rest}", encoding="utf-8")
        pd.testing.assert_frame_equal(cls(root).records(), before)


def truncated(signal, header):
    signal.write_bytes(signal.read_bytes()[:5000])


def empty(signal, header):
    signal.write_bytes(b"")


def missing(signal, header):
    signal.unlink()


def a_web_page(signal, header):
    page = b"<!DOCTYPE html><title>502 Bad Gateway</title>"
    signal.write_bytes(page * (signal.stat().st_size // len(page) + 1))


def one_bit(signal, header):
    data = bytearray(signal.read_bytes())
    data[4001] ^= 4
    signal.write_bytes(bytes(data))


def a_lead_less(signal, header):
    text = header.read_text()
    header.write_text(text.replace(" V6\n", " Vx\n"))


def a_lead_twice(signal, header):
    header.write_text(header.read_text().replace(" V6\n", " V5\n"))


def no_gain(signal, header):
    lines = header.read_text().splitlines()
    fields = lines[1].split()
    fields[2] = "0/mV"
    header.write_text("\n".join([lines[0], " ".join(fields), *lines[2:]]) + "\n")


def gain_in_words(signal, header):
    lines = header.read_text().splitlines()
    fields = lines[1].split()
    fields[2] = "1e999/mV"
    header.write_text("\n".join([lines[0], " ".join(fields), *lines[2:]]) + "\n")


def another_folder(signal, header):
    header.write_text(header.read_text().replace(f"{signal.name} ", f"../{signal.name} "))


def no_rate(signal, header):
    lines = header.read_text().splitlines()
    fields = lines[0].split()
    fields[2] = "0"
    header.write_text("\n".join([" ".join(fields), *lines[1:]]) + "\n")


def header_cut(signal, header):
    header.write_bytes(header.read_bytes()[:80])


def header_of_bytes(signal, header):
    header.write_bytes(bytes(range(256)))


SIGNAL = [truncated, empty, missing, a_web_page, one_bit]
HEADER = [a_lead_less, a_lead_twice, no_gain, gain_in_words, another_folder, no_rate, header_cut, header_of_bytes]


@pytest.mark.parametrize("damage", SIGNAL + HEADER, ids=lambda f: f.__name__)
def test_a_damaged_record_stops_with_its_place_or_is_skipped_and_listed(copy, tmp_path, damage):
    cls, root, signal, header = copy
    native = not header.exists()
    if native and (damage in HEADER or damage in (missing, one_bit)):
        pytest.skip("this format has neither headers nor checksums; a copy with fewer recordings is a smaller copy")
    damage(signal, header)
    store = tmp_path / "store"
    with pytest.raises(DataError) as error:
        prepare(cls(root), store)
    message = str(error.value)
    assert signal.stem in message
    assert str(root) in message
    assert "bench data download" in message or "publisher" in message  # the fix
    assert not store.exists()
    assert not (tmp_path / ".store.partial").exists()
    kept = prepare(cls(root), store, on_bad_record="skip")
    (listed,) = json.loads((store / "manifest.json").read_text())["skipped"]
    assert len(kept) == N - 1
    assert signal.stem in listed["reason"]
    assert listed["record_id"] not in kept.records.index


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00garbage", b"<html>sign in</html>\n", b'a,b\n"unclosed'])
@pytest.mark.parametrize("name", [name for name, (_, _, index) in FORMATS.items() if index])
def test_an_index_that_is_no_table_is_refused(pristine, tmp_path, name, content):
    root = shutil.copytree(pristine / name, tmp_path / name)
    index = root / FORMATS[name][2]
    index.write_bytes(content)
    with pytest.raises(DataError, match=index.name):
        prepare(registry.load(registry.DATASETS, name)(root), tmp_path / "store")


@pytest.mark.parametrize("name", ["ptbxl", "mimic-iv-ecg"])
@pytest.mark.parametrize("escape", ["../../etc/passwd", "/etc/passwd", "records500/../../x", "C:\\x", "a\0b"])
def test_paths_in_tables_stay_inside(pristine, tmp_path, name, escape):
    root = shutil.copytree(pristine / name, tmp_path / name)
    index = root / FORMATS[name][2]
    lines = index.read_text().splitlines()
    lines[3] = ",".join([*lines[3].split(",")[:-1], escape])
    index.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=index.name):
        prepare(registry.load(registry.DATASETS, name)(root), tmp_path / "store")


def test_a_lead_that_the_publisher_names_otherwise_is_still_that_lead(pristine, tmp_path):
    root = shutil.copytree(pristine / "csn", tmp_path / "csn")
    before = prepare(registry.load(registry.DATASETS, "csn")(root), tmp_path / "before")
    for header in root.rglob("*.hea"):
        header.write_text(header.read_text().replace(" aVR\n", " AVR\n").replace(" V1\n", " v1\n"))
    after = prepare(registry.load(registry.DATASETS, "csn")(root), tmp_path / "after")
    assert before.signals_digest == after.signals_digest


def test_a_misspelt_record_is_reported_as_unread(pristine, tmp_path):
    root = shutil.copytree(pristine / "csn", tmp_path / "csn")
    header = sorted(root.rglob("*.hea"))[4]
    header.rename(header.with_name(header.name[1:]))
    for name in ("csn", "chapman"):
        manifest = prepare(registry.load(registry.DATASETS, name)(root), tmp_path / f"store-{name}").manifest
        (remark,) = (remark for remark in manifest["remarks"] if "not read" in remark["words"])
        assert "2 signal files in" in remark["words"]
        assert [path.rpartition("/")[2] for path in remark["records"]] == [f"{header.stem}.mat", header.name[1:]]


@pytest.mark.parametrize("name", list(FORMATS))
def test_simulated_files_are_all_read_and_within_bounds(pristine, tmp_path, name):
    dataset, *_ = FORMATS[name]
    manifest = prepare(registry.load(registry.DATASETS, dataset)(pristine / name), tmp_path / "store").manifest
    assert manifest["n_records"] == N
    assert not [remark for remark in manifest.get("remarks", ()) if "not read" in remark["words"]]


def test_microvolts_in_a_matlab_file_are_refused(pristine, tmp_path):
    import scipy.io

    from tasks.datasets.cpsc2018 import CPSC2018

    root = shutil.copytree(pristine / "cpsc2018-native", tmp_path / "native")
    path = sorted(root.rglob("A*.mat"))[5]
    content = scipy.io.loadmat(path, variable_names=["ECG"])["ECG"]
    content["data"][0, 0] = content["data"][0, 0] * 1000
    scipy.io.savemat(path, {"ECG": content})
    with pytest.raises(DataError, match=rf"{path.stem}: the signal reaches .* mV; expected at most 33 mV"):
        prepare(CPSC2018(root), tmp_path / "store")
    assert prepare(CPSC2018(root), tmp_path / "store", on_bad_record="skip").manifest["n_skipped"] == 1


def test_files_that_no_record_reads_are_named_whatever_the_dataset(copy, tmp_path):
    cls, root, signal, header = copy
    stray = [shutil.copy(path, path.with_stem(f"copy-of-{path.stem}")) for path in (signal, header) if path.exists()]
    manifest = prepare(cls(root), tmp_path / "store").manifest
    (remark,) = (remark for remark in manifest["remarks"] if "not read" in remark["words"])
    assert remark["records"] == sorted(str(path.relative_to(root)) for path in stray)


@pytest.mark.parametrize("name", ["cpsc2018", "cpsc2018-native", "csn", "mimic-iv-ecg"])
def test_files_in_a_folder_apart_that_no_record_reads_are_named(pristine, tmp_path, name):
    root = shutil.copytree(pristine / name, tmp_path / name)
    dataset, pattern, _ = FORMATS[name]
    (root / "part-2").mkdir()
    stray = shutil.copy(next(root.glob(pattern)), root / "part-2" / f"renamed{pattern[-4:]}")
    found = registry.load(registry.DATASETS, dataset)(root)
    assert found.unread_files(found.files(found.records())) == [stray]


@pytest.mark.parametrize(
    "name", ["georgia", "ptbdb", "code-test", "sami-trop", "echonext", "mimic-outcomes", "ptbxl-features"]
)
def test_a_copy_of_a_signal_file_is_named_and_published_files_are_not(tmp_path, name):
    cls = registry.load(registry.DATASETS, name)
    cls.simulate(tmp_path / name, 40, 2)

    def unread():
        dataset = cls(tmp_path / name)
        return dataset.unread_files(dataset.files(dataset.records()))

    assert unread() == []
    dataset = cls(tmp_path / name)
    path = dataset.files(dataset.records())[0].path
    signal = path if path.is_file() else next(p for p in path.parent.glob(f"{path.name}.*") if p.suffix != ".hea")
    stray = shutil.copy(signal, signal.with_stem("renamed"))
    assert unread() == [stray]


def test_of_two_layouts_of_cpsc2018_the_one_that_is_not_read_is_named(pristine, tmp_path):
    root = tmp_path / "both"
    for name in ("cpsc2018", "cpsc2018-native"):
        shutil.copytree(pristine / name, root / name)
    manifest = prepare(registry.load(registry.DATASETS, "cpsc2018")(root), tmp_path / "store").manifest
    (remark,) = manifest["remarks"]
    assert f"not read, since no record has them: {N} signal files in {root}" in remark["words"]
    assert {path.partition("/")[0] for path in remark["records"]} == {"cpsc2018-native"}
