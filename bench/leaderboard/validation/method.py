"""Checks of a card against the registered method: its code, config, profile, checkpoint and corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bench import kinds, modes, provenance, registry
from bench.cells.cell import PROFILES
from bench.contamination.declared import collections, relation
from bench.errors import BenchError
from bench.leaderboard.card_form import Card
from bench.leaderboard.third_party_rows import BUILT_IN
from bench.leaderboard.validation.verdict import NotChecked

if TYPE_CHECKING:
    from bench.method import Method, MethodConfig

PARTS = {
    "code": "the code of the method",
    "config": "the config and input of the method",
    "mode": "the code or settings of the mode",
    "data": "the task, its split and the prepared recordings",
    "transforms": "the filters, resampling, scaling or windows of the input",
}


def same_code(card: Card) -> bool:
    """Whether a card was made by the code that is installed: by its commit, or its version where one is unknown."""
    commit, ours = card.provenance.get("git_commit"), provenance.git_commit()
    if commit and ours:
        return bool(commit == ours)
    versions = card.provenance.get("versions")
    return isinstance(versions, dict) and versions.get("ecg-bench") == provenance.versions().get("ecg-bench")


def method(card: Card, thorough: bool = False) -> Iterator[str]:
    """Code, config, settings, data and transforms have the digests that the registered method gives."""
    loaded = _loaded(card, thorough)
    if isinstance(loaded, str):
        yield loaded
        return
    cls, config, foreign = loaded
    if not isinstance(config, str):
        stated = {name: card.inputs.get(name) for name in PARTS}
        try:
            mode_config = modes.load(card.cell["mode"]).Config.model_validate(card.config.get(card.cell["mode"]))
            digests = _digests(card, cls, config, mode_config)
        except (ValidationError, BenchError) as error:
            text = f"config: its settings are not those of {card.cell['mode']} ({_first(error)})"
            yield NotChecked(text) if foreign else text
            return
        for name, ours in digests.items():
            if ours() != stated[name]:
                text = f"inputs.{name}: {PARTS[name]} have another digest here"
                yield NotChecked(f"{text}: another version, perhaps") if foreign else text
    else:
        yield NotChecked(config) if foreign else config


def _digests(card: Card, cls: type[Method], config: MethodConfig, mode_config: Any) -> dict[str, Callable[[], str]]:
    from bench.runner.keys import data_part, method_parts, mode_part, transforms_part

    task = registry.load(registry.TASKS, card.cell["task"])()
    fs, dataset = card.dataset.get("fs"), str(card.dataset.get("name"))
    digests: dict[str, Callable[[], str]] = {
        "code": lambda: method_parts(cls, config)["code"],
        "config": lambda: method_parts(cls, config)["config"],
        "mode": lambda: mode_part(modes.load(card.cell["mode"]), kinds.load(task.kind), mode_config),
        "data": lambda: data_part(task, card.split.digest, str(card.dataset.get("digest"))),
    }
    if fs:
        digests["transforms"] = lambda: transforms_part(cls.input_for(config), fs, dataset)
    return digests


def profile(card: Card, thorough: bool = False) -> Iterator[str]:
    """The config is the one that profile and overrides give."""
    loaded = _loaded(card, thorough)
    if isinstance(loaded, str) or isinstance(loaded[1], str):
        yield NotChecked("the method's config is not known here")
        return
    cls, _config, foreign = loaded
    given = _checkpoint_is_given(card, thorough)
    mode = card.cell["mode"]
    for where, stated, derived in (
        ("config.method", card.config["method"], lambda name: _method_config(card, cls, name)),
        (f"config.{mode}", card.config.get(mode), lambda name: _mode_config(card, cls, name)),
    ):
        try:
            if derived(card.profile) == stated:
                continue
            others = [profile for profile in PROFILES if profile != card.profile]
            if foreign:
                yield NotChecked(
                    f"{where}: other settings than profile {card.profile} has here: another version, perhaps"
                )
            elif other := next((profile for profile in others if derived(profile) == stated), None):
                yield f"{where}: the settings are those of profile {other}, not {card.profile}"
            elif given and where == "config.method":
                yield NotChecked("the checkpoint was given, and brings the method's config")
            else:
                yield f"{where}: the settings are not those of profile {card.profile} and the card's overrides"
        except BenchError as error:
            text = f"provenance.overrides: {_first(error)}"
            yield NotChecked(text) if foreign else text
            return


def _method_config(card: Card, cls: type[Method], profile_name: str) -> Any:
    from bench.runner.overrides import method_config

    uses_checkpoint = modes.facts(card.cell["mode"]).uses_checkpoint
    config = method_config(cls, profile_name, _overrides(card), None, uses_checkpoint)
    return config.model_dump(mode="json")


def _mode_config(card: Card, cls: type[Method], profile_name: str) -> Any:
    from bench.runner.overrides import mode_config

    return mode_config(card.cell["mode"], profile_name, _overrides(card), cls).model_dump(mode="json")


def _overrides(card: Card) -> Any:
    from bench.runner.overrides import parse_overrides

    return parse_overrides(card.provenance.get("overrides") or [], list(registry.entries(registry.METHODS)))


def checkpoint(card: Card, thorough: bool = False) -> Iterator[str]:
    """The checkpoint is the one that method, config and corpus make."""
    stated = card.inputs.get("checkpoint")
    if bool(card.checkpoint) != bool(stated):
        yield "checkpoint: the card states one and its key none, or the other way round"
        return
    loaded = _loaded(card, thorough)
    if isinstance(loaded, str) or isinstance(loaded[1], str):
        yield NotChecked("the method's code is not the card's")
        return
    cls, config, foreign = loaded
    if not stated:
        if modes.facts(card.cell["mode"]).uses_checkpoint and cls.starts_from_checkpoint():
            text = f"checkpoint: {cls.name} starts from one in this mode, and the card states none"
            yield NotChecked(text) if foreign else text
        return
    if stated not in (*_derived_keys(card, cls, config), *_given_keys(card, cls, config)):
        text = "checkpoint.key: it is not what method, config and corpus make"
        yield NotChecked(f"{text} here: another version, perhaps") if foreign else text
    elif stated != card.checkpoint.get("key") and not _checkpoint_is_given(card, thorough):
        yield "checkpoint.key: it is not the one in the cell's key"


def _derived_keys(card: Card, cls: type[Method], config: MethodConfig) -> Iterator[str]:
    from bench.training.checkpoint import checkpoint_key

    if training := card.cell.get("training", 0):
        seeded = config.pretrain.model_copy(update={"seed": config.pretrain.seed + training})
        config = config.model_copy(update={"pretrain": seeded})
    corpus = card.checkpoint.get("corpus") or {}
    same = corpus.get("dataset") == card.dataset.get("name")
    rates = [*([card.dataset.get("fs")] if same else []), *_rates(str(corpus.get("dataset")))]
    yield from (checkpoint_key(cls, config, corpus, float(fs)) for fs in dict.fromkeys(rates) if fs)


def _given_keys(card: Card, cls: type[Method], config: MethodConfig) -> Iterator[str]:
    from bench.training.checkpoint import checkpoint_key

    if weights := card.checkpoint.get("weights_sha256"):
        yield checkpoint_key(cls, config, card.checkpoint.get("corpus") or {}, None, str(weights))


def _rates(dataset: str) -> tuple[float, ...]:
    if dataset not in registry.entries(registry.DATASETS):
        return ()
    return tuple(registry.load(registry.DATASETS, dataset).rates)


def _checkpoint_is_given(card: Card, thorough: bool) -> bool:
    """Whether the card's key holds the weights of a checkpoint that was named or imported."""
    loaded = _loaded(card, thorough)
    if isinstance(loaded, str) or isinstance(loaded[1], str) or not card.checkpoint:
        return False
    return card.inputs.get("checkpoint") in set(_given_keys(card, loaded[0], loaded[1]))


def contamination(card: Card, thorough: bool = False) -> Iterator[str]:
    """The status is one that the corpus of the checkpoint can have, and its evidence is of that corpus."""
    evidence = card.contamination_evidence
    status = "none" if card.contamination == "declared" else card.contamination
    if status == "unknown":
        return
    if card.contamination == "none" and _rests_on_a_statement(card):
        yield "contamination: none, but only the author of the method states so; expected declared"
        return
    trained = _trained_on(card, thorough)
    if isinstance(trained, NotChecked):
        yield trained
        return
    if trained is None:
        if status != "none":
            yield f"contamination: {status}, but nothing was pretrained"
        return
    if not trained:
        yield f"contamination: {status}, but the card does not state what its weights were trained on"
        return
    if evidence.get("corpus") != trained:
        yield "contamination_evidence.corpus: it is not the corpus of the checkpoint"
        return
    tested, hits = evidence.get("tested"), evidence.get("test_records")
    if tested is None or not 0 < tested <= card.counts.test:
        yield "contamination_evidence.tested: expected the test recordings, of which the card counts fewer or none"
    elif bool(hits) != (status == "test records") or (hits or 0) > tested:
        yield f"contamination: {status}, but the evidence counts {hits} test recordings that were trained on"
    if (card.checkpoint.get("corpus") or {}).get("data", card.data) != card.data:
        if status != "none":
            yield f"contamination: {status}, but the weights were trained on other data than {card.data} ones"
        return
    related = any(relation(name, str(card.dataset.get("name"))) for name in collections(trained))
    if related and status == "none":
        yield f"contamination: none, but {trained} shares recordings with {card.dataset.get('name')}"
    elif not related and status == "same dataset":
        yield f"contamination: same dataset, but {trained} is not declared to share recordings with it"


def _rests_on_a_statement(card: Card) -> bool:
    """Whether a method of another package answers without a checkpoint of bench, and nothing was compared."""
    entry = registry.entries(registry.METHODS).get(card.cell["method"])
    foreign = entry is None or entry.distribution != BUILT_IN
    compared = {"ids", "fingerprints"} & set(card.contamination_evidence.get("checked") or ())
    return foreign and not compared and not card.checkpoint and modes.facts(card.cell["mode"]).uses_checkpoint


def _trained_on(card: Card, thorough: bool) -> str | NotChecked | None:
    """The corpus of the weights, empty where nobody states it; None where nothing was pretrained."""
    if not modes.facts(card.cell["mode"]).uses_checkpoint:
        return None
    if card.checkpoint:
        pretrained = (card.config["method"].get("pretrain") or {}).get("epochs") != 0 or card.checkpoint.get("imported")
        corpus = (card.checkpoint.get("corpus") or {}).get("dataset")
        return (corpus if collections(corpus) else "") if pretrained else None
    loaded = _loaded(card, thorough)
    if isinstance(loaded, str) or isinstance(loaded[1], str):
        return NotChecked("what the method's weights were trained on is known to its code alone")
    from bench.contamination.declared import UNKNOWN, declared_corpus

    declared = loaded[0].declared_corpora(loaded[1])
    return declared_corpus(name for name in declared if name != UNKNOWN).removeprefix(UNKNOWN) if declared else None


def _loaded(card: Card, thorough: bool) -> str | tuple[type[Method], Any, bool]:
    """The class, its config (or why the card's is none of its configs), and whether a difference proves nothing, because
    the code may be another version: that of another package, or of another commit.

    Args:
        thorough: load the method for a card of another commit as well; its code may not have changed since.
    """
    name = card.cell["method"]
    entry = registry.entries(registry.METHODS).get(name)
    if entry is None:
        return NotChecked(f"{name} is not installed")
    foreign = entry.distribution != BUILT_IN or not same_code(card)
    if not same_code(card) and not thorough:
        commit = str(card.provenance.get("git_commit") or "unknown")[:12]
        return NotChecked(f"made by the code of commit {commit}, which is not the one installed")
    try:
        cls = registry.load(registry.METHODS, name)
        config = cls.Config.model_validate(card.config.get("method"))
    except ValidationError as error:
        return cls, f"config.method: not a config of {name} ({_first(error)})", foreign
    except BenchError as error:
        return NotChecked(f"{name} cannot be imported: {error}")
    if config.model_dump(mode="json") != card.config["method"]:
        return cls, f"config.method: not a complete config of {name}", foreign
    return cls, config, foreign


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))[:80]}: {first['msg']}"
    return str(error).splitlines()[0][:200]
