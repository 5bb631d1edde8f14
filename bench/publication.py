"""Where a publisher keeps the files of one version of a dataset, so that they can be fetched and checked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Publication:
    """One version of one publication, whose files all lie below one address with a list of their SHA-256 sums.

    Attributes:
        name: how it is asked for; also the folder of a companion next to the dataset's.
        title: in words.
        version: the publisher's.
        url: the address below which the files lie, ending in a slash.
        license: under which they may be used.
        sums: the list of checksums below ``url``, one ``SHA256  path`` a line, as ``sha256sum`` writes it.
        folder: only files below this folder of the publication are meant, and it becomes the root of what is fetched;
            ``""`` is all of it. Ends in a slash otherwise.
        include: patterns (:mod:`fnmatch`) of the paths that are needed, after ``folder`` is taken off.
    """

    name: str
    title: str
    version: str
    url: str
    license: str
    sums: str = "SHA256SUMS.txt"
    folder: str = ""
    include: tuple[str, ...] = ("*",)
