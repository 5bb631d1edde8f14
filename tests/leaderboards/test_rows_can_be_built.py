"""Rows of boards can be built, make one step and answer in each of their modes, at the paper's size and in the smoke profile.

Weights of text encoders that are not packaged are MiniLM's here, and no language model is asked. Methods that train by
``fit`` are built alone.
"""

import functools
import json
from pathlib import Path

import pytest
import torch

from bench import modes, registry
from bench.checks.synthetic_corpus import synthetic_corpus
from bench.leaderboard.board import Board, boards
from bench.leaderboard.statistics.inflation import MINUS
from bench.runner.overrides import check_overrides, method_config, mode_config, parse_overrides
from bench.seeding import seeded
from methods.text import models

BOARDS = boards([Path(__file__).parents[2] / "leaderboards"])
METHODS = registry.entries(registry.METHODS)
CLASSES = ("sinus rhythm", "myocardial infarction", "left ventricular hypertrophy")
NEEDS_EXTRA = "pip install 'ecg-bench["
ENDPOINT = {"entities.endpoint": {"url": "http://none", "model": "m"}}  # without one, a row with a model is refused


@pytest.fixture(autouse=True)
def _nothing_is_downloaded(monkeypatch):
    minilm = models.find_model("minilm").folder
    monkeypatch.setattr(models, "_hub_folder", lambda *_: minilm)
    from methods import kmerl

    mine = kmerl.entity_labels
    monkeypatch.setattr(kmerl, "entity_labels", lambda reports, train, config, cache: mine(reports, train))


def check_step(loss):
    assert loss.isfinite()
    loss.backward()


@functools.cache
def one_step(method: str, config: str, asked: frozenset[str]) -> None:
    """Build it; take one gradient of each stage of pretraining; then a step or an answer of each mode."""
    cls = registry.load(registry.METHODS, method)
    chosen = cls.Config.model_validate_json(config)
    corpus, batch = synthetic_corpus(cls.input_for(chosen), records=2)
    corpus.records["superclass"] = [["NORM"], ["MI", "HYP"]]  # what LLM-DAN's classes read of PTB-XL
    with seeded(0):
        made = cls(chosen).train()
        if cls.implements("pretraining_loss") and asked != {"scratch"}:
            made.prepare_corpus(corpus)
            for stage in cls.stages(chosen):
                made.begin_stage(stage)
                check_step(sum(made.pretraining_loss(batch).values()))
        if not cls.implements("encode"):
            return
        made.eval()
        with torch.no_grad():
            if "zeroshot" in asked:
                scores = made.zero_shot(batch, CLASSES)
                assert scores.shape == (2, len(CLASSES))
                assert scores.isfinite().all()
            if asked - {"zeroshot"}:
                assert made.encode(batch).isfinite().all()
        if asked & {"finetune", "scratch"}:
            made.begin_finetuning()
            made.train()
            seen = made.augment_finetuning(batch)
            encoded = made.encode(seen)
            task_loss = made.head(encoded.shape[1], 2).train()(encoded).square().mean()
            check_step(made.finetune_loss(batch, seen, encoded, task_loss))


def faults(board: Board, profile: str) -> list[str]:
    """What keeps rows of a board from being run, row by row."""
    wrong = []
    for row in board.rows:
        if row.method not in METHODS:
            continue
        cls = registry.load(registry.METHODS, row.method)
        fields = (ENDPOINT if "entities.model" in row.config else {}) | row.config
        own = parse_overrides([f"{row.method}.{f}={json.dumps(v)}" for f, v in fields.items()], list(METHODS))
        in_columns = {mode for column in board.columns if column.mode for mode in column.mode.split(MINUS)}
        offered = {name for name in in_columns if modes.facts(name).honest in cls.modes()}
        asked = frozenset({row.mode} if row.mode else offered)
        try:
            assert asked or not in_columns, f"none of {', '.join(sorted(in_columns))} is offered"
            check_overrides(own, [cls])
            for mode in asked:
                assert modes.facts(mode).name == mode
                for column in board.columns:
                    settings = [f"{f}={json.dumps(v)}" for f, v in column.settings.items() if f.startswith(f"{mode}.")]
                    mode_config(mode, profile, parse_overrides(settings, list(METHODS)), cls)
                    cls.Config.model_validate(method_config(cls, profile, own).model_dump() | column.change)
            one_step(row.method, method_config(cls, profile, own).model_dump_json(), asked)
        except Exception as error:
            if NEEDS_EXTRA in str(error):  # its package is not here, and the row's error says what to install
                continue
            wrong.append(f"{row.name}: {type(error).__name__}: {error}")
    used = {row.mode for row in board.rows} | {column.mode for column in board.columns}
    wrong += [f"{c.name}: {f}" for c in board.columns for f in c.settings if f.partition(".")[0] not in used]
    return wrong


@pytest.mark.slow
@pytest.mark.timeout(1200)  # the largest networks at the size of their papers
@pytest.mark.parametrize("profile", ["smoke", "paper"])
@pytest.mark.parametrize("board", BOARDS)
def test_every_row_is_built_makes_one_step_and_answers_in_its_modes(board, profile):
    assert faults(BOARDS[board], profile) == []


@pytest.mark.parametrize(
    ("row", "column", "named"),
    [
        ({"config": {"temprature": 0.1}}, {}, "'temprature'"),
        ({"config": {"encoder": "resnet9"}}, {}, "resnet9"),
        ({"mode": "linaer"}, {}, "linaer"),
        ({"mode": "linear"}, {"settings": {"linear.learning_rate": 0.1}}, "'learning_rate'"),
        ({"mode": "linear"}, {"settings": {"finetune.lr": 0.1}}, "finetune.lr"),
    ],
)
def test_a_setting_that_nothing_has_is_a_fault(row, column, named):
    board = Board.model_validate(
        {
            "name": "made-up",
            "title": "Made up",
            "metric": "macro_auroc",
            "columns": [{"label": "A", "task": "ptbxl-super"} | column],
            "rows": [{"label": "SimCLR", "method": "simclr"} | row],
        }
    )
    (fault,) = faults(board, "smoke")
    assert named in fault
