"""Records of Zenodo and figshare from a loopback server: lists with md5, large files continued, archives unpacked."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
import zipfile

import pytest

from bench import registry
from bench.data.download import one_file
from bench.data.download.command import download_dataset
from bench.data.download.publication_files import download
from bench.data.download.unpack import unpack
from bench.dataset import Publication
from bench.errors import DataError

BIG = bytes(range(256)) * 4000  # 1 MB


def md5(content):
    return hashlib.md5(content).hexdigest()


def zenodo(publisher, number, files):
    publisher.files |= {f"records/{number}/files/{name}/content": content for name, content in files.items()}
    listed = [
        {
            "key": name,
            "size": len(content),
            "checksum": f"md5:{md5(content)}",
            "links": {"self": f"{publisher.url}records/{number}/files/{name}/content"},
        }
        for name, content in files.items()
    ]
    publisher.files[f"records/{number}"] = json.dumps({"id": number, "files": listed}).encode()


def figshare(publisher, number, files):
    publisher.files |= {f"download/{number}/{k}": content for k, content in enumerate(files.values())}
    listed = [
        {
            "name": name,
            "size": len(content),
            "computed_md5": md5(content),
            "supplied_md5": "",
            "download_url": f"{publisher.url}download/{number}/{k}",
        }
        for k, (name, content) in enumerate(files.items())
    ]
    publisher.files[f"articles/{number}"] = json.dumps({"files": listed}).encode()


def zipped(files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, data in files.items():
            file.writestr(name, data)
    return content.getvalue()


def publication_of(publisher, below, *numbers, **more):
    return Publication(
        "toy",
        "Toy",
        "1",
        f"{publisher.url}{below}/",
        "CC0",
        archive_records=numbers,
        unpack=("*.zip", "*.tar.gz"),
        **more,
    )


def below(root):
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file() and ".download" not in p.parts}


def test_a_record_of_zenodo_is_fetched_verified_and_unpacked(publisher, tmp_path):
    parts = {f"exams_part{k}.zip": zipped({f"exams_part{k}.hdf5": bytes([k]) * 1000}) for k in range(2)}
    zenodo(publisher, "4916206", {"exams.csv": b"exam_id\n1\n", "readme.pdf": b"not needed", **parts})
    publication = publication_of(publisher, "records", "4916206", include=("exams.csv", "*.zip"))
    seen = []
    done = download(publication, tmp_path, progress=lambda done, total, note="": seen.append((done, total)))
    assert below(tmp_path) == {"exams.csv", *parts, "exams_part0.hdf5", "exams_part1.hdf5"}
    assert (tmp_path / "exams_part1.hdf5").read_bytes() == bytes([1]) * 1000
    assert (done.files, done.fetched) == (3, 3) and seen[-1][0] == seen[-1][1] == done.bytes
    assert publisher.heads == 0  # the list states sizes
    publisher.asked.clear()
    assert download(publication, tmp_path).fetched == 0
    assert set(publisher.asked) == {"records/4916206"}


def test_an_archive_that_was_unpacked_may_be_deleted_and_a_file_that_was_lost_comes_back(publisher, tmp_path):
    zenodo(publisher, "1", {"a.zip": zipped({"a.hdf5": b"a" * 100}), "b.zip": zipped({"b.hdf5": b"b" * 100})})
    publication = publication_of(publisher, "records", "1")
    download(publication, tmp_path)
    (tmp_path / "a.zip").unlink()
    (tmp_path / "b.hdf5").unlink()
    assert download(publication, tmp_path).fetched == 0
    assert below(tmp_path) == {"a.hdf5", "b.hdf5", "b.zip"}


def test_articles_of_figshare_are_one_publication(publisher, tmp_path):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as file:  # uncompressed, whatever its name says
        member = tarfile.TarInfo("records/A00001.h5")
        member.size = 5
        file.addfile(member, io.BytesIO(b"hdf5!"))
    figshare(publisher, "17912441", {"metadata.csv": b"ECG_ID\n"})
    figshare(publisher, "17912444", {"records.tar.gz": tar.getvalue()})
    download(publication_of(publisher, "articles", "17912441", "17912444"), tmp_path)
    assert below(tmp_path) == {"metadata.csv", "records.tar.gz", "records/A00001.h5"}
    assert (tmp_path / "records/A00001.h5").read_bytes() == b"hdf5!"


def test_what_arrived_of_a_large_file_is_continued_by_the_next_command(publisher, tmp_path, monkeypatch):
    zenodo(publisher, "1", {"big.dat": BIG})
    path = "records/1/files/big.dat/content"
    publication = publication_of(publisher, "records", "1")
    publisher.etag, publisher.cut[path] = '"v1"', [400_000] * 2
    monkeypatch.setattr(one_file, "PATIENCE", 1)
    with pytest.raises(one_file.Unreachable, match="the download continues"):
        download(publication, tmp_path)
    assert below(tmp_path) == set()
    publisher.cut[path].clear()
    publisher.sent.clear()
    download(publication, tmp_path)
    assert (tmp_path / "big.dat").read_bytes() == BIG
    assert publisher.sent[path] < len(BIG) - 300_000  # the last piece before the cut, up to 128 KiB, comes again


def test_another_md5_than_listed_is_refused(publisher, tmp_path):
    zenodo(publisher, "1", {"exams.csv": b"published"})
    publisher.files["records/1/files/exams.csv/content"] = b"damaged!!"
    with pytest.raises(
        DataError, match=rf"(?s)sends the md5 {md5(b'damaged!!')}.*list says {md5(b'published')}.*rejected twice"
    ):
        download(publication_of(publisher, "records", "1"), tmp_path)
    assert below(tmp_path) == set()


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (b'{"message": "not found"}', "lists no files; expected a record of Zenodo or figshare"),
        (b"<html>busy</html>", "lists no files"),
        (
            b'{"files": [{"key": "../x", "checksum": "md5:00", "links": {"self": "http://x/"}}]}',
            r"names the file '\.\./x'",
        ),
        (b'{"files": [{"key": "x", "checksum": "sha1:00", "links": {"self": "http://x/"}}]}', "expected an md5"),
        (
            b'{"files": [{"key": "x", "checksum": "%s", "links": {"self": "file:///etc/passwd"}}]}' % (b"0" * 32),
            "the address 'file:///etc/passwd'",
        ),
        (
            b'{"files": [{"key": "x", "checksum": "%s", "links": {"self": "http://x/"}}]}' % (b"0" * 32),
            r"none of the files of Toy: expected \*\.csv; the list has x",
        ),
    ],
)
def test_replies_that_are_no_list(publisher, tmp_path, reply, message):
    publisher.files["records/1"] = reply
    with pytest.raises(DataError, match=message):
        download(publication_of(publisher, "records", "1", include=("*.csv",)), tmp_path / "root")
    assert below(tmp_path) == set()


def split_zip(folder, files, at):
    """A zip of stored files in two parts as the zip program writes it: places count from the part in which they begin."""
    whole = zipped(files)
    joined = b"PK\x07\x08" + whole
    directory = whole.index(b"PK\x01\x02")
    entries = bytearray(whole[directory:])
    place = 0
    while entries[place : place + 4] == b"PK\x01\x02":
        name, extra, comment = struct.unpack_from("<3H", entries, place + 28)
        (offset,) = struct.unpack_from("<I", entries, place + 42)
        offset += 4
        struct.pack_into("<H", entries, place + 34, int(offset >= at))
        struct.pack_into("<I", entries, place + 42, offset - at * (offset >= at))
        place += 46 + name + extra + comment
    struct.pack_into("<2H", entries, place + 4, 1, 1)
    struct.pack_into("<I", entries, place + 16, directory + 4 - at)
    (folder / "Child_ecg.z01").write_bytes(joined[:at])
    (folder / "Child_ecg.zip").write_bytes(joined[at : directory + 4] + bytes(entries))


def test_a_split_zip_is_read_with_its_parts(tmp_path):
    files = {f"Child_ecg/P00/{k}.dat": bytes([k]) * 3000 for k in range(6)}
    split_zip(tmp_path, files, at=7_000)  # within a member
    assert unpack(tmp_path / "Child_ecg.zip", tmp_path / "aside") == 6
    assert all((tmp_path / name).read_bytes() == content for name, content in files.items())
    assert unpack(tmp_path / "Child_ecg.zip", tmp_path / "aside") == 0
    (tmp_path / "Child_ecg.z01").unlink()
    with pytest.raises(DataError, match=r"Child_ecg\.zip cannot be unpacked \(.*Delete it and run the command again"):
        unpack(tmp_path / "Child_ecg.zip", tmp_path / "aside")


def test_members_that_leave_the_folder_and_damaged_archives_are_refused(tmp_path):
    (tmp_path / "out.zip").write_bytes(zipped({"../outside": b"x"}))
    with pytest.raises(DataError, match=r"out\.zip names the file '\.\./outside'"):
        unpack(tmp_path / "out.zip", tmp_path / "aside")
    content = bytearray(zipped({"a.dat": b"x" * 1000}))
    content[200] ^= 1
    (tmp_path / "bad.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.zip cannot be unpacked \(Bad CRC-32"):
        unpack(tmp_path / "bad.zip", tmp_path / "aside")
    assert not (tmp_path / "a.dat").exists()


def test_a_dataset_of_an_archive_can_be_read_after_its_download(publisher, tmp_path):
    """SaMi-Trop as Zenodo holds it: a table, and the tracings in a zip."""
    cls = registry.load(registry.DATASETS, "sami-trop")
    cls.simulate(tmp_path / "twin", 12, 0)
    table, tracings = (tmp_path / "twin" / name for name in ("exams.csv", "exams.hdf5"))
    zenodo(
        publisher,
        "4905618",
        {"exams.csv": table.read_bytes(), "exams.zip": zipped({"exams.hdf5": tracings.read_bytes()})},
    )
    lines = list(download_dataset("sami-trop", tmp_path / "ecg", mirror=f"{publisher.url}records"))
    assert "2 files verified by md5; 2 fetched now" in lines[0]
    assert "may be deleted" in lines[1] and lines[-1].split() == ["bench", "data", "prepare", "sami-trop"]
    dataset = cls(tmp_path / "ecg" / "sami-trop")
    records = dataset.records()
    assert len(records) == 12
    assert dataset.read(dataset.files(records)[0]).signal.shape == (12, 1568)
