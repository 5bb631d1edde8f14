"""Collections that share recordings, as their readers declare (``Dataset.aliases``, ``Dataset.overlaps``)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from bench import registry
from bench.errors import BenchError, UnknownName

UNKNOWN = "unknown"
"""The corpus of a checkpoint of which nobody said what it was pretrained on."""
OTHER = "other:"
"""Before the name of a collection that no dataset here knows, and that is stated to share no recordings with any."""
JOINED = "+"
"""Between the names of several collections that one checkpoint was pretrained on."""


@dataclass(frozen=True)
class Relation:
    """How two collections are related: one and the same, or one holding recordings of the other; ``why`` in words."""

    kind: Literal["same", "overlap"]
    why: str


def canonical(name: str) -> str:
    """The registered name of a dataset, where ``name`` is that or an alias; else ``name``, in lower case.

    Also of ``other:NAME``: what was declared before a dataset was added may not read as a collection that shares nothing.
    """
    name = name.strip().lower().replace("_", "-")
    bare = name.removeprefix(OTHER)
    for registered in registry.entries(registry.DATASETS):
        if bare == registered.lower() or bare in _of(registered, "aliases"):
            return registered
    return name


def relation(first: str, second: str) -> Relation | None:
    """What is declared of two collections; None if nothing is."""
    first, second = canonical(first), canonical(second)
    if first == second:
        return Relation("same", f"{first} itself")
    for name, partner in ((first, second), (second, first)):
        declared = _of(name, "overlaps")
        if partner in declared:
            return Relation("overlap", f"{name} and {partner} share recordings: {declared[partner]}")
    return None


def known_collections() -> list[str]:
    """Every name that a corpus can be declared by: datasets, their aliases, and what they overlap with."""
    names: set[str] = set()
    for registered in registry.entries(registry.DATASETS):
        names |= {registered, *_of(registered, "aliases"), *_of(registered, "overlaps")}
    return sorted(names)


def declared_corpus(names: Iterable[str]) -> str:
    """Several collections as one name (``ptbxl+csn``), each checked.

    Raises:
        UnknownName: one that nobody declares: a misspelt name must not read as one that shares nothing.
    """
    known = known_collections()
    declared = []
    for name in names:
        dataset = canonical(name)
        if not name.startswith(OTHER) and dataset not in known:
            raise UnknownName(
                f"collection (for a collection that shares no recordings with these, write {OTHER}NAME)", name, known
            )
        declared.append(dataset if dataset in known else name)
    return JOINED.join(dict.fromkeys(declared)) or UNKNOWN


def collections(corpus: str | None) -> list[str]:
    """The collections that a corpus name represents; none where it is not known."""
    return [] if not corpus or corpus == UNKNOWN else corpus.split(JOINED)


def files_of(name: str) -> str:
    """The dataset whose files, and hence record ids, a dataset has."""
    entry = registry.entries(registry.DATASETS).get(name)
    return str((entry.attributes.get("reads_files_of") if entry else None) or name)


def _of(name: str, attribute: str) -> dict[str, str]:
    """What a registered dataset declares itself, as a mapping; inherited declarations describe another dataset."""
    if name not in registry.entries(registry.DATASETS):
        return {}
    try:
        cls = registry.load(registry.DATASETS, name)
    except BenchError as error:  # another's broken plugin must not stop an audit that does not concern it
        warnings.warn(f"what {name} overlaps with is not known: {error}", stacklevel=2)
        return {}
    value = vars(cls).get(attribute, {})
    return value if isinstance(value, dict) else dict.fromkeys(value, "")
