"""Loss and gradient of one process with the whole batch, and of two with half of it each; run by test_two_processes.py.

Draws are made for the whole batch in either case, and each process keeps its part, so that both see the same views, masks
and noise. Everything is float64: what is left between the two is the order of sums.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import torch
from torch.nn.utils.rnn import pad_sequence
from torch.overrides import TorchFunctionMode

from bench import registry
from bench.checks.synthetic_corpus import synthetic_corpus
from bench.method import MethodConfig
from bench.seeding import seeded
from bench.training.batch_norm import over_all_processes
from bench.training.devices import Devices, make_fabric
from bench.training.distributed import rank, ranks
from bench.training.loop import _backward, _values
from bench.training.method_calls import set_up
from methods.text import tower
from methods.text.encoder import TextEncoder, Tokens

RECORDS = 8
CASES = {
    "merl": {},
    "kmerl": {"query_layers": 1},
    "etp": {"learn_temperature": True},
    "esi": {"caption_vocabulary": "all"},
    "simclr": {},
    "moco-v3": {},
    "byol": {},
    "barlow-twins": {},
    "clocs": {},
    "ts-tcc": {},
    "astcl": {},
    "cpc": {"same_sequence": False},
    "mmcl": {},
    "cross-modal-ae": {},
    # Trained in parts of two; BatchNorm at rest, and nothing drawn, as that would be drawn in another order.
    "etp in parts": {"learn_temperature": True},
    "kmerl in parts": {"query_layers": 1, "masked_leads": (), "segment_masking": "none"},
}
DRAWN_LIKE = (torch.randn_like, torch.rand_like)
DRAWN = (torch.rand, torch.randn, torch.randint)


class Words(TextEncoder):
    """In place of a text encoder, whose weights take seconds to load: a fixed vector per word, and their mean per text."""

    dim, words, constant = 384, 512, True

    def __init__(self, config):
        torch.nn.Module.__init__(self)
        self.transformer = SimpleNamespace(config=SimpleNamespace(vocab_size=self.words))
        draw = torch.Generator().manual_seed(0)
        self.register_buffer("table", torch.randn(self.words, self.dim, generator=draw, dtype=torch.float64))

    def tokenise(self, texts: Sequence[str]) -> Tokens:
        ids = [torch.tensor([zlib.crc32(word.encode()) % self.words for word in text.split()]) for text in texts]
        return Tokens(*(pad_sequence(rows, batch_first=True) for rows in (ids, [torch.ones_like(row) for row in ids])))

    def word_embeddings(self, ids):
        return self.table[ids]

    def encode(self, texts: Sequence[str]):
        return torch.stack([self.table[self.tokenise([text]).ids[0]].mean(0) for text in texts])


class DrawnForAll(TorchFunctionMode):
    """Random tensors with a row for each record available are drawn for the records of all processes."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if ranks() == 1 or func not in (*DRAWN, *DRAWN_LIKE):
            return func(*args, **kwargs)
        own, n = slice(rank() * RECORDS // 2, (rank() + 1) * RECORDS // 2), RECORDS // 2
        if func in DRAWN_LIKE:
            x = args[0]
            return func(torch.cat([x, x]), **kwargs)[own] if x.ndim and len(x) == n else func(*args, **kwargs)
        if func is torch.randint:
            *bounds, shape = args
        else:
            bounds, shape = [], args[0] if isinstance(args[0], tuple) else args
        if len(shape) and shape[0] == n:
            return func(*bounds, (2 * n, *shape[1:]), **kwargs)[own]
        return func(*args, **kwargs)


def one_step(case: str, config: MethodConfig) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    """Terms of the loss and gradients, after a step."""
    name, _, parts = case.partition(" ")
    cls = registry.load(registry.METHODS, name)
    corpus, batch = synthetic_corpus(cls.input_for(config), RECORDS)
    with seeded(0):
        method = cls(config)
        method.prepare_corpus(corpus)
    method.double().train()
    for module in method.modules():
        for rate in ("p", "dropout"):  # draws inside fused kernels
            if isinstance(getattr(module, rate, None), float):
                setattr(module, rate, 0.0)
        if parts and isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()
    if ranks() > 1:
        over_all_processes(method, torch.device("cpu"))
        batch = batch.part(slice(rank() * RECORDS // 2, (rank() + 1) * RECORDS // 2))
    fabric = make_fabric("32-true", Devices(2))
    model = set_up(fabric, method)
    with seeded(1), DrawnForAll():
        terms = _backward(fabric, method, model, to_double(batch), 2 if parts and ranks() > 1 else None)
    values = _values({k: v.double() for k, v in terms.items()})
    return values, {k: p.grad.clone() for k, p in method.named_parameters() if p.grad is not None}


def to_double(batch):
    image = None if batch.image is None else batch.image.double()
    return replace(batch, ecg=batch.ecg.double(), image=image)


def compare(folder: Path, configs: dict[str, MethodConfig]) -> None:
    """In one of two processes: how far both are from the one process's, relative to the largest."""
    tower.text_encoder = Words
    found = {}
    for case, (values, gradients) in torch.load(folder / "alone.pt").items():
        values2, gradients2 = one_step(case, configs[case])
        assert values.keys() == values2.keys() and gradients.keys() == gradients2.keys(), case
        largest = max(g.abs().max() for g in gradients.values())
        off = max((gradients[k] - gradients2[k]).abs().max() for k in gradients) / largest
        found[case] = {
            "loss": max(abs(values[k] - values2[k]) / max(abs(values[k]), 1e-3) for k in values),
            "gradient": off.item(),
            "weights": len(gradients),
        }
    if rank() == 0:
        (folder / "found.json").write_text(json.dumps(found))
