"""The user's books as pages of text: PDF, plain text and Markdown, cut into passages that can be cited."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.errors import DataError

PASSAGE_WORDS = 120
"""Words in a passage, at most: what a sentence encoder of 256 word pieces reads whole."""

_HYPHENATED = re.compile(r"(?<=[a-zà-ÿ])-\n(?=[a-zà-ÿ])")
_SENTENCE_END = re.compile(r"[.!?][)\"'\]]*$")


@dataclass(frozen=True)
class Document:
    """A file's text.

    Attributes:
        name: of the file.
        sha256: of its bytes.
        unit: what ``parts`` are and what a citation counts, from 1.
        parts: the text of every page, or of every line.
    """

    name: str
    sha256: str
    unit: Literal["page", "line"]
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Passage:
    """Some sentences that follow each other, from part ``first`` to part ``last`` of their document."""

    text: str
    first: int
    last: int


def read_document(path: Path) -> Document:
    """A PDF by its pages, anything else as UTF-8 text by its lines.

    Raises:
        DataError: no such file, another format, encrypted, damaged, or without text (a scan).
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; name PDF, text or Markdown files, one by one.")
    raw = path.read_bytes()
    pdf = b"%PDF-" in raw[:1024]
    if not pdf and path.suffix.lower() == ".pdf":
        raise DataError(f"{path}: begins with {raw[:8]!r}, expected %PDF-. The file is damaged: get it again.")
    parts = _pdf_pages(path) if pdf else _text_lines(path, raw)
    if not any(re.search(r"[^\W\d_]{2}", part) for part in parts):
        hint = (
            f"none of its {len(parts)} pages holds text, so it is a scan: recognise its text first (such as ocrmypdf "
            f"{path.name} with-text.pdf)."
            if pdf
            else "it holds no words; expected a text of sentences."
        )
        raise DataError(f"{path}: {hint}")
    return Document(path.name, hashlib.sha256(raw).hexdigest(), "page" if pdf else "line", tuple(parts))


def _text_lines(path: Path, raw: bytes) -> list[str]:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: byte {error.start} is not UTF-8 text, and it is no PDF; expected PDF, plain text or Markdown. "
            f"Save it in one of these."
        ) from error
    if "\0" in text:
        raise DataError(f"{path}: holds binary data; expected PDF, plain text or Markdown.")
    return text.splitlines()


def _pdf_pages(path: Path) -> list[str]:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    encrypted = DataError(
        f"{path}: is encrypted and cannot be read without its password. Save a copy without one (such as qpdf --decrypt "
        f"--password=... {path.name} open.pdf), where its licence allows."
    )
    logger = logging.getLogger("pypdf")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # it logs every repair; serious problems are raised
    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise encrypted
        pages = [page.extract_text() for page in reader.pages]
    except DataError:
        raise
    except DependencyError as error:
        raise encrypted from error
    except Exception as error:  # a damaged file fails in as many ways as it has structures
        raise DataError(
            f"{path}: not readable as PDF ({type(error).__name__}: {error}). The file is damaged: get it again, or save "
            f"its text."
        ) from error
    finally:
        logger.setLevel(level)
    if not pages:
        raise DataError(f"{path}: has no page. The file is damaged: get it again, or save its text.")
    return [_HYPHENATED.sub("", page) for page in pages]


def passages(document: Document, words: int = PASSAGE_WORDS) -> list[Passage]:
    """The document in passages of whole sentences, of at most ``words`` words; a longer sentence is cut.

    A passage begins with the last sentence of the one before, if that is short: a criterion and what it is about often
    stand in two sentences. A heading of Markdown begins a separate passage.
    """
    complete: list[Passage] = []
    current: list[list[tuple[str, int]]] = []

    def length() -> int:
        return sum(map(len, current))

    for sentence in _sentences(document.parts, words):
        heading = sentence[0][0].startswith("#")
        if current and (heading or length() + len(sentence) > words):
            complete.append(_joined(current))
            current = current[-1:] if len(current) > 1 and len(current[-1]) <= words // 4 and not heading else []
            if length() + len(sentence) > words:
                current = []
        current.append(sentence)
    if current:
        complete.append(_joined(current))
    return complete


def _sentences(parts: Sequence[str], longest: int) -> Iterator[list[tuple[str, int]]]:
    """Words with the part they stand in, sentence by sentence; a blank line ends one too."""
    sentence: list[tuple[str, int]] = []
    for number, part in enumerate(parts, start=1):
        for block in re.split(r"\n\s*\n", part) if part.strip() else [""]:
            if not block.strip() and sentence:
                yield sentence
                sentence = []
            for word in block.split():
                sentence.append((word, number))
                if _SENTENCE_END.search(word) or len(sentence) >= longest:
                    yield sentence
                    sentence = []
    if sentence:
        yield sentence


def _joined(sentences: Sequence[Sequence[tuple[str, int]]]) -> Passage:
    words = [word for sentence in sentences for word in sentence]
    return Passage(" ".join(word for word, _ in words), words[0][1], words[-1][1])
