"""What the contract of a method promises, checked on everything that is registered; no method is named here."""

import copy
import io
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from pydantic import BaseModel

from bench import registry
from bench.batch import ECGBatch
from bench.method import Method
from bench.runner.configure import method_config
from bench.seeding import seeded
from bench.signals.leads import LEADS

METHODS = tuple(registry.entries(registry.METHODS))


@pytest.fixture(scope="module", params=METHODS)
def method_class(request) -> type[Method]:
    return registry.load(registry.METHODS, request.param)


@pytest.fixture(scope="module")
def corpus_and_batch(method_class, small_corpus):
    return small_corpus(method_class.input_for(method_config(method_class, "smoke")))


@pytest.fixture(scope="module")
def built(method_class, corpus_and_batch) -> Method:
    """At smoke size, ready to be pretrained. Tests that change it work on a copy."""
    return ready(method_class, corpus_and_batch[0])


def ready(method_class, corpus, seed: int = 0) -> Method:
    with seeded(seed):
        method = method_class(method_config(method_class, "smoke"))
        method.prepare_corpus(corpus)
    return method


def needs(method_class, function: str) -> None:
    if not method_class.implements(function):
        pytest.skip(f"{method_class.name} has no {function}, and need not have")


def take(batch: ECGBatch, rows: list[int]) -> ECGBatch:
    def part(values):
        return None if values is None else values[rows]

    text = None if batch.text is None else [batch.text[row] for row in rows]
    return ECGBatch(batch.ecg[rows], batch.leads[rows], batch.index[rows], text, part(batch.image), part(batch.tabular))


def encode(method: Method, batch: ECGBatch) -> torch.Tensor:
    method.eval()
    with torch.no_grad():
        return method.encode(batch)


def step(method: Method, batch: ECGBatch, seed: int, lr: float = 1e-3) -> float:
    """One plain gradient step; nothing is remembered outside the method."""
    method.train().zero_grad()
    with seeded(seed):
        terms = method.pretraining_loss(batch)
        loss = torch.stack(list(terms.values())).sum()
        loss.backward()
    with torch.no_grad():
        for parameter in method.parameters():
            if parameter.grad is not None:
                parameter -= lr * parameter.grad
    return loss.item()


def assert_alike(vectors: torch.Tensor, expected: torch.Tensor) -> None:
    """Within 1e-5 of the largest value: deep untrained networks have outputs of any size, and rounding follows it."""
    torch.testing.assert_close(vectors, expected, rtol=0, atol=1e-5 * max(1.0, expected.abs().max().item()))


def assert_same_state(first: Method, second: Method) -> None:
    ours, theirs = first.state_dict(), second.state_dict()
    assert ours.keys() == theirs.keys()
    assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == []


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, info in model.model_fields.items():
        yield prefix + name, info
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from fields(info.annotation, f"{prefix}{name}.")


def test_says_where_it_comes_from(method_class):
    assert "Source:" in (method_class.__doc__ or "")
    assert [name for name, info in fields(method_class.Config) if not info.description] == []


@pytest.mark.slow
def test_builds_at_paper_size(method_class):
    method = method_class()
    if method_class.implements("encode") or method_class.implements("pretraining_loss"):
        assert any(parameter.requires_grad for parameter in method.parameters())


def test_a_step_is_finite_and_moves_trainable_weights_only(method_class, built, corpus_and_batch):
    needs(method_class, "pretraining_loss")
    method = copy.deepcopy(built)
    before = {name: p.detach().clone() for name, p in method.named_parameters()}
    loss = step(method, corpus_and_batch[1], seed=1)
    assert torch.isfinite(torch.tensor(loss))
    moved = {name for name, p in method.named_parameters() if not torch.equal(p, before[name])}
    trainable = {name for name, p in method.named_parameters() if p.requires_grad}
    assert moved
    assert moved <= trainable
    assert all(torch.isfinite(p).all() for p in method.parameters())


def test_the_loss_falls_on_a_batch_seen_again(method_class, built, corpus_and_batch):
    needs(method_class, "pretraining_loss")
    method = copy.deepcopy(built).train()
    settings = method.config.pretrain
    trainable = [p for p in method.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trainable, lr=settings.lr, betas=settings.betas)
    losses = []
    with seeded(2):
        for _ in range(20):
            loss = torch.stack(list(method.pretraining_loss(corpus_and_batch[1]).values())).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    assert sum(losses[-5:]) < sum(losses[:5])


def test_encodes_any_batch_size(method_class, built, corpus_and_batch):
    needs(method_class, "encode")
    batch = corpus_and_batch[1]
    whole = encode(built, batch)
    assert whole.ndim == 2
    assert len(whole) == len(batch)
    assert torch.isfinite(whole).all()
    assert not torch.allclose(whole[0], whole[1], rtol=1e-4), "different recordings are represented alike"
    for rows in ([3], [5, 1, 4]):
        assert_alike(encode(built, take(batch, rows)), whole[rows])


def test_reads_the_leads_it_declares(method_class, built, corpus_and_batch):
    needs(method_class, "encode")
    batch = take(corpus_and_batch[1], [0, 1, 2])
    for subset in (["I"], ["II", "V1", "V5"], list(LEADS[:6])):
        present = torch.tensor([lead in subset for lead in LEADS]).expand(len(batch), -1)
        fewer = replace(batch, ecg=batch.ecg * present[..., None], leads=present)
        vectors = encode(built, fewer)
        assert torch.isfinite(vectors).all()
        if built.input.partial_leads:
            anything = replace(fewer, ecg=torch.where(present[..., None], batch.ecg, 7.0))
            assert_alike(encode(built, anything), vectors)


def test_learns_from_the_leads_it_declares(method_class, built, corpus_and_batch):
    needs(method_class, "pretraining_loss")
    if not built.input.partial_leads:
        pytest.skip(f"{method_class.name} reads all leads")
    batch = corpus_and_batch[1]
    present = torch.zeros_like(batch.leads)
    present[:, [0, 1, 7]] = True
    loss = step(copy.deepcopy(built), replace(batch, ecg=batch.ecg * present[..., None], leads=present), seed=1)
    assert torch.isfinite(torch.tensor(loss))


def test_is_the_same_again_under_a_seed(method_class, built, corpus_and_batch):
    corpus, batch = corpus_and_batch
    again = ready(method_class, corpus)
    assert_same_state(built, again)
    if method_class.implements("pretraining_loss"):
        first, second = copy.deepcopy(built), again
        assert step(first, batch, seed=3) == step(second, batch, seed=3)
        assert_same_state(first, second)


def test_all_it_learned_is_in_its_state(method_class, built, corpus_and_batch):
    """A run that is resumed from the state goes on, to the bit, as if it had not been disturbed."""
    corpus, batch = corpus_and_batch
    trained = copy.deepcopy(built)
    if method_class.implements("pretraining_loss"):
        step(trained, batch, seed=4)
    file = io.BytesIO()
    torch.save(trained.state_dict(), file)
    file.seek(0)
    resumed = ready(method_class, corpus, seed=5)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert_same_state(trained, resumed)
    if method_class.implements("encode"):
        assert torch.equal(encode(trained, batch), encode(resumed, batch))
    if method_class.implements("pretraining_loss"):
        assert step(trained, batch, seed=6) == step(resumed, batch, seed=6)
        assert_same_state(trained, resumed)


def test_scores_classes_by_name(method_class, built, corpus_and_batch):
    needs(method_class, "zero_shot")
    built.eval()
    with torch.no_grad():
        scores = built.zero_shot(corpus_and_batch[1], ["normal ecg", "atrial fibrillation", "myocardial infarction"])
    assert scores.shape == (len(corpus_and_batch[1]), 3)
    assert torch.isfinite(scores).all()
