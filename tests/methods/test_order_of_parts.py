"""Order of parts: the module before each head, the last one of the representation, and what is frozen, in each method.

The answers are those of papers and releases (``methods/published``). Activations and dropout are not listed.
"""

import re

import pytest
import torch
from torch import nn

from bench import registry
from bench.checks.synthetic_corpus import synthetic_corpus
from bench.runner.overrides import method_config
from bench.seeding import seeded

RESNET, VIT, MMCL_VIT = "encoder.stages BatchNorm1d", "encoder.norm LayerNorm", "net.encoder.norm LayerNorm"
FIXED_POSITIONS = {"net.encoder.positions", "net.positions"}
DECODER = {"net.embed Linear": MMCL_VIT, "net.predict Linear": "net.norm LayerNorm"}
BEATS = {"project_ecg Linear": "decoder.smooth Conv1d"}

ANSWERS: dict[str, tuple[str, dict[str, str], set[str]]] = {
    # method: (last module of encode, head -> the module called before it, frozen parameters)
    "astcl": (RESNET, {}, set()),
    "barlow-twins": (RESNET, {"projector Linear": RESNET, "loss.standardise BatchNorm1d": "projector Linear"}, set()),
    "byol": (RESNET, {"projector Linear": RESNET}, {"target"}),
    "clocs": (RESNET, {}, set()),
    "cnn-vae": ("encoder.log_variance Linear", {}, set()),
    "cpc": ("summary LSTM", {"predict Linear": "summary LSTM"}, set()),
    "crt": ("net.encoder.blocks.mlp Linear", {"net.rebuild Linear": "net.blocks.mlp Linear"}, set()),
    "esi": (VIT, {"ecg_token Linear": VIT, "captioner.vocabulary Linear": "captioner.norm GainNorm"}, set()),
    "esi-tiny": (VIT, {"ecg_token Linear": VIT, "captioner.vocabulary Linear": "captioner.norm GainNorm"}, set()),
    "etp": (RESNET, {"project_ecg Linear": RESNET}, {"log_scale"}),
    "kmerl": (VIT, {"project_ecg Linear": VIT, "query_network.classify Linear": "query_network.norm LayerNorm"}, set()),
    "leaves": (RESNET, {"projector Linear": RESNET}, set()),
    "llm-dan": ("encoder.max_pool Conv1d", BEATS, set()),
    "mae": (MMCL_VIT, DECODER, FIXED_POSITIONS),
    "merl": (f"net.{RESNET}", {"net.heads.reduce Conv1d": f"net.{RESNET}"}, set()),
    "mets": (RESNET, {"project Linear": RESNET}, set()),
    "mmcl": (MMCL_VIT, DECODER | {"project_ecg Linear": MMCL_VIT}, FIXED_POSITIONS),
    "mmcl-barlow-twins": (VIT, {"projector Linear": VIT}, {"encoder.positions"}),
    "mmcl-byol": (VIT, {"projector Linear": VIT}, {"encoder.positions", "target"}),
    "mmcl-clocs": (VIT, {"projector Linear": VIT}, {"encoder.positions"}),
    "mmcl-simclr": (VIT, {"projector Linear": VIT}, {"encoder.positions"}),
    "moco-v3": (RESNET, {"projector Linear": RESNET}, {"keys"}),
    "simclr": (RESNET, {"projector Linear": RESNET}, set()),
    "simsiam": (RESNET, {"projector Linear": RESNET}, set()),
    "st-mem": (MMCL_VIT, DECODER, FIXED_POSITIONS),
    "ts-tcc": ("encoder.blocks MaxPool1d", {}, set()),
    "xresnet1d101-beats": ("encoder.blocks Sequential", BEATS, set()),
    "cross-modal-ae": ("ecg_encoder Linear", {}, set()),
}
PASSED = (nn.Dropout, nn.Identity, nn.ReLU, nn.GELU, nn.ELU, nn.Flatten)


def called(method, call) -> list[str]:
    """Paths and types of the modules that ``call`` runs, without numbers; those of the text encoder are left out."""
    order: list[str] = []
    leaves = [(n, m) for n, m in method.named_modules() if n and not list(m.children()) and not n.startswith("text.")]
    hooks = []
    for name, module in leaves:
        if isinstance(module, PASSED) or type(module).__name__ in ("DropPath", "BatchwiseDropout"):
            continue
        path = re.sub(r"\.\d+(?=\.|$)", "", name)
        path = re.sub(r"(\.(?:blocks|stages))\.(?!attn|mlp).*", r"\1", path)
        path = re.sub(r"(\.(?:attn|mlp))\..*", r"\1", path)
        label = f"{path} {type(module).__name__}"
        hooks.append(module.register_forward_hook(lambda *_, label=label: order.append(label)))
    call()
    for hook in hooks:
        hook.remove()
    return order


@pytest.mark.slow
@pytest.mark.parametrize("name", ANSWERS)
def test_norms_heads_pooling_and_frozen_parts(name):
    last, before, frozen = ANSWERS[name]
    cls = registry.load(registry.METHODS, name)
    config = method_config(cls, "smoke")
    corpus, batch = synthetic_corpus(cls.input_for(config), records=4)
    with seeded(0):
        method = cls(config)
        method.prepare_corpus(corpus)
        with torch.no_grad():
            assert called(method.eval(), lambda: method.encode(batch))[-1] == last
        method.train()
        order = []
        for stage in cls.stages(config):
            method.begin_stage(stage)
            order += called(method, lambda: method.pretraining_loss(batch))
    for head, module in before.items():
        assert order[order.index(head) - 1] == module, head
    fixed = {path for path, parameter in method.named_parameters() if not parameter.requires_grad}
    assert fixed == {p for p in fixed if any(p == f or p.startswith(f"{f}.") for f in frozen)}
    assert all(any(p == f or p.startswith(f"{f}.") for p in fixed) for f in frozen)


def test_every_method_that_pretrains_has_an_answer():
    entries = registry.entries(registry.METHODS)
    pretraining = {n for n, entry in entries.items() if entry.defines & {"pretraining_loss", "loss_of_embeddings"}}
    assert pretraining <= set(ANSWERS)
