"""The user's textbooks as a store of passages with semantic search, for ESI's CQA (section 3.1).

A folder: ``store.json`` says which text encoder reads it; ``sources/KEY/`` holds the passages of one file and their
embeddings. The key is a digest of the file's bytes and of what turns them into vectors, so that a file is read once
whatever it is called, and adding one leaves the others alone. ESI's paper has two textbooks in a vector database (Chroma)
over ada-002 embeddings, its released code three passages a statement; cosine similarity over all passages needs neither
a server nor an index at this size.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from bench.errors import ConfigError, DataError
from bench.reading.json_file import read_json
from bench.storage.artifacts import SEAL, damage, digest, once, write_json
from methods.text.documents import PASSAGE_WORDS, Passage, passages, read_document
from methods.text.encoder import TextEncoder, TextEncoderConfig
from methods.text.entities import LexiconExtractor
from methods.text.lexicon import default_lexicon

SCHEMA = 1
DESCRIPTION, SOURCES = "store.json", "sources"
TOP = 3
"""Passages a statement is answered with; ESI's released code."""


@dataclass(frozen=True)
class Ingested:
    """What came of one file."""

    name: str
    parts: int
    unit: str
    passages: int
    new: bool


@dataclass(frozen=True)
class Found:
    """A passage that lies near a statement.

    Attributes:
        citation: file and page, such as "atlas.pdf, p. 12-13".
        similarity: cosine, 1 at most.
    """

    text: str
    citation: str
    similarity: float


@dataclass(frozen=True)
class _Source:
    name: str
    unit: str
    passages: list[Passage]
    embeddings: Float[np.ndarray, "passage dim"]


class Textbooks:
    """A store in ``folder``, made by the first :meth:`ingest`.

    Args:
        encoder: which text encoder embeds the passages, frozen; default that of an existing store, else the packaged
            MiniLM.

    Raises:
        ConfigError: another encoder than the store was made with. DataError: a store that cannot be read.
    """

    def __init__(self, folder: Path | str, encoder: TextEncoderConfig | None = None):
        self.folder = Path(folder)
        made_with = self._description()
        if made_with is not None:
            stored = TextEncoderConfig.model_validate(made_with["encoder"])
            if encoder is not None and encoder != stored:
                raise ConfigError(
                    f"{self.folder} was made with text encoder {stored.model!r}; asked: {encoder.model!r}. Name another "
                    f"folder with --store, or leave the encoder as it is."
                )
            encoder = stored
        self.config = encoder or TextEncoderConfig()
        if self.config.trainable_layers != 0:
            raise ConfigError("textbooks are embedded by a frozen encoder: text.trainable_layers must be 0.")
        self._encoder: TextEncoder | None = None
        self._loaded: list[_Source] | None = None

    @classmethod
    def of_model(cls, folder: Path | str, model: str | None = None) -> Textbooks:
        """A store whose encoder goes by its name (``medcpt``) or folder."""
        return cls(folder, TextEncoderConfig(model=model) if model else None)

    @property
    def digest(self) -> str:
        """Of everything that can be found in it.

        Raises:
            DataError: there is nothing in it.
        """
        keys = self._keys()
        if not keys:
            raise DataError(
                f"{self.folder}: no textbook in this store. Add one with: bench text ingest FILE --store FOLDER"
            )
        return digest(keys)

    def ingest(self, files: Sequence[Path | str]) -> list[Ingested]:
        """Read files and keep their passages; a file whose content is there already costs nothing.

        All files are read before the first is kept, so that one that cannot be read stops nothing half-way.

        Raises:
            DataError: from :func:`methods.text.documents.read_document`.
        """
        documents = [read_document(Path(path)) for path in files]
        encoder = self._ready_encoder()
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._description() is None:
            write_json(
                self.folder / DESCRIPTION,
                {"schema": SCHEMA, "encoder": self.config.model_dump(mode="json"), "encoder_digest": encoder.digest},
            )
        ingested = []
        for document in documents:
            key = digest([SCHEMA, document.sha256, encoder.digest, PASSAGE_WORDS])
            new = not (self.folder / SOURCES / key).is_dir()
            if new:
                silent = sum(not part.strip() for part in document.parts)
                if document.unit == "page" and silent > len(document.parts) / 2:
                    warnings.warn(
                        f"{document.name}: {silent} of {len(document.parts)} pages hold no text (scanned?); only the "
                        f"others can be found.",
                        stacklevel=2,
                    )
                cut = passages(document)

                def make(folder: Path, cut: list[Passage] = cut, document: Any = document) -> None:
                    embeddings = _unit_length(encoder.encode([passage.text for passage in cut]).numpy())
                    save_file({"embeddings": embeddings}, folder / "embeddings.safetensors")
                    about = {"name": document.name, "sha256": document.sha256, "unit": document.unit}
                    write_json(
                        folder / "passages.json",
                        {**about, "parts": len(document.parts), "passages": [asdict(p) for p in cut]},
                    )

                once(self.folder / SOURCES / key, make, "textbook", {"key": key})
            content = json.loads((self.folder / SOURCES / key / "passages.json").read_text(encoding="utf-8"))
            ingested.append(Ingested(document.name, content["parts"], content["unit"], len(content["passages"]), new))
        self._loaded = None
        return ingested

    def retrieve(self, statements: Sequence[str], top: int = TOP) -> dict[str, list[Found]]:
        """For every distinct statement the nearest passages of all books, nearest first, each statement embedded once.

        A statement is asked for together with the entities that the lexicon reads in it, since reports abbreviate and
        books do not ("LBBB", "vorhofflimmern").

        Raises:
            DataError: nothing in the store, or the encoder is not the one that it was made with.
        """
        self.digest  # noqa: B018  says so if there is nothing
        encoder = self._ready_encoder()
        sources = self._sources()
        matrix = np.concatenate([source.embeddings for source in sources])
        where = [(source, passage) for source in sources for passage in source.passages]
        distinct = list(dict.fromkeys(statements))
        queries = _spelled_out(distinct)
        similarity = _unit_length(encoder.encode(queries).numpy()) @ matrix.T
        answers = {}
        for statement, row in zip(distinct, similarity, strict=True):
            nearest = np.argsort(-row, kind="stable")[:top]
            answers[statement] = [Found(where[i][1].text, _citation(*where[i]), float(row[i])) for i in nearest]
        return answers

    # On disk

    def _keys(self) -> list[str]:
        folder = self.folder / SOURCES
        return sorted(p.name for p in folder.iterdir() if not p.name.startswith(".")) if folder.is_dir() else []

    def _description(self) -> dict[str, Any] | None:
        path = self.folder / DESCRIPTION
        if not path.exists():
            return None
        try:
            description = read_json(path)
            if description["schema"] != SCHEMA:
                raise ValueError(f"schema {description['schema']}, expected {SCHEMA}")
            return description
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}: not a store of textbooks ({error}). Ingest the files into a new folder."
            ) from error

    def _sources(self) -> list[_Source]:
        if self._loaded is None:
            self._loaded = [self._read(self.folder / SOURCES / key) for key in self._keys()]
        return self._loaded

    def _read(self, folder: Path) -> _Source:
        try:
            if (folder / SEAL).exists() and (wrong := damage(folder)):  # the first release sealed none
                raise ValueError(wrong)
            stored = read_json(folder / "passages.json")
            embeddings = load_file(folder / "embeddings.safetensors")["embeddings"]
            cut = [Passage(**passage) for passage in stored["passages"]]
            if len(cut) != len(embeddings):
                raise ValueError(f"{len(cut)} passages, {len(embeddings)} embeddings")
            return _Source(stored["name"], stored["unit"], cut, embeddings)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise DataError(f"{folder}: damaged ({error}). Delete it and ingest its file again.") from error

    def _ready_encoder(self) -> TextEncoder:
        if self._encoder is None:
            self._encoder = TextEncoder(self.config)
            if torch.cuda.is_available():
                self._encoder.to("cuda")
        made_with = self._description()
        if made_with is not None and made_with["encoder_digest"] != self._encoder.digest:
            raise DataError(
                f"{self.folder}: its passages were embedded by another version of {self.config.model!r} than is here now, "
                f"and cannot be compared with it. Ingest the files into a new folder."
            )
        return self._encoder


def _spelled_out(statements: Sequence[str]) -> list[str]:
    """Statements, each followed by the names of its entities."""
    lexicon = default_lexicon()
    read = LexiconExtractor(lexicon).extract(statements)
    return [
        ". ".join(dict.fromkeys([statement, *(lexicon.entity(wording) or wording for wording in wordings)]))
        for statement, wordings in zip(statements, read, strict=True)
    ]


def _citation(source: _Source, passage: Passage) -> str:
    mark = "p." if source.unit == "page" else "l."
    last = f"-{passage.last}" if passage.last != passage.first else ""
    return f"{source.name}, {mark} {passage.first}{last}"


def _unit_length(vectors: Float[np.ndarray, "row dim"]) -> Float[np.ndarray, "row dim"]:
    return np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
