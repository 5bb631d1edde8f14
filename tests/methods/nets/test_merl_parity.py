"""MERL's whole network against its released code, on closed-form weights (tests/golden/README.md)."""

import functools

import pytest
import torch
import torch.nn.functional as F

from bench.batch import ECGBatch
from bench.signals.leads import LEADS, MIMIC_ORDER
from bench.training.checkpoint_files import load_weights
from bench.training.import_checkpoint import import_checkpoint
from methods.losses.contrastive import merl_losses
from methods.merl import MERL
from methods.nets.backbones import backbone
from methods.nets.checkpoint_names import MERL_RESNET, MERL_RESNET_ENCODER, MERL_VIT
from methods.nets.merl_heads import MERLNet
from methods.nets.resnet import ResNet

VARIANTS = {"resnet18": (lambda: ResNet(18), MERL_RESNET), "vit_tiny": (lambda: backbone("vit-tiny"), MERL_VIT)}


@pytest.fixture(scope="module")
def published(golden, recipe):
    """The recipe's state dict under the released names."""

    @functools.cache
    def build(variant: str) -> dict[str, torch.Tensor]:
        shapes = golden("merl_state_shapes.json")[variant]
        return {
            name: torch.from_numpy(recipe.fill(name, tuple(shape), recipe.kind_of(name, tuple(shape))))
            if shape
            else torch.tensor(0)
            for name, shape in shapes
        }

    return build


@pytest.fixture(scope="module")
def loaded(published, load_published):
    def build(variant: str) -> MERLNet:
        encoder, rules = VARIANTS[variant]
        net = MERLNet(encoder(), dropout=0.0)
        load_published(net, published(variant), rules)
        return net

    return build


@pytest.fixture(scope="module")
def ecg8(golden):
    return golden("inputs_ecg8.npz")["ecg8"]


def close(actual, expected):
    torch.testing.assert_close(actual.detach(), expected, atol=1e-4, rtol=1e-4)


def test_embeddings_in_evaluation(golden, loaded, ecg8):
    stored, net = golden("merl_resnet18_eval.npz"), loaded("resnet18").eval()
    with torch.no_grad():
        features = net.encoder.features(ecg8[:4])
        assert list(features.shape) == stored["encoder_shape"].tolist()
        close(features[:, :, ::39], stored["encoder_slice"])
        close(net.encoder(ecg8[:4]), stored["encoder_mean_time"])
        embeddings = net(ecg8[:4])
        text = net.embed_text(golden("merl_text_pooled.npz")["eval"])
    close(embeddings.ecg, stored["ext_ecg_emb"])
    close(F.normalize(embeddings.ecg), stored["proj_ecg_emb"])
    close(embeddings.branch1, stored["ecg_emb1"])
    close(embeddings.branch2, stored["ecg_emb2"])
    close(F.normalize(text), stored["proj_text_emb"])


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_training_step(golden, loaded, ecg8, variant, translate):
    meta = golden("merl_meta.json")[variant]
    step, net = meta["train_step"], loaded(variant).train()
    text = net.embed_text(golden("merl_text_pooled.npz")["train"])
    embeddings = net(ecg8)
    if variant == "resnet18":
        stored = golden("merl_resnet18_train.npz")
        close(F.normalize(embeddings.ecg), stored["proj_ecg_emb"])
        close(embeddings.branch1, stored["ecg_emb1"])
        close(F.normalize(text), stored["proj_text_emb"])
    terms = merl_losses(embeddings.ecg, text, embeddings.branch1, embeddings.branch2)
    assert terms["cma"].item() == pytest.approx(step["cma"], rel=1e-4)
    assert terms["uma"].item() == pytest.approx(step["uma"], rel=1e-4)
    total = terms["cma"] + terms["uma"]
    assert total.item() == pytest.approx(step["total"], rel=1e-4)
    total.backward()

    # Gradients wear the released names through the same table as the weights.
    _, rules = VARIANTS[variant]
    gradients = {name: p.grad for name, p in net.named_parameters()}
    names = {name: torch.tensor(i) for i, name in enumerate(step["grad_norms"])}
    assert len(names) == len(gradients)
    order = list(step["grad_norms"])
    # some gradients are 0 in exact arithmetic: what cancels there is as large as the largest gradient
    rounding = 8e-5 * max(step["grad_norms"].values())
    for ours, position in translate(names, rules).items():
        theirs = order[int(position)]
        norm, expected = gradients[ours].norm().item(), step["grad_norms"][theirs]
        assert norm == pytest.approx(expected, rel=1e-3, abs=rounding), theirs
        if theirs in step["grad_first4"]:
            first = torch.tensor(step["grad_first4"][theirs])
            torch.testing.assert_close(gradients[ours].flatten()[:4], first, atol=rounding, rtol=1e-3)

    for name, values in meta.get("bn_after_one_step", {}).items():
        (ours,) = translate({name: torch.tensor(0)}, rules)
        close(net.get_buffer(ours)[:4], torch.tensor(values))


@pytest.mark.parametrize(("variant", "heads"), [("resnet18", 934_656), ("vit_tiny", 477_184)])
def test_head_parameter_counts(variant, heads):
    with torch.device("meta"):
        net = MERLNet(VARIANTS[variant][0]())
    own = [*net.heads.parameters(), *net.text_projector.parameters()]
    assert sum(p.numel() for p in own) == heads


def test_dropout_acts_on_the_branches_only():
    torch.manual_seed(0)
    net = MERLNet(ResNet(18, widths=(4, 4, 4, 4)), samples=400, dim=16, text_dim=8, dropout=0.5)
    first, second = net(torch.randn(4, 12, 400)), net.eval()(torch.randn(4, 12, 400))
    assert (first.branch1 == 0).any()
    assert (first.branch1 == 0).ne(first.branch2 == 0).any()
    assert not (first.ecg == 0).any()
    assert not (second.branch1 == 0).any()


def test_encoder_only_checkpoints_load_with_their_unused_linear(published, load_published):
    whole = published("resnet18")
    prefix = "ecg_encoder."
    bare = {n.removeprefix(prefix): t for n, t in whole.items() if n.startswith(prefix)}
    assert "linear.weight" in bare
    encoder = ResNet(18)
    load_published(encoder, {f"module.{n}": t for n, t in bare.items()}, MERL_RESNET_ENCODER)
    assert torch.equal(encoder.stem[0].weight, bare["conv1.weight"])
    assert torch.equal(encoder.stages[3][1].body[3].weight, bare["layer4.1.conv2.weight"])


@pytest.mark.parametrize(("variant", "encoder"), [("resnet18", "resnet18"), ("vit_tiny", "vit-tiny")])
def test_an_imported_encoder_reads_the_leads_that_it_learned(published, loaded, ecg8, tmp_path, variant, encoder):
    prefix = "ecg_encoder."
    bare = {n.removeprefix(prefix): t for n, t in published(variant).items() if n.startswith(prefix)}
    torch.save(bare, tmp_path / "encoder.pth")
    config = MERL.Config(encoder=encoder)
    folder, _ = import_checkpoint(MERL, config, tmp_path / "encoder.pth", tmp_path / "checkpoints", "encoder")
    imported = MERL(config).eval()
    load_weights(imported, folder)
    as_released = ecg8[:2]  # I, II, III, aVR, aVF, aVL, ...
    ours = as_released[:, [MIMIC_ORDER.index(lead) for lead in LEADS]]
    with torch.no_grad():
        expected = loaded(variant).eval().encoder(as_released)
        answer = imported.encode(ECGBatch(ours, torch.ones(2, 12, dtype=torch.bool), torch.arange(2)))
        assert not torch.allclose(imported.net.encoder(as_released), expected, atol=1e-4, rtol=1e-4)
    close(answer, expected)
