"""Chapman-Shaoxing, the first part of CSN: a corpus, and a cohort of the CinC challenge 2021.

The authors' first publication (figshare, 2019) has the same recordings in microvolts, and 399 more of sinus irregularity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from bench.errors import DataError
from tasks.datasets.cinc2021_codes import class_of
from tasks.datasets.csn import CSN
from tasks.datasets.folds import balanced_folds, fold_roles
from tasks.datasets.pretraining_rows import outside_every_test

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

LAST_OF_CHAPMAN = "JS10646"
"""Records up to this one come from Chapman University and Shaoxing Hospital, later ones from Ningbo Hospital."""

RHYTHMS = ("SB", "NSR", "AF", "STach", "SVT", "AFL", "ATach", "AVNRT", "AVRT", "SAAWR")

_IN_CSN = {"233896004": "AVNRT"}
"""By CSN's table of conditions; CinC 2021's tables have another code for it."""


class Chapman(CSN):
    """10,247 recordings of Chapman University and Shaoxing Hospital: the first part of CSN."""

    # ESI pretrains on it. Read from CSN's files, of which it takes the records up to JS10646: where no folder is named for
    # it, CSN's serves.
    # Zheng et al., Scientific Data 7:48, 2020.
    name = "chapman"
    title = "Chapman-Shaoxing"
    citation = """@article{zheng2020chapman,
  title = {A 12-lead electrocardiogram database for arrhythmia research covering more than 10,000 patients},
  author = {Zheng, Jianwei and Zhang, Jianming and Danioko, Sidy and Yao, Hai and Guo, Hangyuan and Rakovski, Cyril},
  journal = {Scientific Data},
  volume = {7},
  pages = {48},
  year = {2020},
  doi = {10.1038/s41597-020-0386-x}
}"""
    reads_files_of = "csn"
    aliases: ClassVar[tuple[str, ...]] = ("chapman-shaoxing",)
    overlaps: ClassVar = {
        "csn": "all of it is part of CSN, under the same record names",
        "chapman-figshare": "10,247 of its 10,646 recordings, in microvolts there",
        "cinc2021": "all of it is among its training data, under the same record names",
    }
    full_size: ClassVar[dict[str, int]] = {"1.0.0": 10_247}
    simulated_records = 1000

    format_version = 2

    def records(self) -> pd.DataFrame:
        """CSN's columns, for the records up to JS10646, and what the tasks read. The partition is that of all available CSN
        records, so that nothing that a CSN task tests on is pretrained on.

        ``diagnoses``
            CinC 2021's abbreviations of the codes; codes that its tables lack are left out.
        ``rhythms``
            the diagnoses that are rhythms; one per record in the published files.
        ``fold``
            1 to 10: ours, balanced by diagnosis, sex and age group.
        """
        records = super().records()
        chosen = records[records.index <= LAST_OF_CHAPMAN].copy()
        if not len(chosen):
            raise DataError(
                f"{self.root} holds no record up to {LAST_OF_CHAPMAN}, the last of {self.title}. {self.fetch}"
            )
        named = [[_IN_CSN.get(code) or class_of(code, self.name) for code in some] for some in chosen["codes"]]
        diagnoses = [list(dict.fromkeys(filter(None, some))) for some in named]
        chosen["diagnoses"] = diagnoses
        chosen["rhythms"] = [[name for name in some if name in RHYTHMS] for some in diagnoses]
        chosen["fold"] = balanced_folds(chosen, diagnoses, self.name)
        return chosen

    @classmethod
    def pretraining_partition(cls, records: pd.DataFrame) -> dict[str, np.ndarray]:
        """Records on which neither CSN's partitions nor the folds test."""
        partitions = [records[c] for c in ("partition", "merl_partition") if c in records]
        return outside_every_test([*partitions, fold_roles(records["fold"])])

    def version(self) -> str:
        n_records = sum(record <= LAST_OF_CHAPMAN for record in self._paths())
        return "1.0.0" if n_records == self.full_size["1.0.0"] else f"1.0.0 ({n_records:,} records of it)"
