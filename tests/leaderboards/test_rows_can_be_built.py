"""Rows of boards can be built, have a loss and answer in each of their modes, at the paper's size and in the smoke profile.

Gradients are taken in the smoke profile, whose networks are small: no row differs in that but by size. Weights of text
encoders that are not packaged are MiniLM's here, and no language model is asked. Methods that train by ``fit`` are built
alone.
"""

import contextlib
import functools
import json
from collections import defaultdict
from collections.abc import Iterator
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
KINDS, DRAWS = ("kaiming", "xavier"), ("uniform", "normal")
ENDPOINT = {"entities.endpoint": {"url": "http://none", "model": "m"}}  # without one, a row with a model is refused


@pytest.fixture(autouse=True)
def _nothing_is_downloaded(monkeypatch):
    minilm = models.find_model("minilm").folder
    monkeypatch.setattr(models, "_hub_folder", lambda *_: minilm)
    from methods import kmerl

    mine = kmerl.entity_labels
    monkeypatch.setattr(kmerl, "entity_labels", lambda reports, train, config, cache: mine(reports, train))


@pytest.fixture(autouse=True, scope="module")
def _weights_are_filled():
    """Which numbers the weights begin with decides nothing here, and drawing hundreds of millions takes half the time."""
    pattern = torch.empty(1 << 20).uniform_(-0.05, 0.05, generator=torch.Generator().manual_seed(0))

    @torch.no_grad()
    def fill(tensor, *_, **__):
        flat = tensor.view(-1)
        for part in flat.split(len(pattern)):
            part.copy_(pattern[: len(part)])
        return tensor

    with pytest.MonkeyPatch.context() as patch:
        for name in ("uniform_", "normal_", "trunc_normal_", *(f"{k}_{d}_" for k in KINDS for d in DRAWS)):
            patch.setattr(torch.nn.init, name, fill)
        yield


def check_step(loss, profile):
    assert loss.isfinite()
    if profile == "smoke":
        loss.backward()


@functools.cache
def one_step(method: str, config: str, asked: frozenset[str], profile: str) -> None:
    """Build it; a loss of each stage of pretraining; then a step or an answer of each mode."""
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
                check_step(sum(made.pretraining_loss(batch).values()), profile)
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
            check_step(made.finetune_loss(batch, seen, encoded, task_loss), profile)


def planned(board: Board) -> Iterator[tuple]:
    """Of each row with a method: the row, the method's class, the overrides, modes of the columns, modes to answer in."""
    for row in board.rows:
        if row.method not in METHODS:
            continue
        cls = registry.load(registry.METHODS, row.method)
        fields = (ENDPOINT if "entities.model" in row.config else {}) | row.config
        own = parse_overrides([f"{row.method}.{f}={json.dumps(v)}" for f, v in fields.items()], list(METHODS))
        in_columns = {mode for column in board.columns if column.mode for mode in column.mode.split(MINUS)}
        offered = {name for name in in_columns if modes.facts(name).honest in cls.modes()}
        yield row, cls, own, in_columns, frozenset({row.mode} if row.mode else offered)


@functools.cache
def asked_by_any_board(profile: str) -> dict[tuple[str, str], frozenset[str]]:
    """(method, config) -> the modes that any board asks of it, so that each network is built once for all boards."""
    asked_by_all = defaultdict(frozenset)
    for board in BOARDS.values():
        for row, cls, own, _, asked in planned(board):
            with contextlib.suppress(Exception):  # the test of its board shows it
                asked_by_all[row.method, method_config(cls, profile, own).model_dump_json()] |= asked
    return asked_by_all


def faults(board: Board, profile: str) -> list[str]:
    """What keeps rows of a board from being run, row by row."""
    wrong = []
    for row, cls, own, in_columns, asked in planned(board):
        try:
            assert asked or not in_columns, f"none of {', '.join(sorted(in_columns))} is offered"
            check_overrides(own, [cls])
            for mode in asked:
                assert modes.facts(mode).name == mode
                for column in board.columns:
                    settings = [f"{f}={json.dumps(v)}" for f, v in column.settings.items() if f.startswith(f"{mode}.")]
                    mode_config(mode, profile, parse_overrides(settings, list(METHODS)), cls)
                    cls.Config.model_validate(method_config(cls, profile, own).model_dump() | column.change)
            smallest, config = (method_config(cls, name, own).model_dump_json() for name in ("smoke", profile))
            size = "smoke" if config == smallest else profile  # a released network has one size
            one_step(row.method, config, asked | asked_by_any_board(size).get((row.method, config), asked), size)
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
