"""Descriptions of the waveform of each SCP-ECG statement (waveforms.yaml), found by any wording of the statement."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.errors import DataError
from bench.reading.yaml_file import parse_yaml
from methods.text.entities import LexiconExtractor
from methods.text.lexicon import Lexicon, default_lexicon

DEFAULT_KNOWLEDGE = Path(__file__).with_name("waveforms.yaml")


class Waveform(BaseModel):
    """One statement.

    Attributes:
        statement: as PTB-XL's scp_statements.csv words it.
        leads: where to look.
        waveform: what is seen there.
        source: key of the file's list of guidelines and textbooks.
        also: entities of the lexicon that it serves for too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    statement: str
    leads: str
    waveform: str
    source: str
    also: tuple[str, ...] = ()

    @property
    def paragraph(self) -> str:
        """One sentence of all of it."""
        return f"{self.statement[0].upper()}{self.statement[1:]}, in {self.leads}: {self.waveform}."


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: str
    sources: dict[str, str]
    statements: dict[str, Waveform]


class WaveformKnowledge:
    """The entries of a knowledge base by SCP code, and by the entity that the lexicon reads in a statement.

    Args:
        path: a file in the layout of waveforms.yaml, which is explained at its head.
        lexicon: which wordings mean the same.

    Attributes:
        version: as the file states it, with a digest of its contents.
        statements: SCP code -> entry.
        sources: key -> citation.

    Raises:
        DataError: the file is not valid, or an entry cites a source that it does not list.
    """

    def __init__(self, path: str | Path = DEFAULT_KNOWLEDGE, lexicon: Lexicon | None = None):
        path = Path(path)
        try:
            raw = path.read_bytes()
            content = _File.model_validate(parse_yaml(raw.decode("utf-8-sig")))
        except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
            raise DataError(f"knowledge base {path}: {error}") from error
        self.version = f"{content.version}-{hashlib.sha256(raw).hexdigest()[:12]}"
        self.statements, self.sources = content.statements, content.sources
        for code, entry in self.statements.items():
            if entry.source not in self.sources:
                raise DataError(f"knowledge base {path}: {code} cites {entry.source!r}, which sources does not list.")
        self.lexicon = lexicon or default_lexicon()
        self._extractor = LexiconExtractor(self.lexicon)
        self._by_entity = {
            self.lexicon.entity(name) or name: entry
            for entry in self.statements.values()
            for name in (entry.statement, *entry.also)
        }

    def find(self, statement: str) -> list[Waveform]:
        """The entries of everything that a statement of a report says is there, in its order; often one, maybe none.

        A finding without an entry has that of its nearest superclass ("acute inferior infarct" that of inferior
        infarction). What the statement denies is left out.
        """
        waveforms: dict[str, Waveform] = {}
        for wording in self._extractor.extract([statement])[0]:
            entity = self.lexicon.entity(wording)
            if entity is None:
                continue
            for name in (entity, *self.lexicon.ancestors(entity)):
                if name in self._by_entity:
                    waveforms[name] = self._by_entity[name]
                    break
        return list(waveforms.values())


@functools.lru_cache
def default_knowledge() -> WaveformKnowledge:
    """The knowledge base that ships with the project."""
    return WaveformKnowledge()
