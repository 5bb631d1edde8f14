"""Weights that a method's authors have published: where, under which licence, and what they have seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Released:
    """One published weight file. A method writes the fields as a literal dict, so that listings read them without torch.

    Attributes:
        file: its name where it is published.
        page: where a person reads about it and can fetch it; by default the page of the hub repository.
        licence: of the weights, as an SPDX identifier or in the publisher's words; ``unknown`` where nobody says.
        corpora: what they were pretrained on, as for ``--corpus`` (``mimic-iv-ecg``, ``other:heedb``).
        hub: repository on the Hugging Face hub that has the file.
        revision: commit, tag or branch of the repository; empty for the newest.
        url: address of the file elsewhere; without it and ``hub`` a person has to fetch the file from the page.
        sha256: of the file, where it is known; otherwise that of the first fetch is recorded.
        part: the entry of ``Method.published_names`` that describes its layout.
        megabytes: size, in millions of bytes; 0 where it is not known.
        reference: where the weights are described.
        assumed: what the release does not state and the method assumes, in one sentence; shown with the weights and in
            every result.
    """

    file: str
    licence: str
    corpora: tuple[str, ...]
    page: str = ""
    hub: str = ""
    revision: str = ""
    url: str = ""
    sha256: str = ""
    part: str = "model"
    megabytes: int = 0
    reference: str = ""
    assumed: str = ""

    def __post_init__(self) -> None:
        if not self.page and self.hub:
            object.__setattr__(self, "page", f"https://huggingface.co/{self.hub}")

    @property
    def needs_acceptance(self) -> bool:
        """Whether the licence restricts use, so that a person has to accept it once."""
        return any(word in self.licence.lower() for word in ("nc", "non-commercial", "research only"))


def released_files(attributes: Mapping[str, Any]) -> dict[str, Released]:
    """The weight files of a method by their names.

    Args:
        attributes: of its class, with ``published_weights`` and ``published_facts``, where it has them.
    """
    shared = attributes.get("published_facts") or {}
    return {name: Released(**(shared | facts)) for name, facts in (attributes.get("published_weights") or {}).items()}
