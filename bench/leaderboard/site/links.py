"""Addresses in prose: URLs, DOIs, and the numbers of arXiv, medRxiv and bioRxiv."""

from __future__ import annotations

import re

_ADDRESS = re.compile(
    r"(?P<url>https?://[^\s<>`\"']*[^\s<>`\"'.,;:)])"
    r"|\barXiv[: ](?P<arxiv>\d{4}\.\d{4,5})\b"
    r"|\b(?:med|bio)Rxiv (?P<rxiv>\d{4}\.\d\d\.\d\d\.\d+)"
    r"|\b(?:doi:? ?)?(?P<doi>10\.\d{4,9}/[^\s<>`\"']*[^\s<>`\"'.,;:)])",
    re.IGNORECASE,
)
_REPOSITORY = re.compile(
    r"^(?P<github>[\w-]+/[\w.-]+)(?=[,\s]|$)(?! on the Hugging Face)|\bzenodo (?P<zenodo>\d+)|\bfigshare (?P<figshare>\d+)"
)
_PREFIX = {
    "url": "",
    "arxiv": "https://arxiv.org/abs/",
    "rxiv": "https://doi.org/10.1101/",
    "doi": "https://doi.org/",
    "github": "https://github.com/",
    "zenodo": "https://zenodo.org/records/",
    "figshare": "https://doi.org/10.6084/m9.figshare.",
}


def links_in(text: str) -> list[tuple[str, str]]:
    """Words and address of each link in a text, in order, each address once."""
    found = {_target(match): match[0] for match in _ADDRESS.finditer(text)}
    return [(words, address) for address, words in found.items()]


def repositories_in(release: str) -> list[tuple[str, str]]:
    """Words and address of what a method's file names as its release (``owner/name @commit, zenodo 123``)."""
    return [(match[0], _target(match)) for match in _REPOSITORY.finditer(release)]


def with_links(escaped: str) -> str:
    """Escaped text with its addresses as links."""
    return _ADDRESS.sub(lambda match: f'<a href="{_target(match)}">{match[0]}</a>', escaped)


def _target(match: re.Match[str]) -> str:
    kind = str(match.lastgroup)
    return _PREFIX[kind] + match[kind]
