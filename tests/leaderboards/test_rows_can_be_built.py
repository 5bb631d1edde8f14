"""Every row of every board is built and makes one step, at the size of its paper and in the smoke profile.

Weights of text encoders that are not packaged are MiniLM's here, and no language model is asked.
"""

import functools
import json
from pathlib import Path

import pytest

from bench import registry
from bench.checks.synthetic_corpus import synthetic_corpus
from bench.leaderboard.board import boards
from bench.runner.overrides import method_config, parse_overrides
from bench.seeding import seeded
from methods.text import models

BOARDS = boards([Path(__file__).parents[2] / "leaderboards"])
METHODS = registry.entries(registry.METHODS)


@pytest.fixture(autouse=True)
def _nothing_is_downloaded(monkeypatch):
    minilm = models.find_model("minilm").folder
    monkeypatch.setattr(models, "_hub_folder", lambda *_: minilm)
    from methods import kmerl

    mine = kmerl.entity_labels
    monkeypatch.setattr(kmerl, "entity_labels", lambda reports, train, config, cache: mine(reports, train))


@functools.cache
def one_step(method: str, config: str, pretrains: bool) -> None:
    """Build it, and take one gradient of each stage of pretraining, or of a head on the encoder."""
    cls = registry.load(registry.METHODS, method)
    chosen = cls.Config.model_validate_json(config)
    corpus, batch = synthetic_corpus(cls.input_for(chosen), records=2)
    corpus.records["superclass"] = [["NORM"], ["MI", "HYP"]]  # what LLM-DAN's classes read of PTB-XL
    with seeded(0):
        made = cls(chosen).train()
        losses = []
        if pretrains:
            made.prepare_corpus(corpus)
            for stage in cls.stages(chosen):
                made.begin_stage(stage)
                losses.append(sum(made.pretraining_loss(batch).values()))
        elif cls.implements("encode"):
            made.begin_finetuning()
            encoded = made.train().encode(made.augment_finetuning(batch))
            losses.append(made.head(encoded.shape[1], 2)(encoded).square().sum())
        for loss in losses:
            assert loss.isfinite()
            loss.backward()


@pytest.mark.slow
@pytest.mark.timeout(1200)  # the largest networks at the size of their papers
@pytest.mark.parametrize("profile", ["smoke", "paper"])
@pytest.mark.parametrize("board", BOARDS)
def test_every_row_is_built_and_makes_one_step(board, profile):
    wrong = []
    for row in BOARDS[board].rows:
        if row.method not in METHODS:
            continue
        fields = (
            {} if "entities.model" not in row.config else {"entities.endpoint": {"url": "http://none", "model": "m"}}
        )
        overrides = [f"{row.method}.{field}={json.dumps(value)}" for field, value in (fields | row.config).items()]
        cls = registry.load(registry.METHODS, row.method)
        modes = {row.mode} if row.mode else {column.mode for column in BOARDS[board].columns if column.mode}
        pretrains = cls.implements("pretraining_loss") and modes != {"scratch"}
        try:
            config = method_config(cls, profile, parse_overrides(overrides, list(METHODS)))
            one_step(row.method, config.model_dump_json(), pretrains)
        except Exception as error:
            wrong.append(f"{row.name}: {type(error).__name__}: {error}")
    assert not wrong
