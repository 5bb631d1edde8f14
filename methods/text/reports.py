"""Reports as the methods read them: pure functions from a publisher's text fields to one string."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bench.errors import DataError

MERL_MINIMUM_WORDS = 4
"""MERL keeps reports of at least this many words: 771,693 of MIMIC-IV-ECG's 800,035 (released code)."""


@dataclass(frozen=True)
class CleanedReport:
    """A report ready for a text encoder.

    Attributes:
        text: one string.
        words: words counted by white space, before the final full stop.
        kept: whether the record stays in the corpus.
    """

    text: str
    words: int
    kept: bool


def merl_report(fields: Iterable[str | None]) -> CleanedReport:
    """MIMIC-IV-ECG's machine statements as MERL's released code cleans them, to the letter.

    The statements are joined with ". "; ``EKG`` and ``ekg``, but not ``Ekg``, become ECG; star, equals and hyphen are
    stripped from the ends of the joined string alone: those inside stay, and so does a blank that the strip uncovers.

    Args:
        fields: ``report_0`` to ``report_17`` of machine_measurements.csv; None and "" are left out.
    """
    text = ". ".join(field for field in fields if field)
    text = text.replace("EKG", "ECG").replace("ekg", "ecg")
    for characters in (" *", "*", "=-", "="):
        text = text.strip(characters)
    text = re.sub(r"[\n\r\t]", " ", text.lower())
    words = len(text.split())
    return CleanedReport(f"{text}." if text else "empty", words, words >= MERL_MINIMUM_WORDS)


def clean_report(fields: Iterable[str | None]) -> CleanedReport:
    """MIMIC-IV-ECG's machine statements, each cleaned by itself: ours, for runs that need not repeat MERL's.

    Frames of ``*``, ``=`` and ``-``, superfluous blanks and full stops go; EKG in any case becomes ECG; a statement
    said twice is kept once. Every record with a statement is kept, "sinus rhythm." too.
    """
    statements: dict[str, None] = {}
    for field in fields:
        statement = " ".join((field or "").lower().split())
        statement = re.sub(r"\*{2,}|={2,}|-{2,}", " ", statement).strip(" .*=-")
        statement = re.sub(r"\bekg\b", "ecg", " ".join(statement.split()))
        if statement:
            statements[statement] = None
    text = ". ".join(statements)
    return CleanedReport(f"{text}." if text else "", len(text.split()), bool(text))


def statement_text(
    codes: Mapping[str, float],
    descriptions: Mapping[str, str],
    diagnostic: Collection[str],
    at_least: float = 0.0,
) -> str:
    """PTB-XL's SCP statements as a report: "inferior myocardial infarction. sinus rhythm."

    Descriptions of the codes, the diagnostic ones first, otherwise in the order given. A likelihood of 0 means that
    none was stated, and any code counts for the tasks, so all codes are kept unless ``at_least`` is above 0.

    Args:
        codes: SCP code -> likelihood in percent, as in ``scp_codes``.
        descriptions: SCP code -> description, as in scp_statements.csv.
        diagnostic: the codes that are diagnostic statements.
        at_least: percent.

    Raises:
        DataError: a code without a description.
    """
    unknown = [code for code in codes if code not in descriptions]
    if unknown:
        raise DataError(f"scp_codes: {unknown[0]!r} is not among the {len(descriptions)} of scp_statements.csv.")
    kept = [code for code, likelihood in codes.items() if likelihood >= at_least]
    ordered = sorted(kept, key=lambda code: code not in diagnostic)
    return "".join(f"{descriptions[code]}. " for code in ordered).strip()


_EDITOR = re.compile(r"\s*\bEdit:.*", re.DOTALL)
_TRAILER = re.compile(r"\s*\b\d+\.\d+\s+unbestätigter bericht\b.*", re.DOTALL | re.IGNORECASE)


def raw_report(report: str) -> str:
    """PTB-XL's own report, in its own language, with single blanks.

    The notes that PTB-XL's editors added ("Edit: LVH 100, ISC") are left out: they are SCP codes, not a report. So is
    the software's remark that a report is unconfirmed.
    """
    return " ".join(_TRAILER.sub("", _EDITOR.sub("", report)).split())
