"""A publication from a loopback server that also cuts connections, lies and is away."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections import namedtuple
from dataclasses import replace

import pytest

from bench.data.download import one_file
from bench.data.download.publication_files import download
from bench.dataset import Publication
from bench.errors import ConfigError, DataError

BIG = bytes(range(256)) * 4000  # 1 MB


@pytest.fixture
def publication(publisher):
    publisher.files = {
        "RECORDS": b"records500/00001_hr\n",
        "records100/00001_lr.dat": b"low" * 100,
        "records500/00001_hr.dat": BIG,
        "records500/00001 é.hea": b"a name to quote",
    }
    return Publication("toy", "Toy", "1.0", publisher.url, "CC0")


def everything_below(root):
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file() and ".download" not in p.parts}


def test_every_file_arrives_verified_and_the_list_with_it(publication, publisher, tmp_path):
    done = download(publication, tmp_path)
    assert everything_below(tmp_path) == {*publisher.files, "SHA256SUMS.txt"}
    assert all((tmp_path / path).read_bytes() == content for path, content in publisher.files.items())
    assert (done.files, done.fetched, done.bytes) == (4, 4, sum(map(len, publisher.files.values())))
    assert not list((tmp_path / ".download").glob("*.part"))


def test_a_second_time_fetches_nothing_and_reads_nothing(publication, publisher, tmp_path, monkeypatch):
    download(publication, tmp_path)
    publisher.asked.clear()
    monkeypatch.setattr("bench.data.download.publication_files.digest_like", lambda *_: pytest.fail("read again"))
    assert download(publication, tmp_path).fetched == 0
    assert set(publisher.asked) == {"SHA256SUMS.txt"}


def test_files_that_came_otherwise_are_verified_and_wrong_ones_replaced(publication, publisher, tmp_path):
    (tmp_path / "records500").mkdir()
    (tmp_path / "records500/00001_hr.dat").write_bytes(BIG)
    (tmp_path / "RECORDS").write_bytes(b"edited")
    assert download(publication, tmp_path).fetched == 3
    assert publisher.asked["records500/00001_hr.dat"] == 0
    assert (tmp_path / "RECORDS").read_bytes() == publisher.files["RECORDS"]


def test_a_cut_connection_is_made_again(publication, publisher, tmp_path):
    path = "records500/00001_hr.dat"
    publisher.cut[path] = [400_000, 200_000]
    seen = []
    done = download(publication, tmp_path, progress=lambda done, total, note="": seen.append((done, total)))
    assert (tmp_path / path).read_bytes() == BIG
    assert publisher.asked[path] == 3
    assert done.bytes == seen[-1][0] == seen[-1][1] == sum(map(len, publisher.files.values()))


def test_a_stopped_download_goes_on_with_the_files_that_are_missing(publication, publisher, tmp_path):
    path = "records500/00001_hr.dat"
    publisher.cut[path] = [600_000] * one_file.PATIENCE
    with pytest.raises(one_file.Unreachable, match="the download continues"):
        download(publication, tmp_path, connections=1)
    assert path not in everything_below(tmp_path)
    (tmp_path / ".download/7.part").write_bytes(b"of a process that was killed")
    publisher.asked.clear()
    download(publication, tmp_path)
    assert (tmp_path / path).read_bytes() == BIG
    assert publisher.asked["RECORDS"] == publisher.asked["records100/00001_lr.dat"] == 0
    assert not list((tmp_path / ".download").glob("*.part"))


def test_a_busy_server_is_asked_again(publication, publisher, tmp_path):
    publisher.status["RECORDS"] = [503, 429, 500]
    publisher.status["SHA256SUMS.txt"] = [503]
    assert download(publication, tmp_path).fetched == 4
    assert publisher.asked["RECORDS"] == 4


def test_a_server_that_is_never_back_is_given_up(publication, publisher, tmp_path):
    publisher.status["SHA256SUMS.txt"] = [503] * 50
    with pytest.raises(one_file.Unreachable, match=r"HTTP 503.*6 attempts"):
        download(publication, tmp_path)
    assert publisher.asked["SHA256SUMS.txt"] == one_file.PATIENCE


def test_no_server_at_all(publication, tmp_path):
    with pytest.raises(one_file.Unreachable, match=r"ConnectionRefusedError|refused"):
        download(replace(publication, url="http://127.0.0.1:9/"), tmp_path)


def test_other_bytes_than_promised_never_get_the_name_and_the_others_do(publication, publisher, tmp_path):
    wrong = hashlib.sha256(b"other").hexdigest()
    right = hashlib.sha256(publisher.files["RECORDS"]).hexdigest()
    publisher.sums = f"{wrong}  records100/00001_lr.dat\n{right}  RECORDS\n"
    with pytest.raises(DataError, match=rf"(?s)1 of 2 files.*00001_lr\.dat.*list says {wrong}.*rejected twice"):
        download(publication, tmp_path)
    assert everything_below(tmp_path) == {"RECORDS"}


def test_files_that_are_gone_are_named_and_the_others_come(publication, publisher, tmp_path):
    publisher.sums = publisher.listed().decode() + "0" * 64 + "  records500/00002_hr.dat\n"
    with pytest.raises(DataError, match=r"(?s)1 of 5 files.*00002_hr\.dat.*HTTP 404.*All other files are kept"):
        download(publication, tmp_path)
    assert everything_below(tmp_path) == set(publisher.files)


def test_no_list_of_checksums(publication, tmp_path):
    with pytest.raises(DataError, match=r"SHA256SUMS\.txt.*does not have it \(HTTP 404"):
        download(replace(publication, url=publication.url + "nowhere/"), tmp_path)


def test_a_refusal_ends_it(publication, publisher, tmp_path):
    publisher.status["records500/00001_hr.dat"] = [403]
    with pytest.raises(one_file.Refused, match="HTTP 403"):
        download(publication, tmp_path)


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../outside", "..\\outside", "C:/x", ""])
def test_paths_that_leave_the_folder_are_refused(publication, publisher, tmp_path, path):
    publisher.sums = f"{'0' * 64}  {path}\n"
    with pytest.raises(DataError, match="line 1"):
        download(publication, tmp_path / "root")
    assert {p.name for p in tmp_path.iterdir()} == {"root"}
    assert not everything_below(tmp_path / "root")


@pytest.mark.parametrize(
    ("sums", "message"),
    [
        ("<html>please sign in</html>\n", "line 1 is '<html>.*expected 64 hexadecimal digits"),
        ("", "lists no file"),
        (f"{'0' * 64}  a\n{'1' * 64}  a\n", "second, different checksum"),
        (f"{'0' * 64}  .download/lock\n", "a name that the download itself uses"),
    ],
)
def test_lists_that_cannot_be(publication, publisher, tmp_path, sums, message):
    publisher.sums = sums
    with pytest.raises(DataError, match=message):
        download(publication, tmp_path)


def test_only_some_files(publication, publisher, tmp_path):
    download(publication, tmp_path, only=["RECORDS", "records100"])
    assert everything_below(tmp_path) == {"RECORDS", "records100/00001_lr.dat", "SHA256SUMS.txt"}
    with pytest.raises(
        ConfigError, match=r"'\*.csv' matches none of 4 files; the top level holds RECORDS, records100/"
    ):
        download(publication, tmp_path, only=["*.csv"])


def test_a_folder_of_a_publication_becomes_the_root(publication, publisher, tmp_path):
    download(replace(publication, folder="records500/", include=("*.dat",)), tmp_path)
    assert everything_below(tmp_path) == {"00001_hr.dat", "SHA256SUMS.txt"}


def test_too_little_room_is_told_before_anything_is_fetched(publication, publisher, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 64 << 20))
    with pytest.raises(DataError, match=r"1\.0 MB are to come and 67\.1 MB are free.*--only"):
        download(publication, tmp_path)
    assert set(publisher.asked) == {"SHA256SUMS.txt"}


def test_a_full_disk_leaves_no_file_under_its_name(publication, publisher, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bench.data.download.one_file.os.replace", full)
    with pytest.raises(DataError, match="No space left on device.*continues where it stopped"):
        download(publication, tmp_path)
    assert everything_below(tmp_path) == set()


def test_several_connections_and_never_more(publication, publisher, tmp_path):
    publisher.files = {f"files/{k}": str(k).encode() for k in range(40)}
    publisher.gate, publisher.together = threading.Event(), 3
    download(publication, tmp_path, connections=3)
    assert publisher.gate.is_set()
    assert publisher.most_at_once == 3
    assert publisher.heads <= 8


def test_two_downloads_into_one_folder_do_not_mix(publication, publisher, tmp_path):
    publisher.gate = threading.Event()
    first = threading.Thread(target=download, args=(publication, tmp_path))
    first.start()
    while publisher.asked.total() < 2:
        time.sleep(0.01)
    with pytest.raises(DataError, match="another download uses this folder"):
        download(publication, tmp_path)
    publisher.gate.set()
    first.join()
    assert "RECORDS" in everything_below(tmp_path)


def test_a_dry_run_only_tells(publication, publisher, tmp_path):
    answer = []
    download(publication, tmp_path, dry_run=True, say=answer.append)
    assert answer == ["Toy 1.0: 4 files, 0 of them here, 4 to fetch, 1.0 MB"]
    assert everything_below(tmp_path) == set()
