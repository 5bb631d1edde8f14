"""Modes that read the inside of an encoder, on the networks of released models: same parts, fewer layers, random weights."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bench import registry
from bench.data.batches import BatchSource
from bench.modes.attentive import tokens_of
from bench.modes.layer import OUTPUT, layers_of, layout
from bench.signals.in_memory import ArrayStore
from bench.signals.windows import SignalView
from bench.training.low_rank import add_low_rank

QUICK = ("clef-small", "merl-released, vit-tiny")
SLOW = ("heartlang", "st-mem-released", "ecg-jepa", "melp", "hubert-ecg-small", "ecg-cpc")
"""With QUICK one of each kind: convolutions, transformers over patches, beats, leads and wav2vec's features, state spaces.
``benchmarks/released_models.py --modes`` runs every model in full."""
LAYERS = 2
"""Of a chain of equal layers so many stay: the parts are what the modes depend on."""


def layouts() -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[1] / "golden")
        return importlib.import_module("released_files").LAYOUTS


LAYOUTS = layouts()


def shortened(method: nn.Module) -> nn.Module:
    for chain in method.modules():
        if isinstance(chain, nn.ModuleList | nn.Sequential) and len(chain) > 4 and len({type(m) for m in chain}) == 1:
            del chain[LAYERS:]
    return method


@pytest.mark.parametrize("case", [*QUICK, *(pytest.param(case, marks=pytest.mark.slow) for case in SLOW)])
def test_layers_and_tokens_are_read_and_weights_adapted(case, fm_recipe):
    cls = registry.load(registry.METHODS, case.partition(",")[0])
    config = cls.Config(**LAYOUTS[case].settings)
    torch.manual_seed(0)
    method = shortened(cls(config)).eval()
    recordings = fm_recipe.ecg("preproc_input", 2, 12, 5000, 500)
    source = BatchSource(SignalView(ArrayStore(list(recordings), 500), cls.input_for(config)))
    (batch,) = source.in_order(np.arange(2), 2)
    dims = layout(method, batch)
    layers = layers_of(method, batch)(batch)
    assert layers.shape == (2, sum(dims.values())) and layers.isfinite().all()
    assert len(dims) > LAYERS and list(dims)[-1] == OUTPUT
    first = next(iter(dims.values()))
    assert (layers[0, :first] != layers[1, :first]).any()  # a recording's own positions, not those of its neighbour

    read = tokens_of(method, batch)
    with torch.no_grad():
        tokens, alone = read(batch), read(next(iter(source.in_order(np.arange(1), 1))))
    assert len(tokens) == 2
    torch.testing.assert_close(tokens[:1], alone, rtol=1e-3, atol=1e-4 * tokens.abs().max().item())

    added = add_low_rank(method, batch, 2, 2.0)
    encoded, before = method.encode(batch).float(), layers[:, -dims[OUTPUT] :]
    torch.testing.assert_close(
        encoded, before, rtol=1e-4, atol=1e-5 * before.abs().max().item()
    )  # additions begin with zero
    encoded.square().sum().backward()
    assert all(parameter.grad is not None for parameter in added)
    assert not [
        name for name, p in method.named_parameters() if p.requires_grad and not name.endswith((".down", ".up"))
    ]
