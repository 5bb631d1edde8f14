"""The twelve standard leads: their order in this project, and their spellings in files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bench.errors import ConfigError, DataError, UnknownName

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The order of the lead axis of every array in this project."""

MIMIC_ORDER = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
"""The order of the leads in the files of MIMIC-IV-ECG, in which networks trained on them by others read leads."""

PROGRESSIVE_ORDER = ("I", "II", "III", "aVF", "aVR", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
"""The order in which K-MERL adds leads in its partial-lead tests (K-MERL 4.2.1, as printed)."""

LEAD_GROUPS = {
    "all": LEADS,
    "limb": LEADS[:6],
    "precordial": LEADS[6:],
}

_CANONICAL = {lead.upper(): lead for lead in LEADS}

_SPELLINGS = re.compile(
    r"(?:MDC[ _])?(?:ECG[ _-]?)?(?:LEAD[ _-]?)?(?:(?P<lead>I|II|III|AV[RLF]|V[1-6])|D(?P<limb>I|II|III))", re.IGNORECASE
)
"""``Lead I``, ``ECG_I``, ``MDC_ECG_LEAD_I`` (IEEE 11073, as HL7 aECG writes it) and ``DI`` (French, Spanish, Portuguese)."""

ACCEPTED = "I, II, III, aVR, aVL, aVF and V1 to V6, in capitals or not, also as Lead I, DI or MDC_ECG_LEAD_I"
"""For messages: what :func:`canonical_lead` reads."""

_SHOWN = 15


def _canonical(name: str) -> str | None:
    match = _SPELLINGS.fullmatch(name.strip())
    return _CANONICAL[(match["lead"] or match["limb"]).upper()] if match else None


def canonical_lead(name: str) -> str:
    """The project's spelling of a lead: ``AVR``, ``avr`` and ``aVR`` are ``aVR``; ``MLII`` and the like are unknown.

    Raises:
        UnknownName: when the name is none of the twelve standard leads.
    """
    lead = _canonical(name)
    if lead is None:
        raise UnknownName("lead", name, LEADS)
    return lead


def lead_order(names: Sequence[str], where: str, may_lack: Iterable[str] = ()) -> list[int]:
    """Positions of the twelve standard leads among a file's own ``names``, so that ``signal[order]`` is in LEADS order.

    Args:
        may_lack: leads that the file need not have; those that it lacks are left out of the answer.

    Raises:
        DataError: when another standard lead is missing, or one is named twice; ``where`` names the file.
    """
    position: dict[str, int] = {}
    for i, name in enumerate(names):
        lead = _canonical(name)
        if lead is None:
            continue
        if lead in position:
            raise DataError(
                f"{where}: lead {lead} is named twice ({_shown(names)}); expected each of the 12 once. Fetch the "
                f"record again from the publisher, or leave it out with --on-bad-record skip."
            )
        position[lead] = i
    missing = [lead for lead in LEADS if lead not in position and lead not in may_lack]
    if missing:
        listing = (
            f"names {len(names)} leads ({_shown(names)})" if any(names) else f"names none of its {len(names)} leads"
        )
        raise DataError(
            f"{where}: lead {', '.join(missing)} missing; the header {listing}, expected the 12 standard ones ({ACCEPTED}). "
            f"Fetch the record again from the publisher, or leave it out with --on-bad-record skip."
        )
    return [position[lead] for lead in LEADS if lead in position]


def _shown(names: Sequence[str]) -> str:
    shown = ", ".join(name[:_SHOWN] for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown}, ..."


def parse_leads(text: str) -> list[tuple[str, ...]]:
    """One value of ``--leads`` as the lead subsets it names, each in LEADS order.

    Lead names joined by commas are one subset (``I,II``); groups (``all``, ``limb``, ``precordial``), counts in
    K-MERL's order (``3``) and ranges of counts (``1..12``) are separate subsets, and a comma between those
    separates them.

    Raises:
        UnknownName: for a lead that does not exist. ConfigError: for a count outside 1..12 or an empty text.
    """
    parts = [p.strip() for p in text.split(",") if p.strip()]
    if not parts:
        raise ConfigError("--leads is empty; give leads such as I or I,II, a group (all, limb, precordial) or 1..12.")
    if all(p.upper() in _CANONICAL for p in parts):
        return [_ordered(_CANONICAL[p.upper()] for p in parts)]
    subsets: list[tuple[str, ...]] = []
    for part in parts:
        first, dots, last = part.partition("..")
        if part.lower() in LEAD_GROUPS:
            subsets.append(LEAD_GROUPS[part.lower()])
        elif first.isdigit() and (last.isdigit() or not dots):
            counts = range(int(first), int(last or first) + 1)
            if not counts or counts[0] < 1 or counts[-1] > 12:
                raise ConfigError(f"--leads {part}: a number of leads lies between 1 and 12.")
            subsets += [_ordered(PROGRESSIVE_ORDER[:n]) for n in counts]
        elif part.upper() in _CANONICAL:
            subsets.append((_CANONICAL[part.upper()],))
        else:
            raise UnknownName("lead", part, [*LEADS, *LEAD_GROUPS])
    return subsets


def _ordered(leads: Iterable[str]) -> tuple[str, ...]:
    chosen = set(leads)
    return tuple(lead for lead in LEADS if lead in chosen)


def name_leads(leads: Sequence[str]) -> str:
    """The shortest name of a subset that :func:`parse_leads` reads back: ``all``, ``limb``, ``precordial``, a count in
    K-MERL's order (from 4 on) or the leads joined by commas."""
    named = dict(LEAD_GROUPS) | {str(n): _ordered(PROGRESSIVE_ORDER[:n]) for n in range(4, len(LEADS))}
    return next((name for name, members in named.items() if tuple(leads) == members), ",".join(leads))
