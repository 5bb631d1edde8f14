"""Unpack downloaded archives next to themselves: zip, split zip and tar, member by member."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import IO

from bench.dataset import path_inside
from bench.errors import DataError
from bench.progress import byte_size

PIECE = 1 << 20
SPARE = 64 << 20
"""Bytes that must remain free on the disk."""


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, aside: Path) -> int:
    """Write the members of an archive that are not there yet with their size; each gets its name when it is whole.

    Args:
        archive: ``.zip`` (with its parts ``.z01``, ... next to it), ``.tar``, or ``.tar.gz``, compressed or not.
        aside: a folder on the same disk, where members grow.

    Returns:
        how many members were written.

    Raises:
        DataError: a damaged archive, a member that leaves the folder, or too little room.
    """
    root, written = archive.parent, 0
    aside.mkdir(parents=True, exist_ok=True)
    try:
        with _members(archive) as members:
            paths = {member.name: path_inside(root, member.name, str(archive)) for member in members}
            missing = [m for m in members if not (paths[m.name].is_file() and paths[m.name].stat().st_size == m.size)]
            needed, free = sum(member.size for member in missing), shutil.disk_usage(root).free
            if needed + SPARE > free:
                raise DataError(
                    f"{archive}: its files need {byte_size(needed)} and {byte_size(free)} are free. Free some space, then "
                    "run the same command again; it continues with this archive."
                )
            for member in missing:
                partial = aside / "unpacked.part"
                with member.open() as source, open(partial, "wb") as file:
                    while piece := source.read(PIECE):
                        file.write(piece)
                if partial.stat().st_size != member.size:
                    raise DataError(
                        f"{archive}: {member.name} is cut short. Delete the archive and run the command again."
                    )
                paths[member.name].parent.mkdir(parents=True, exist_ok=True)
                os.replace(partial, paths[member.name])
                written += 1
    # zipfile raises RuntimeError where a member is encrypted, or compressed in a way that it lacks
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError, struct.error) as error:
        raise DataError(
            f"{archive} cannot be unpacked ({error}). Delete it and run the command again, or unpack it with another program."
        ) from error
    return written


def whole_archive(path: str) -> str:
    """The name of the archive that a file is, or is a part of."""
    return re.sub(r"\.z[0-9]{2}$", ".zip", path)


@contextlib.contextmanager
def _members(archive: Path) -> Iterator[list[_Member]]:
    """The files in an archive; folders and links are left out."""
    if archive.suffix == ".zip":
        with _Joined(_parts(archive)) as joined, zipfile.ZipFile(joined) as file:
            joined.correct(file)
            infos = [info for info in file.infolist() if not info.is_dir()]
            yield [_Member(i.filename, i.file_size, lambda i=i: file.open(i)) for i in infos]  # type: ignore[misc]
        return
    with tarfile.open(archive) as tar:
        members = [member for member in tar if member.isfile()]
        yield [_Member(m.name, m.size, lambda m=m: tar.extractfile(m)) for m in members]  # type: ignore[misc, arg-type]


def _parts(archive: Path) -> list[Path]:
    """The files of a zip that may be split, in order: ``.z01``, ``.z02``, ..., ``.zip``."""
    return [*sorted(archive.parent.glob(f"{archive.stem}.z[0-9][0-9]")), archive]


class _Joined(RawIOBase):
    """The parts of a split zip as one file."""

    def __init__(self, parts: list[Path]):
        self._files = [open(part, "rb") for part in parts]  # noqa: SIM115  closed by close()
        sizes = [os.fstat(file.fileno()).st_size for file in self._files]
        self.starts = [sum(sizes[:k]) for k in range(len(sizes))]
        self._size, self._position = sum(sizes), 0

    def correct(self, file: zipfile.ZipFile) -> None:
        """Count the places of members from the beginning of the first part: a split zip counts them from that of the part in
        which they begin, and the zipfile module from the end of the last."""
        for info in file.infolist():
            if info.volume >= len(self.starts):
                raise zipfile.BadZipFile(f"its part {info.volume + 1} is missing")
            info.header_offset += self.starts[info.volume] - self.starts[-1]
            if hasattr(info, "_end_offset"):  # newer Pythons compare it with the old places
                info._end_offset = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """As much as the part has in which the position lies."""
        part = max(k for k, start in enumerate(self.starts) if start <= self._position)
        file = self._files[part]
        file.seek(self._position - self.starts[part])
        read = file.readinto(buffer)
        self._position += read
        return read

    def close(self) -> None:
        for file in self._files:
            file.close()
        super().close()
