"""ECG-FM, MELP, D-BETA and HuBERT-ECG against numbers of their released code."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from bench.method.published_names import Rules, own_name
from methods.nets.d_beta import D_BETA, DBETANet
from methods.nets.ecg_fm import ECG_FM_FINETUNED, ECG_FM_PRETRAINED, ECGFMNet, nonzero_mean
from methods.nets.hubert_ecg import HUBERT_ECG, HuBERTECGNet
from methods.nets.melp import MELP, MELP_ENCODER, MELPNet, QueryPool

STAGES: Rules = (
    (r"(?:feature_extractor\.)?conv_layers\.", "trunk.feature_extractor.conv_layers."),
    (r"feature_projection$", "trunk.post_extract_proj"),
    (r"encoder\.pos_conv_embed$", "trunk.conv_pos"),
    (r"(layer_norm|post_extract_proj|conv_pos)$", r"trunk.\1"),
    (r"encoder\.", "trunk.encoder."),
    (r"(attn_pool_contrast|ln_contrast|multi_modal_ecg_proj)$", r"\1"),
)
"""From the stages of the stored numbers to our modules."""
Outputs = Callable[[Tensor, Tensor], dict[str, Tensor]]
"""Stored arrays by name, of the net's output and the tokens after the last block."""


@dataclass(frozen=True)
class Model:
    """How one released model is built, fed and compared.

    Attributes:
        build: the net, given a number of blocks or not.
        signal: rate, leads and samples.
        scale: what makes the input of it.
        outputs: what is compared.
        parameters: of the net.
    """

    build: Callable[..., nn.Module]
    rules: Rules
    signal: tuple[int, int, int]
    scale: Callable[[Tensor], Tensor]
    outputs: Outputs
    parameters: int


def minmax(ecg: Tensor, dim: tuple[int, ...]) -> Tensor:
    low, high = ecg.amin(dim, keepdim=True), ecg.amax(dim, keepdim=True)
    return (ecg - low) / (high - low + 1e-8)


def first_five_seconds_standardised(ecg: Tensor) -> Tensor:
    wide = ecg.double()
    scaled = (wide - wide.mean(-1, keepdim=True)) / wide.std(-1, correction=0, keepdim=True)
    return scaled[..., :2500].float()


def hubert(size: str, parameters: int) -> Model:
    return Model(
        lambda **depth: HuBERTECGNet(size, **depth),
        HUBERT_ECG,
        (100, 12, 500),
        lambda ecg: (2 * minmax(ecg.double(), (-1,)) - 1).float().flatten(1),
        lambda features, tokens: {"pooled": features, "tokens_slice": tokens[:, ::13, ::29]},
        parameters,
    )


MODELS = {
    "hubert_ecg_small": hubert("small", 30_209_152),
    "hubert_ecg_base": hubert("base", 92_798_080),
    "hubert_ecg_large": hubert("large", 187_643_776),
    "ecg_fm": Model(
        ECGFMNet,
        ECG_FM_PRETRAINED,
        (500, 12, 5000),
        first_five_seconds_standardised,
        lambda features, tokens: {
            "pooled": tokens.mean(1),
            "pooled_nonzero_count": features,
            "tokens_slice": tokens[:, ::13, ::29],
        },
        90_373_248,
    ),
    "melp": Model(
        MELPNet,
        MELP,
        (500, 12, 5000),
        lambda ecg: minmax(ecg.double(), (-2, -1)).float(),
        lambda features, tokens: {
            "probe_features": features,
            "tokens_mean": tokens.mean(1),
            "tokens_slice": tokens[:, ::25, ::29],
        },
        62_553_216,
    ),
    "d_beta": Model(
        DBETANet,
        D_BETA,
        (500, 12, 5000),
        lambda ecg: ecg,
        lambda features, tokens: {
            "features": features,
            "encoder_cls": tokens[:, 0],
            "encoder_mean_without_cls": tokens[:, 1:].mean(1),
            "tokens_slice": tokens[:, ::25, ::29],
        },
        63_203_712,
    ),
}
QUICK = ("hubert_ecg_small",)
ONE_PER_LAYOUT = ("hubert_ecg_small", "ecg_fm", "melp", "d_beta")
SPELLINGS = (("weight_g", "weight_v"), ("parametrizations.weight.original0", "parametrizations.weight.original1"))
BUFFERS = "ecg_encoder.bn."


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """A net without memory behind its tensors."""
    with torch.device("meta"):
        return build().eval()


def empty(shapes: dict[str, list[int]]) -> dict[str, Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def first_block_only(shapes: dict[str, list[int]]) -> dict[str, list[int]]:
    return {name: shape for name, shape in shapes.items() if not re.search(r"\.layers\.[1-9]", name)}


def check(stored, fm_recipe, model: Model, net: nn.Module, outputs: Outputs) -> None:
    """Compare the stages and outputs of a net with closed-form weights."""

    def fill(name: str, shape: tuple[int, ...]):
        for old, new in zip(*SPELLINGS, strict=True):
            name = name.replace(new, old)
        return fm_recipe.fill_fm(name, shape, kind="embed" if name.endswith(".query") else None)

    stored.load(net, stored.tensors(fill), model.rules)
    modules = {stage: own_name(stage, STAGES) for stage in stored.stages}
    stages = {
        stage: (path, lambda tokens: tokens.transpose(0, 1)) if stored.stages[stage]["shape"][1] == 2 else path
        for stage, path in modules.items()
    }
    tokens: list[Tensor] = []
    net.trunk.encoder.layers[-1].register_forward_hook(lambda *given: tokens.append(given[-1]))
    with stored.watched(net, stages), torch.no_grad():
        features = net(model.scale(stored.ecg(*model.signal)))
        assert features.shape == (2, net.dim)
        for name, output in outputs(features, *tokens).items():
            torch.testing.assert_close(
                output, stored.arrays[name], atol=2e-5, rtol=0, msg=lambda m, n=name: f"{n}: {m}"
            )


@pytest.mark.parametrize("key", MODELS)
def test_every_released_tensor_is_used_or_dropped(released, key):
    model, stored = MODELS[key], released(key)
    net = on_meta(model.build)
    report = stored.report(net, empty(stored.shapes), model.rules)
    assert report.fits
    assert set(report.matched.values()) == set(net.state_dict())
    used, unused = (
        sum(torch.Size(stored.shapes[name]).numel() for name in names if not name.startswith(BUFFERS))
        for names in (report.matched, report.unused)
    )
    assert used == sum(p.numel() for p in net.parameters()) == model.parameters
    assert used + unused == stored.parameters


@pytest.mark.parametrize("key", ONE_PER_LAYOUT)
def test_files_that_differ_in_one_tensor_are_refused(released, refuses_damage, key):
    model, stored = MODELS[key], released(key)
    net, tensors = on_meta(lambda: model.build(depth=1)), empty(first_block_only(stored.shapes))
    refuses_damage(net, tensors, model.rules)
    last = next(name for name in tensors if name.endswith(".layers.0.final_layer_norm.bias"))
    deeper = last.replace(".layers.0.", ".layers.1.")
    assert stored.report(net, {**tensors, deeper: tensors[last]}, model.rules).left_over == [deeper]


@pytest.mark.parametrize("key", ONE_PER_LAYOUT)
def test_one_spelling_of_weight_norm_is_required(released, key):
    model, stored = MODELS[key], released(key)
    net, shapes = on_meta(model.build), stored.shapes
    spelled = {name: shape for name, shape in shapes.items() if name.endswith(SPELLINGS[0] + SPELLINGS[1])}
    others = {name: shape for name, shape in shapes.items() if name not in spelled}
    stem = re.split("weight_|parametrizations", next(iter(spelled)))[0]
    old, new = (dict(zip((stem + end for end in ends), spelled.values(), strict=True)) for ends in SPELLINGS)

    def report(names):
        return stored.report(net, empty(names), model.rules)

    assert report({**others, **old}).fits
    assert report({**others, **new}).fits
    assert len(report(others).missing) == 2
    assert report({**others, **old, **new}).left_over == list(new)


@pytest.mark.parametrize("key", MODELS)
def test_stages_up_to_the_first_block_are_those_of_the_release(released, fm_recipe, key):
    """The trunk, in every quick run."""
    model, stored = MODELS[key], released(key)
    stored.shapes = first_block_only(stored.shapes)
    names = list(stored.stages)
    stored.stages = {name: stored.stages[name] for name in names[: names.index("encoder.layers.0") + 1]}
    check(stored, fm_recipe, model, on_meta(lambda: model.build(depth=1)), lambda *_: {})


@pytest.mark.parametrize("key", [pytest.param(key, marks=() if key in QUICK else pytest.mark.slow) for key in MODELS])
def test_outputs_are_those_of_the_release(released, fm_recipe, key):
    model, stored = MODELS[key], released(key)
    check(stored, fm_recipe, model, on_meta(model.build), model.outputs)


@pytest.mark.parametrize("key", MODELS)
def test_norms_add_what_the_release_adds_to_the_variance(key):
    """Inside the blocks, where the variance is about 1, another value would change no stored number by 2e-5."""
    norms = [m for m in on_meta(MODELS[key].build).modules() if isinstance(m, (nn.LayerNorm, nn.GroupNorm))]
    assert {norm.eps for norm in norms} == {1e-5}


def test_a_fine_tuned_file_of_ecg_fm_fits(released):
    stored, net = released("ecg_fm"), on_meta(ECGFMNet)
    shapes = {f"encoder.{name}": shape for name, shape in stored.shapes.items() if name != "mask_emb"}
    shapes |= {"proj.weight": [17, 768], "proj.bias": [17]}
    assert stored.report(net, empty(shapes), ECG_FM_FINETUNED).fits
    assert not stored.report(net, empty(shapes), ECG_FM_PRETRAINED).fits
    assert not stored.report(net, empty(stored.shapes), ECG_FM_FINETUNED).fits


def test_heads_of_released_hubert_ecg_files_are_dropped(released):
    stored, model = released("hubert_ecg_small"), MODELS["hubert_ecg_small"]
    heads = {"final_proj.0.weight": [256, 512], "label_embedding.0.weight": [500, 256]}
    report = stored.report(on_meta(model.build), empty(stored.shapes | heads), model.rules)
    assert report.fits and set(heads) < set(report.unused)


def test_a_whole_file_of_d_beta_fits(released):
    stored = released("d_beta")
    others = (
        "ecg_encoder.mask_emb", "language_encoder.shared.weight", "multi_modal_language_proj.weight",
        "modality_type_embeddings.weight", "mlm_head.transform.dense.weight", "mim_head.mask_token", "itm_head.fc.weight",
    )  # fmt: skip
    report = stored.report(on_meta(DBETANet), empty(stored.shapes | {name: [4] for name in others}), D_BETA)
    assert report.fits and report.unused == list(others)


def test_an_encoder_file_of_melp_is_read(released):
    stored = released("melp")
    shapes = {name.removeprefix("ecg_encoder."): shape for name, shape in stored.shapes.items()}
    assert shapes["attn_pool_contrast.query"] == [14, 256]
    assert stored.report(on_meta(MELPNet), empty(shapes), MELP_ENCODER).fits


def test_melp_takes_as_many_queries_as_are_stored():
    stored = QueryPool(6, 8, queries=3, heads=2).state_dict()
    pool = QueryPool(6, 8, queries=5, heads=2)
    pool.load_state_dict(stored)
    torch.testing.assert_close(pool.query, stored["query"])
    assert pool(torch.zeros(1, 4, 6)).shape == (1, 3, 8)
    with pytest.raises(RuntimeError, match="size mismatch for query"):
        pool.load_state_dict(stored | {"query": torch.zeros(3, 4)})


def test_values_of_exactly_zero_are_not_averaged():
    tokens = torch.tensor([[[1.0, 0.0], [3.0, 0.0], [0.0, 0.0]]])
    assert nonzero_mean(tokens).tolist() == [[2.0, 0.0]]
