"""The lexicon of cardiac entities: a YAML file of names, wordings and superclasses, and its match against words."""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.errors import DataError
from bench.reading.text_file import said
from bench.reading.yaml_file import read_yaml

Cue = Literal["negation", "negation_after", "hedge", "hedge_after", "cause", "past", "ignored"]

DEFAULT_LEXICON = Path(__file__).with_name("entities.yaml")

_GERMAN_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "å": "a", "é": "e"})
_OPTIONAL_ENDING = re.compile(r"\((?:s|es|n|en|e|a|er)\)")
_WORD = re.compile(r"[a-z0-9]+|,")


def fold(text: str) -> list[str]:
    """The words of ``text`` as the lexicon compares them; a comma is a separate word.

    Lower case; ä as ae, and every ae as e (ischaemia, ischemia); "complex(es)", "complexes" and "complex" are one;
    hyphens, slashes and brackets separate words. ``#`` inside a word is the ü that PTB-XL's export lost.
    """
    text = re.sub(r"(?<=\w)#|#(?=\w)", "ü", text.lower())
    text = _OPTIONAL_ENDING.sub("", text.translate(_GERMAN_LETTERS)).replace("ae", "e")
    return [_singular(word) for word in _WORD.findall(text)]


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "is", "us")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith("xes") else word[:-1]


@dataclass(frozen=True)
class Term:
    """One wording of an entity, as the lexicon writes it."""

    entity: str
    wording: str


@dataclass(frozen=True)
class Match:
    """Words ``start`` to ``end`` of a sentence are a term or a cue."""

    start: int
    end: int
    meaning: Term | Cue


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    terms: list[str] = []
    german: list[str] = []
    swedish: list[str] = []
    parents: list[str] = []
    each: dict[str, str] | None = None

    def expanded(self) -> Iterator[_Entry]:
        """The entry itself, or one per key of ``each``."""
        if self.each is None:
            yield self
            return
        for key, wording in self.each.items():
            yield _Entry(
                name=self.name.replace("<>", key),
                terms=[term.replace("<>", wording) for term in self.terms],
                german=[term.replace("<>", wording) for term in self.german],
                swedish=[term.replace("<>", wording) for term in self.swedish],
                parents=[parent.replace("<>", key) for parent in self.parents],
            )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: str
    macros: dict[str, str] = {}
    locations: list[str] = []
    entities: list[_Entry]
    cues: dict[Cue, list[str]] = {}


class Lexicon:
    """Entities, their wordings and their superclasses.

    Args:
        path: a file in the layout of entities.yaml, which is explained at its head.

    Attributes:
        version: as the file states it, with a digest of its contents: two lexicons of one version are the same.
        entities: names in the order of the file.
        parents: name -> its direct superclasses.

    Raises:
        DataError: the file is not valid, a parent is no entity, parents form a circle, or a wording means two entities.
    """

    def __init__(self, path: str | Path = DEFAULT_LEXICON):
        self.path = Path(path)
        content = self._parse()
        self.version = f"{content.version}-{hashlib.sha256(self.path.read_bytes()).hexdigest()[:12]}"
        self._macros = content.macros
        self._locations = {word for location in content.locations for word in fold(location)}
        self._tree: dict = {}
        self._by_words: dict[tuple[str, ...], Term] = {}
        parents: dict[str, list[str]] = {}
        for entry in itertools.chain.from_iterable(entry.expanded() for entry in content.entities):
            known = parents.setdefault(entry.name, [])
            known.extend(parent for parent in entry.parents if parent not in known)
            for wording in self._wordings([*entry.terms, *entry.german, *entry.swedish]):
                self._add(wording, Term(entry.name, wording))
        self.parents = {name: tuple(kinds) for name, kinds in parents.items()}
        self.entities = tuple(self.parents)
        for name in self.entities:  # an entity is also called by its own name
            if tuple(fold(name)) not in self._by_words:
                self._add(name, Term(name, name))
        for cue, wordings in content.cues.items():
            for wording in self._wordings(wordings):
                self._add(wording, cue)
        self._ancestors = {name: self._climb(name, ()) for name in self.entities}

    def _parse(self) -> _File:
        try:
            return _File.model_validate(read_yaml(self.path))
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"entity lexicon {self.path}: {said(error)}.") from error
        except yaml.YAMLError as error:
            raise DataError(f"entity lexicon {self.path}: not YAML: {error}") from error
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise DataError(
                f"entity lexicon {self.path}: {field}: {first['msg']} (found {first['input']!r})."
            ) from error

    # Names

    @property
    def superclasses(self) -> tuple[str, ...]:
        """Entities that others are kinds of."""
        named = {parent for parents in self.parents.values() for parent in parents}
        return tuple(name for name in self.entities if name in named)

    def ancestors(self, entity: str) -> tuple[str, ...]:
        """All superclasses of an entity, direct or not; none for a name the lexicon does not know."""
        return self._ancestors.get(entity, ())

    def entity(self, wording: str) -> str | None:
        """The entity that a whole wording means ("LBBB"), if any."""
        term = self._by_words.get(tuple(word for word in fold(wording) if word != ","))
        return term.entity if term else None

    # Words

    def matches(self, words: Sequence[str]) -> list[Match]:
        """Terms and cues in a sentence's words: leftmost first, the longest at each place, none overlapping."""
        matches: list[Match] = []
        at = 0
        while at < len(words):
            match = self._longest(words, at)
            if match is None:
                at += 1
                continue
            matches.extend(self._joined_locations(words, match))
            matches.append(match)
            at = match.end
        return matches

    def _longest(self, words: Sequence[str], start: int) -> Match | None:
        node: dict | None = self._tree
        best = None
        for at in range(start, len(words)):
            if words[at] == ",":  # "infarct, acute" is "infarct acute"
                if at == start:
                    return None
                continue
            node = node.get(words[at]) if node is not None else None
            if node is None:
                break
            if "" in node:
                best = Match(start, at + 1, node[""])
        return best

    def _joined_locations(self, words: Sequence[str], match: Match) -> Iterable[Match]:
        """For "inferior and lateral ST depression", where the match begins at lateral: inferior ST depression too."""
        if not isinstance(match.meaning, Term) or words[match.start] not in self._locations:
            return
        finding = [word for word in words[match.start : match.end] if word != ","]
        while finding[0] in self._locations and len(finding) > 1:
            finding = finding[1:]
        at = match.start - 1
        while at >= 0:
            if words[at] in {"and", "or", ",", "und", "oder"}:
                at -= 1
                continue
            if words[at] not in self._locations:
                return
            term = self._by_words.get((words[at], *finding))
            if term is not None:
                yield Match(match.start, match.end, term)
            at -= 1

    # Building

    def _wordings(self, patterns: Iterable[str]) -> Iterator[str]:
        for pattern in patterns:
            for name, expansion in self._macros.items():
                pattern = pattern.replace(f"<{name}>", expansion)
            if "<" in pattern:
                raise DataError(f"entity lexicon {self.path}: {pattern!r} uses a macro that is not defined.")
            yield from alternatives(pattern)

    def _add(self, wording: str, meaning: Term | Cue) -> None:
        words = tuple(word for word in fold(wording) if word != ",")
        node = self._tree
        for word in words:
            node = node.setdefault(word, {})
        before = node.setdefault("", meaning)
        if isinstance(meaning, Term) and isinstance(before, Term) and before.entity == meaning.entity:
            self._by_words.setdefault(words, meaning)
        elif before != meaning or not words:
            raise DataError(f"entity lexicon {self.path}: {wording!r} means both {before} and {meaning}.")

    def _climb(self, name: str, path: tuple[str, ...]) -> tuple[str, ...]:
        if name in path:
            raise DataError(f"entity lexicon {self.path}: {' > '.join((*path, name))} is a cycle of parents.")
        above: dict[str, None] = {}
        for parent in self.parents[name]:
            if parent not in self.parents:
                raise DataError(f"entity lexicon {self.path}: {name!r} has a parent {parent!r} that is not an entity.")
            above.update(dict.fromkeys((parent, *self._climb(parent, (*path, name)))))
        return tuple(above)


def alternatives(pattern: str) -> Iterator[str]:
    """Every wording of a pattern with (a|b|) groups, which may nest; single-spaced."""
    group = re.search(r"\(([^()]*)\)", pattern)
    if group is None:
        yield " ".join(pattern.split())
        return
    for choice in group.group(1).split("|"):
        yield from alternatives(pattern[: group.start()] + choice + pattern[group.end() :])


@functools.cache
def default_lexicon() -> Lexicon:
    """The lexicon that ships with the project; read once."""
    return Lexicon()
