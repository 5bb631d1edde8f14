"""K-MERL's sizes, every ablation of its Tables 2 and 6 as a setting, and how names are asked for."""

from pathlib import Path

import pytest
import torch

from bench.leaderboard.board import boards
from bench.runner.overrides import method_config, parse_overrides
from bench.seeding import seeded
from methods.kmerl import KMERL
from methods.nets.lead_vit import LeadViT
from methods.nets.transformer import SIZES

# MERL's ViT of that size (facts on MERL's code), its patch convolution and positions replaced by K-MERL's: a projection of
# 100 samples of one lead, 12 lead and 50 time embeddings.
MERLS = {"tiny": 5_473_152, "small": 21_563_136, "middle": 38_188_032, "base": 85_593_600}

BOARDS = boards([Path(__file__).parents[2] / "leaderboards"])
ABLATIONS = {  # a row for each set of settings; one number represents all numbers of a setting
    str({field: type(v).__name__ if type(v) in (int, float) else v for field, v in row.config.items()}): (name, row)
    for name, board in BOARDS.items()
    for row in board.rows
    if name.startswith(("kmerl_table2", "kmerl_table6")) and row.config and "model" not in str(row.config)
}.values()
SMALL = ("kmerl.query_dim=16", "kmerl.shared_dim=16", "kmerl.dim=16", "kmerl.depth=1")


@pytest.mark.parametrize("size", SIZES)
def test_every_size_has_its_parameters(size):
    with torch.device("meta"):
        width, heads = SIZES[size]
        net = LeadViT(dim=width, heads=heads)
    expected = MERLS[size] - 600 * width - 100 * width + (100 + 12 + 50) * width
    assert sum(p.numel() for p in net.parameters()) == expected


def made(small_corpus, *texts):
    with seeded(0):
        method = KMERL(method_config(KMERL, "smoke", parse_overrides([*SMALL, *texts], ["kmerl"])))
    corpus, batch = small_corpus(method.input)
    method.prepare_corpus(corpus)
    return method, batch


@pytest.mark.parametrize(("board", "row"), ABLATIONS, ids=[f"{name}-{row.label}" for name, row in ABLATIONS])
def test_every_ablation_trains_and_answers(small_corpus, board, row):
    settings = [f"kmerl.{field}={str(value).lower()}" for field, value in row.config.items()]
    method, batch = made(small_corpus, *settings)
    losses = method.train().pretraining_loss(batch)
    sum(losses.values()).backward()
    expected = {"contrastive", "entities"}
    expected -= {"contrastive"} if row.config.get("contrastive") == "none" else set()
    expected -= {"entities"} if row.config.get("query_loss") is False else set()
    assert set(losses) == expected
    assert all(p.grad is not None for p in method.parameters() if p.requires_grad)  # nothing untrained answers
    with torch.no_grad():
        assert method.eval().zero_shot(batch, ["sinus rhythm", "normal ECG"]).shape == (8, 2)


def test_without_the_query_loss_the_contrast_answers(small_corpus):
    """Table 2a has 68.95 for it, which no untrained query network gives."""
    method, batch = made(small_corpus, "kmerl.query_loss=false")
    names = ["sinus bradycardia", "normal ecg"]
    with torch.no_grad():
        scores = method.eval().zero_shot(batch, names)
        ecg = method.project_ecg(method.encode(batch))
        prompts = method.project_text(method.text.encoder.encode(names))
    torch.testing.assert_close(scores, torch.cosine_similarity(ecg[:, None], prompts[None], dim=-1))


def test_both_readings_of_the_printed_loss(small_corpus):
    found = {}
    for reading in ("merl", "printed"):
        method, batch = made(small_corpus, f"kmerl.contrastive={reading}", "kmerl.query_loss=false")
        with seeded(1):
            found[reading] = method.train().pretraining_loss(batch)["contrastive"].item()
    assert found["printed"] < found["merl"]  # one direction, and the match left out of the denominator


def test_entities_and_classes_are_asked_for_in_one_case(small_corpus):
    """A cased encoder must not tell what was trained on from what is asked by its capitals."""
    method, batch = made(small_corpus)
    asked = []
    prompts = method.text.prompts
    method.text.prompts = lambda texts, device: asked.extend(texts) or prompts(texts, device)
    method.train().pretraining_loss(batch)
    in_training = set(asked)
    assert in_training == {name.lower() for name in method._entities}
    asked.clear()
    method.eval().zero_shot(batch, list(method._entities))
    assert set(asked) == in_training
