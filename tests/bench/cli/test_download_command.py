"""``bench data download``: a simulated PTB-XL served on the loopback interface, fetched, prepared."""

from __future__ import annotations

import functools
import hashlib
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    """(address, folder) of a mirror of sixty recordings, with the publisher's list of checksums."""
    from bench import registry

    root = tmp_path_factory.mktemp("mirror") / "ptb-xl"
    registry.load(registry.DATASETS, "ptbxl").simulate(root, 60, 1)
    files = sorted(p for p in root.rglob("*") if p.is_file())
    sums = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(root).as_posix()}\n" for p in files]
    (root / "SHA256SUMS.txt").write_text("".join(sums))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", root
    server.shutdown()
    server.server_close()


def test_download_then_prepare_as_it_says(bench, mirror, tmp_path, monkeypatch):
    address, _ = mirror
    done = bench("data", "download", "ptbxl", "--to", str(tmp_path / "ecg"), "--mirror", address)
    assert done.code == 0, done.err
    assert "licence: CC BY 4.0" in done.err
    assert "files verified by SHA256SUMS.txt" in done.out
    assert f"export BENCH_DATA={tmp_path / 'ecg'}" in done.out
    assert "bench data prepare ptbxl" in done.out
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "ecg"))
    prepared = bench("data", "prepare", "ptbxl")
    assert prepared.code == 0, prepared.err
    assert "60 recordings" in prepared.out
    again = bench("data", "download", "ptbxl", "--mirror", address)
    assert "; 0 fetched now" in again.out


def test_only_the_slow_signals(bench, mirror, tmp_path):
    address, _ = mirror
    only = ["--only", "*.csv", "--only", "records100"]
    done = bench("data", "download", "ptbxl", "--to", str(tmp_path), "--mirror", address, *only)
    assert done.code == 0, done.err
    assert {p.name for p in (tmp_path / "ptbxl").iterdir()} == {
        ".download", "SHA256SUMS.txt", "ptbxl_database.csv", "scp_statements.csv", "records100",
    }  # fmt: skip


def test_a_corpus_that_is_part_of_another_names_the_other_s_folder(bench, mirror, tmp_path):
    address, _ = mirror
    done = bench("data", "download", "chapman", "--to", str(tmp_path), "--mirror", address, "--dry-run")
    assert done.code == 0, done.err
    assert str(tmp_path / "csn") in done.err


def test_uk_biobank_is_asked_for_and_not_fetched(bench, tmp_path):
    done = bench("data", "download", "ukb", "--to", str(tmp_path / "ecg"))
    assert done.code == 2
    assert "is not open" in done.err
    assert "ukbiobank.ac.uk" in done.err
    assert not (tmp_path / "ecg").exists()


def test_access_that_must_be_asked_for_is_said_where(bench, plugin):
    plugin(
        "closed",
        """
        from bench.dataset import Dataset

        class Closed(Dataset):
            '''A dataset behind a form.'''
            name = "closed"
            title = "The closed study"
            url = "https://example.org/apply"
            access = "credentialed"
            fetch = "It takes three months."
        """,
        "bench.datasets",
    )
    done = bench("data", "download", "closed")
    assert done.code == 2
    assert "is not open" in done.err
    assert "https://example.org/apply. It takes three months." in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ptbx"], "Did you mean 'ptbxl'"),
        (["ptbxl", "--also", "ptb-xl-pluss"], "Did you mean 'ptb-xl-plus'"),
        (["ptbxl", "--also", "ptb-xl-plus", "--mirror", "http://127.0.0.1:9"], "--mirror applies to one publication"),
    ],
)
def test_what_cannot_be_asked_for(bench, tmp_path, arguments, message):
    done = bench("data", "download", *arguments, "--to", str(tmp_path / "ecg"))
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "ecg").exists()


def test_help_teaches(bench):
    done = bench("data", "download", "--help")
    for words in ("The same command continues", "--only", "ptb-xl-plus", "--mirror", "--dry-run"):
        assert words in done.out


def test_every_open_dataset_can_be_fetched():
    from bench import registry

    for name in registry.entries(registry.DATASETS):
        cls = registry.load(registry.DATASETS, name)
        if cls.access != "open":
            assert cls.url.startswith("http")
            continue
        if f"bench data simulate {name}" in cls.fetch:  # nothing but simulated
            assert cls.publication is None
            continue
        if cls.publication is None:  # code15-with-test, of two publications
            assert cls.fetch.count("bench data download") == 2 and cls.url.startswith("https://"), name
            continue
        for publication in (cls.publication, *cls.companions):
            assert publication.url.startswith("https://")
            assert publication.url.endswith("/")
            assert publication.version in publication.url or all(n.isdigit() for n in publication.archive_records)
            assert publication.license


def test_an_archive_that_cannot_be_reached_names_page_files_and_folder(bench, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.data.download.one_file.PATIENCE", 1)
    done = bench("data", "download", "sami-trop", "--to", str(tmp_path), "--mirror", "http://127.0.0.1:9/records")
    assert done.code == 2
    assert "http://127.0.0.1:9/records/4905618 cannot be fetched" in done.err
    assert "Or get exams.csv, exams.zip from https://zenodo.org/records/4905618 on another machine" in done.err
    assert f"put them into {tmp_path / 'sami-trop'}, and unpack the archives there" in done.err
