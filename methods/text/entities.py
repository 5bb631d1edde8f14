"""Entities of reports: which cardiac entities a report states as present (K-MERL, section 3.4).

Four stages, as in the paper, the last two switchable (its Table 2c): *extract* the wordings a report holds, *verify*
that each is meant as present, *merge* wordings of one meaning, *aggregate* subtypes into their superclasses. Extraction
and verification are an EntityExtractor's, here the lexicon's; a language model may take its place
(``EntityConfig.endpoint``, :mod:`methods.text.llm`). Merging and aggregation follow a lexicon, which it may write too.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.errors import ConfigError, DataError
from bench.progress import say, track
from bench.storage.artifacts import digest
from methods.text.endpoint import ChatEndpoint, EndpointConfig
from methods.text.lexicon import Lexicon, Match, Term, default_lexicon, fold
from methods.text.llm import LanguageModelExtractor, mine_lexicon

Status = Literal["affirmed", "hedged", "conjecture", "past", "negated"]

_SENTENCE_END = re.compile(r"[;:!?\n\r]+|\.+(?=\s|$)|\.\.+")
_NEGATION_REACH = 8  # words between a negation and a finding it still denies
_HEDGE_REACH = 4
_TURN = frozenset({"but", "however", "except", "although", "otherwise", "aber", "sonst", "eljest", "men"})
_OR = frozenset({"or", "nor", "oder", "eller", "versus", "vs"})
_JOIN = _OR | {"and", "und", "och", ","}


@dataclass(frozen=True)
class Mention:
    """A wording of a report, the entity it means, and how it is meant."""

    wording: str
    entity: str
    status: Status


@runtime_checkable
@runtime_checkable
class EntityExtractor(Protocol):
    """Stages one and two: the entities that reports state as present, in the reports' own or the lexicon's wordings."""

    @property
    def version(self) -> str:
        """Changes whenever the answers may: goes into the vocabulary's digest."""

    def extract(self, reports: Sequence[str]) -> list[tuple[str, ...]]:
        """For every report the wordings of the entities it holds to be present, in the order of the report."""


class LexiconExtractor:
    """Finds the lexicon's wordings in a report and reads from the words around them how they are meant.

    The rule, sentence by sentence (a sentence ends at ``.`` ``;`` ``:`` ``!`` ``?`` or a line break):

    - **negated**: after a negation ("no", "without", "kein") within eight words, up to a comma or a turn ("but",
      "otherwise"); an "or" further on in the sentence carries it over commas ("no ST elevation, depression or Q
      waves"). Also before "is not seen", "has resolved". Not counted.
    - **past**: after "previously", "compared with": seen on an earlier tracing. Not counted.
    - **conjecture**: one of several causes offered ("may be due to hypertrophy and/or ischemia"). Not counted.
    - **hedged**: after "possible", "consider", "suggests", "cannot rule out", before "cannot be excluded", or a single
      cause offered ("may be due to ischemia"). Counted: PTB-XL's cardiologists code such findings with a likelihood
      below 100, and the tasks count any code. ``hedged="absent"`` leaves them out.
    - **affirmed**: everything else. Counted.

    English, and the common wordings of PTB-XL's German and Swedish reports.
    """

    def __init__(self, lexicon: Lexicon | None = None, hedged: Literal["present", "absent"] = "present"):
        self.lexicon = lexicon or default_lexicon()
        self._counted: frozenset[Status] = frozenset({"affirmed", "hedged"} if hedged == "present" else {"affirmed"})
        self._read: dict[str, tuple[Mention, ...]] = {}  # reports of machines repeat their sentences

    @property
    def version(self) -> str:
        return f"lexicon-{self.lexicon.version}-{'+'.join(sorted(self._counted))}"

    def extract(self, reports: Sequence[str]) -> list[tuple[str, ...]]:
        return [
            tuple(dict.fromkeys(m.wording for m in self.mentions(report) if m.status in self._counted))
            for report in reports
        ]

    def mentions(self, report: str) -> list[Mention]:
        """Everything the report mentions, with how it is meant."""
        mentions: list[Mention] = []
        for sentence in _SENTENCE_END.split(report):
            sentence = sentence.strip()
            if sentence not in self._read:
                self._read[sentence] = tuple(self._mentions_of_sentence(sentence))
            mentions.extend(self._read[sentence])
        return mentions

    def _mentions_of_sentence(self, sentence: str) -> Iterable[Mention]:
        words = fold(sentence)
        matches = self.lexicon.matches(words)
        for match in matches:
            if isinstance(match.meaning, Term):
                yield Mention(match.meaning.wording, match.meaning.entity, _status(match, matches, words))


def _status(term: Match, matches: Sequence[Match], words: Sequence[str]) -> Status:
    cues = [match for match in matches if not isinstance(match.meaning, Term)]
    before = [cue for cue in cues if cue.end <= term.start]
    after = [cue for cue in cues if cue.start >= term.end]

    def between(cue: Match) -> Sequence[str]:
        return words[cue.end : term.start] if cue.end <= term.start else words[term.end : cue.start]

    def turned(cue: Match) -> bool:
        return not _TURN.isdisjoint(between(cue))

    for cue in before:
        gap = between(cue)
        if cue.meaning == "negation" and len(gap) <= _NEGATION_REACH and not turned(cue):
            carried = not _OR.isdisjoint(words[cue.end :])
            if "," not in gap or carried:
                return "negated"
        if cue.meaning == "past" and not turned(cue) and "," not in gap:
            return "past"
    if any(cue.meaning == "negation_after" and len(between(cue)) <= 2 and "," not in between(cue) for cue in after):
        return "negated"
    for cue in before:
        if cue.meaning == "cause" and not turned(cue):
            return "hedged" if _OR.isdisjoint(words[cue.end :]) else "conjecture"
        if cue.meaning == "hedge" and len(between(cue)) <= _HEDGE_REACH and "," not in between(cue):
            others = [m for m in matches if isinstance(m.meaning, Term) and cue.end <= m.start and m.end <= term.start]
            if not others or not _JOIN.isdisjoint(words[others[-1].end : term.start]):
                return "hedged"
    if any(cue.meaning == "hedge_after" and len(between(cue)) <= 1 and "," not in between(cue) for cue in after):
        return "hedged"
    return "affirmed"


@dataclass(frozen=True)
class Vocabulary:
    """The entities that label reports, in the order of the label matrix's columns.

    Attributes:
        names: distinct names.
        version: of the extractor, the lexicon and the stages they were mined with.
    """

    names: tuple[str, ...]
    version: str

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise ConfigError("a vocabulary names an entity twice.")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def digest(self) -> str:
        """sha256 over version and names: equal digests label equal reports equally."""
        return hashlib.sha256("\n".join((self.version, *self.names)).encode()).hexdigest()

    def column(self, name: str) -> int:
        """The column of a name, spelled in any case.

        Raises:
            ConfigError: no such entity.
        """
        folded = [n.lower() for n in self.names]
        if name.lower() not in folded:
            raise ConfigError(f"entity {name!r} is not in the vocabulary of {len(self)} names.")
        return folded.index(name.lower())


class EntityConfig(BaseModel):
    """The stages of mining, each a switch of K-MERL's Table 2c."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    merge: bool = Field(default=True, description="Wordings of one meaning become one entity (K-MERL 3.4: 341 to 252).")
    superclasses: bool = Field(default=True, description="A subtype sets its superclasses too (K-MERL 3.4: 25 more).")
    hedged: Literal["present", "absent"] = Field(
        default="present", description="Whether 'possible', 'consider', 'cannot rule out' count; see LexiconExtractor."
    )
    min_count: int = Field(
        default=1,
        ge=1,
        description="Entities that fewer reports of the training corpus have are left out of its vocabulary.",
    )
    endpoint: EndpointConfig | None = Field(
        default=None,
        description="A language model that extracts and verifies, {url: ..., model: ...}; K-MERL has Llama3.1-70B-Instruct. "
        "Default: the lexicon.",
    )
    model: str | None = Field(
        default=None,
        description="The endpoint's model, instead of the one in endpoint; K-MERL Table 6a compares four.",
    )
    verify: bool = Field(default=True, description="Whether the model is asked again about what it found; K-MERL 3.4.")
    synonyms: Literal["lexicon", "endpoint"] = Field(
        default="lexicon",
        description="Source of synonyms and superclasses: the lexicon that ships with the project, or, as in K-MERL "
        "3.4, the endpoint.",
    )

    @model_validator(mode="after")
    def _has_who_it_asks(self) -> EntityConfig:
        asks = self.synonyms == "endpoint" or self.model is not None
        if asks and self.endpoint is None:
            raise ValueError(
                "entities.synonyms and entities.model need an endpoint: name one, "
                "entities.endpoint={url: ..., model: ...}"
            )
        if self.endpoint is not None and self.model is not None:
            object.__setattr__(self, "endpoint", self.endpoint.model_copy(update={"model": self.model}))
        return self


class EntityMiner:
    """From reports to a vocabulary and a label matrix.

    Args:
        options: which stages run; default all.
        extractor: stages one and two; default the lexicon.
        lexicon: synonyms and superclasses; default the one that ships with the project.
    """

    def __init__(
        self,
        options: EntityConfig | None = None,
        extractor: EntityExtractor | None = None,
        lexicon: Lexicon | None = None,
    ):
        self.options = options or EntityConfig()
        self.lexicon = lexicon or default_lexicon()
        self.extractor = extractor or LexiconExtractor(self.lexicon, self.options.hedged)

    @property
    def version(self) -> str:
        """Of everything that decides a label, the corpus apart."""
        stages = f"merge={self.options.merge} superclasses={self.options.superclasses}"
        return f"{self.extractor.version} | lexicon {self.lexicon.version} | {stages}"

    def entities(self, reports: Sequence[str]) -> list[frozenset[str]]:
        """For every report the names of the entities present, superclasses included where they are on."""
        distinct = list(dict.fromkeys(reports))
        named = {
            report: frozenset(name for wording in wordings for name in self._names(wording))
            for report, wordings in zip(distinct, self.extractor.extract(distinct), strict=True)
        }
        return [named[report] for report in reports]

    def vocabulary(self, reports: Sequence[str]) -> Vocabulary:
        """The entities that at least ``min_count`` reports of a training corpus have, in the lexicon's order.

        Raises:
            DataError: not one report has an entity.
        """
        counts = Counter(name for names in self.entities(reports) for name in names)
        frequent = {name for name, count in counts.items() if count >= self.options.min_count}
        if not frequent:
            example = f" The first reads {reports[0][:80]!r}." if reports else ""
            raise DataError(
                f"no entity is found in at least {self.options.min_count} of {len(reports)} reports; expected ECG "
                f"reports in English, or PTB-XL's own.{example}"
            )
        rank = {name: position for position, name in enumerate(self.lexicon.entities)}
        return Vocabulary(tuple(sorted(frequent, key=lambda name: (rank.get(name, len(rank)), name))), self.version)

    def label_matrix(self, reports: Sequence[str], vocabulary: Vocabulary) -> UInt8[np.ndarray, "report entity"]:
        """1 where a report has an entity of ``vocabulary``; entities outside it are left out.

        Raises:
            ConfigError: the vocabulary was mined with other stages or another lexicon.
        """
        if vocabulary.version != self.version:
            raise ConfigError(
                f"this vocabulary was mined by {vocabulary.version}, these reports are read by {self.version}; "
                f"mine the vocabulary again, or set the entity options it was mined with."
            )
        column = {name: position for position, name in enumerate(vocabulary.names)}
        labels = np.zeros((len(reports), len(vocabulary)), dtype=np.uint8)
        for row, names in enumerate(self.entities(reports)):
            labels[row, [column[name] for name in names if name in column]] = 1
        return labels

    def _names(self, wording: str) -> tuple[str, ...]:
        entity = self.lexicon.entity(wording)
        if entity is None:  # an extractor's own word, which the lexicon does not know
            return (" ".join(wording.split()),)
        name = entity if self.options.merge else wording
        return (name, *self.lexicon.ancestors(entity)) if self.options.superclasses else (name,)


def entity_labels(
    reports: Sequence[str],
    train: np.ndarray,
    config: EntityConfig | None = None,
    extractor: EntityExtractor | None = None,
    cache: Path | None = None,
) -> tuple[Vocabulary, UInt8[np.ndarray, "report entity"]]:
    """The vocabulary of a corpus' training reports, and the labels of all its reports under it.

    With an endpoint, the number of requests is reported before they begin.

    Args:
        reports: one for every record; an empty one has no entity.
        train: bool [report], the rows that the vocabulary may come from.
        extractor: in place of the one that the config names.
        cache: folder for an endpoint's answers; a run that was stopped goes on where it was.

    Raises:
        EndpointDown, ConfigError: from the endpoint; answers so far are kept.
    """
    config = config or EntityConfig()
    trained = [report for report, used in zip(reports, train, strict=True) if used]
    if extractor is not None or config.endpoint is None:
        return _labelled(EntityMiner(config, extractor), trained, reports)
    with track(f"entities by {config.endpoint.model}") as progress:
        folder = cache / "entities" if cache is not None else None
        endpoint = ChatEndpoint(config.endpoint, folder, lambda done, of: progress(done, of))
        model_extractor = LanguageModelExtractor(endpoint, config.verify)
        say(
            f"entities by {config.endpoint.model}: {model_extractor.estimate(reports, probe=config.endpoint.concurrency)}"
        )
        lexicon = None
        if config.synonyms == "endpoint":
            distinct_wordings = sorted(
                {wording for wordings in model_extractor.extract(trained) for wording in wordings}
            )
            lexicon = _mined_lexicon(distinct_wordings, endpoint, folder)
        labelled = _labelled(EntityMiner(config, model_extractor, lexicon), trained, reports)
        if model_extractor.invented:
            say(
                f"{model_extractor.invented.total():,} answers named an entity that is not in the report; they were refused"
            )
        return labelled


def _labelled(
    miner: EntityMiner, trained: Sequence[str], reports: Sequence[str]
) -> tuple[Vocabulary, UInt8[np.ndarray, "report entity"]]:
    vocabulary = miner.vocabulary(trained)
    return vocabulary, miner.label_matrix(reports, vocabulary)


def _mined_lexicon(wordings: Sequence[str], endpoint: ChatEndpoint, folder: Path | None) -> Lexicon:
    """The lexicon that the endpoint makes of the wordings, kept in the folder under a digest of both."""
    name = f"lexicon-{digest([endpoint.config.model, list(wordings)])}.yaml"
    if folder is not None:
        path = folder / name
        return Lexicon(path) if path.exists() else mine_lexicon(wordings, endpoint, path)
    with tempfile.TemporaryDirectory() as temporary:
        return mine_lexicon(wordings, endpoint, Path(temporary) / name)
