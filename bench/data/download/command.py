"""``bench data download``: the files of a dataset, their folder, and the next step."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from bench import registry
from bench.data.download.one_file import Refused, Unreachable
from bench.data.download.publication_files import CONNECTIONS, below, download
from bench.dataset import Dataset, Publication
from bench.errors import ConfigError, DataError, UnknownName
from bench.progress import byte_size, counted, say, track
from bench.redaction import redact

DEFAULT_FOLDER = "ecg-data"


def download_dataset(
    name: str,
    to: Path | None = None,
    only: Sequence[str] = (),
    also: Sequence[str] = (),
    connections: int = CONNECTIONS,
    mirror: str | None = None,
    dry_run: bool = False,
) -> Iterator[str]:
    """Fetch a dataset, and companions asked for, into subfolders of ``to``; yields what was done and what comes next.

    Raises:
        DataError: access has to be asked for, or the files could not all be had. UnknownName: no such dataset or
            companion. ConfigError: options that do not go together.
    """
    cls: type[Dataset] = registry.load(registry.DATASETS, name)
    wanted = _wanted(cls, also)
    if mirror and len(wanted) > 1:
        raise ConfigError("--mirror applies to one publication; download its companions with a separate command.")
    if mirror and urlsplit(mirror).scheme not in ("http", "https"):
        raise ConfigError(f"--mirror {redact(mirror)}: expected an address that begins with https:// or http://.")
    base = (to or Path(os.environ.get("BENCH_DATA") or DEFAULT_FOLDER)).expanduser().absolute()
    for publication in wanted:
        own = publication is cls.publication
        root = base / ((cls.reads_files_of or name) if own else publication.name)
        if mirror:
            publication = below(publication, mirror)
        say(f"{redact(publication.url)} -> {root} (licence: {publication.license})")
        try:
            with track(f"downloading {publication.name}", "bytes") as progress:
                done = download(
                    publication,
                    root,
                    only=only if own else (),
                    connections=connections,
                    progress=progress,
                    say=say,
                    dry_run=dry_run,
                )
        except Refused as error:
            raise DataError(
                f"{error} Ask for access at {cls.url}, or wait until the publisher opens it again. {_by_hand(cls, root)}"
            ) from error
        except Unreachable as error:
            raise DataError(f"{error} {_by_hand(cls, root)}") from error
        if not dry_run:
            sums = "md5" if publication.archive_records else publication.sums
            yield (
                f"{root}: {counted(done.files, 'file')} verified by {sums}; {done.fetched:,} fetched now "
                f"({byte_size(done.bytes)})"
            )
            if publication.unpack:
                yield f"{root}: the archives are unpacked and may be deleted; the same command does not fetch them again"
    if dry_run:
        return
    if not only:
        cls(base / (cls.reads_files_of or name)).check()
    yield f"next:  export BENCH_DATA={base}"
    yield f"       bench data prepare {name}"


def _by_hand(cls: type[Dataset], root: Path) -> str:
    """What a user without a connection does."""
    publication = cls.publication
    files = ", ".join(publication.include) if publication and publication.include != ("*",) else "the files"
    unpacked = ", and unpack the archives there" if publication and publication.unpack else ""
    return f"Or get {files} from {cls.url} on another machine, and put them into {root}{unpacked}."


def _wanted(cls: type[Dataset], also: Sequence[str]) -> list[Publication]:
    if cls.access != "open":
        raise DataError(f"{cls.title} is not open: request access at {cls.url}. {cls.fetch}".strip())
    if cls.publication is None:
        raise DataError(f"{cls.title} cannot be downloaded by this command. {cls.fetch} See {cls.url}.")
    companions = {companion.name: companion for companion in cls.companions}
    for name in also:
        if name not in companions:
            raise UnknownName(f"companion of {cls.name}", name, companions)
    return [cls.publication, *(companions[name] for name in also)]
