"""A batch in parts has the gradient of the whole batch (``pretrain.micro_batch``)."""

import pytest
import torch

from bench import registry
from bench.batch import ECGBatch
from bench.checks.synthetic_corpus import synthetic_corpus
from bench.errors import ConfigError
from bench.method import Method
from bench.runner.overrides import method_config
from bench.seeding import seed_global
from bench.training import micro_batches
from bench.training.devices import make_fabric
from bench.training.method_calls import set_up

SETTINGS = {
    "merl": {"dropout": 0.3},
    "kmerl": {"depth": 1},
    "mets": {},
    "etp": {"learn_temperature": True},
    "simclr": {},
}


def built(name, text=None, **settings):
    """A method in training at smoke size, BatchNorm at rest, and a batch."""
    cls = registry.load(registry.METHODS, name)
    smoke = method_config(cls, "smoke")
    if text and hasattr(smoke, "text"):
        settings["text"] = smoke.text.model_dump() | {"model": text, "pooling": "mean"}
    config = type(smoke).model_validate(smoke.model_dump() | {"fs": 100} | settings)
    corpus, batch = synthetic_corpus(cls.input_for(config), 8)
    seed_global(0)
    method = cls(config)
    method.prepare_corpus(corpus)
    return at_rest(method.train()), batch


def at_rest(method: Method) -> Method:
    for module in method.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()
    return method


def step(method, batch, size):
    """Terms and gradients of a batch in parts, and a number drawn afterwards."""
    fabric = make_fabric()
    model = set_up(fabric, method)
    method.zero_grad()
    seed_global(1)
    terms = micro_batches.backward(fabric, method, model, batch, size)
    gradients = {name: p.grad for name, p in method.named_parameters() if p.grad is not None}
    return terms, gradients, torch.rand(()).item()


@pytest.mark.parametrize("name", SETTINGS)
def test_the_gradient_is_that_of_the_whole_batch(name, tiny_text):
    method, batch = built(name, tiny_text, **SETTINGS[name])
    terms, gradients, drawn = step(method, batch, 3)

    method.zero_grad()
    seed_global(1)  # with the graph of the whole batch, drawn in the same order
    found = [method.pretraining_embeddings(part) for part in micro_batches.parts(batch, 3)]
    expected = method.loss_of_embeddings({key: torch.cat([one[key] for one in found]) for key in found[0]})
    sum(expected.values()).backward()
    whole = {key: p.grad for key, p in method.named_parameters() if p.grad is not None}
    largest = max(gradient.abs().max() for gradient in whole.values())
    assert gradients.keys() == whole.keys()
    assert max((gradients[key] - whole[key]).abs().max() for key in whole) < 1e-6 * largest
    assert terms.keys() == expected.keys()
    assert all(torch.equal(terms[key], expected[key]) for key in terms)
    assert drawn == torch.rand(()).item()


def test_running_averages_follow_each_part_once():
    method, batch = built("simclr", views=())
    method.train()
    parted = dict(method.named_buffers())
    kept = {name: value.clone() for name, value in parted.items()}
    step(method, batch, 4)
    seen = {name: value - kept[name] for name, value in parted.items() if name.endswith("num_batches_tracked")}
    assert set(map(int, seen.values())) == {4}  # two views of two parts


class Averaged(Method):
    """A mean over records, in which they do not meet. Source: this test."""

    name = "averaged"
    loss_couples_records = False

    def build(self, config):
        self.net = torch.nn.Linear(50, 1)

    def pretraining_loss(self, batch):
        return {"square": self.net(batch.ecg).square().mean()}


def test_means_over_records_add_up():
    torch.manual_seed(0)
    method = Averaged()
    batch = ECGBatch(torch.randn(7, 12, 50), torch.ones(7, 12, dtype=torch.bool), torch.arange(7))
    terms, gradients, _ = step(method, batch, 3)
    gradient = gradients["net.weight"].clone()
    method.zero_grad()
    loss = method.pretraining_loss(batch)["square"]
    loss.backward()
    torch.testing.assert_close(gradient, method.net.weight.grad)
    torch.testing.assert_close(terms["square"], loss.detach())


def test_a_method_that_does_not_say_how_is_refused():
    with pytest.raises(ConfigError, match="moco-v3 does not state what its loss couples"):
        micro_batches.check(built("moco-v3", width=8, hidden=16)[0], "auto")


@pytest.mark.parametrize(("records", "sizes"), [(8, [3, 3, 2]), (7, [3, 4]), (3, [3]), (1, [1])])
def test_no_part_is_a_single_recording_where_that_can_be_helped(records, sizes):
    _, batch = built("simclr", views=())
    assert [len(part) for part in micro_batches.parts(batch.part(slice(0, records)), 3)] == sizes
