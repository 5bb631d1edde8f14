"""SNOMED CT codes of four cohorts of CinC 2021: abbreviations, words, and how many recordings have each.

``cinc2021_codes.csv`` next to this file restates the challenge's tables of scored and unscored diagnoses (BSD-2) for
the codes that occur in Georgia, CPSC-Extra, Ningbo and Chapman, with words spelled out. Counts are of the complete cohorts,
as in the later version of these tables (which corrects sinus tachycardia and left atrial enlargement).
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from importlib import resources

SMALLEST_CLASS = 10
"""Recordings that a code needs in a cohort to be a class, as in ecg-fm-benchmarking."""

JOINED = {"CLBBB": "LBBB"}
"""In Ningbo, which has both codes; the challenge scores 733534002 and 164909002 as one diagnosis."""


@dataclass(frozen=True)
class Code:
    """One SNOMED CT code; ``counts`` are recordings by cohort."""

    code: str
    abbreviation: str
    words: str
    counts: dict[str, int]


@functools.cache
def codes() -> dict[str, Code]:
    """By code, scored ones first."""
    text = resources.files("tasks.datasets").joinpath("cinc2021_codes.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    cohorts = ("georgia", "cpsc-extra", "ningbo", "chapman")
    return {
        row["code"]: Code(row["code"], row["abbreviation"], row["words"], {c: int(row[c]) for c in cohorts})
        for row in rows
    }


def class_of(code: str, cohort: str) -> str:
    """The abbreviation under which a code is counted in a cohort; ``""`` for a code that the table lacks."""
    known = codes().get(code)
    if known is None:
        return ""
    return JOINED.get(known.abbreviation, known.abbreviation) if cohort == "ningbo" else known.abbreviation


def classes_of(cohort: str) -> dict[str, str]:
    """Abbreviation -> words of the classes of a cohort: its codes with ten or more recordings, most frequent first."""
    common = [code for code in codes().values() if code.counts[cohort] >= SMALLEST_CLASS]
    common.sort(key=lambda code: -code.counts[cohort])
    return {code.abbreviation: code.words for code in common if class_of(code.code, cohort) == code.abbreviation}
