"""Ningbo, a cohort of the CinC challenge 2021 and the second part of CSN."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from bench.dataset import RecordFile, Recording
from tasks.datasets.challenge_files import CSN_PATTERN, SLIPPED, csn_records_below, read_slipped
from tasks.datasets.cinc2021 import VERSION, CinC2021Cohort, fetch_with, publication_of


class Ningbo(CinC2021Cohort):
    """34,905 ten-second recordings with SNOMED CT codes from Ningbo First Hospital."""

    # The second part of CSN, in the challenge's copy, which has the codes that the challenge added.
    name = "ningbo"
    title = "Ningbo"
    fetch = fetch_with("ningbo")
    publication = publication_of("ningbo", title)
    full_size: ClassVar[dict[str, int]] = {VERSION: 34_905}
    overlaps: ClassVar = {
        "csn": "all of it is the part of CSN from JS10647 on, with the same samples",
        "cinc2021": "all of it is among its training data, under the same record names",
    }
    pattern = CSN_PATTERN
    first_record: ClassVar[str] = "JS10647"
    """Earlier ones are of Chapman University and Shaoxing Hospital."""

    def unread_files(self, files: Sequence[RecordFile]) -> list[Path]:
        read = {file.path for file in files}
        slipped = [RecordFile(SLIPPED, path.with_name(f"J{SLIPPED}")) for path in read if path.name == SLIPPED]
        return [path for path in super().unread_files([*files, *slipped]) if path.stem[:7] >= self.first_record]

    @staticmethod
    def read(file: RecordFile) -> Recording:
        """One header is called S23074, over the signals of JS23074."""
        return read_slipped(file.path) if file.path.name == SLIPPED else CinC2021Cohort.read(file)

    def _paths(self) -> dict[str, Path]:
        return {record: path for record, path in csn_records_below(self.root).items() if record >= self.first_record}
