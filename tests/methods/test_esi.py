"""ESI against its released code on closed-form weights (tests/golden/README.md), and what is our own about it."""

from dataclasses import replace

import pytest
import torch

from bench.batch import ECGBatch
from bench.errors import DataError
from bench.runner.overrides import method_config
from bench.seeding import seeded
from bench.signals.leads import LEADS, MIMIC_ORDER
from bench.signals.windows import normalise
from bench.storage.artifacts import file_digest
from bench.training.checkpoint_files import load_weights, read_provenance
from bench.training.import_checkpoint import import_checkpoint
from methods import esi
from methods.esi import ESI, ESITiny
from methods.nets.backbones import backbone
from methods.nets.captioner import Captioner
from methods.nets.checkpoint_names import ESI as NAMES
from methods.nets.convnext import ConvNeXt
from methods.text import models
from methods.text.encoder import TextEncoder, Tokens
from methods.text.torchvision_operators import declare_missing_operators

TEXTS = ["sinus rhythm.", "atrial fibrillation. left bundle branch block.", "normal ECG.", "pacemaker."]


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory):
    """The reference's text encoder, untrained, in the Hugging Face layout: 2 layers, 50 word pieces."""
    declare_missing_operators()
    import transformers

    folder = tmp_path_factory.mktemp("bert") / "small"
    config = transformers.BertConfig(
        vocab_size=50, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128,
        max_position_embeddings=32,
    )  # fmt: skip
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (folder / file).write_bytes((models.find_model("minilm").folder / file).read_bytes())
    return folder


@pytest.fixture(scope="module")
def weights(golden, recipe):
    shapes = golden("esi_small_shapes.json")
    filled = {}
    for name, shape in shapes.items():  # the text encoder is listed under two names, and was filled under the second
        drawn = name.replace("pretrained_text_encoder.", "unimodal_layers.")
        filled[name] = torch.from_numpy(recipe.fill(drawn, tuple(shape), recipe.kind_of(drawn, tuple(shape))))
    return filled


@pytest.fixture
def released(golden, bert_folder, weights, monkeypatch, load_published):
    """``released(captioning, ...)``: ESI at the reference's size with its weights, and its batch of four."""
    ids = torch.tensor(golden("esi_meta.json")["esi_small"]["ids"])
    monkeypatch.setattr(esi, "backbone", lambda *_, **__: ConvNeXt((1, 2, 1, 1), (16, 32, 48, 64)))
    monkeypatch.setattr(TextEncoder, "tokenise", lambda self, texts: Tokens(ids, (ids != 0).long()))
    ecg = golden("inputs_ecg8.npz")["ecg8"][:4]
    ecg = torch.from_numpy(normalise(ecg.numpy(), ESI.input.normalise))
    batch = ECGBatch(ecg, torch.ones(4, 12, dtype=torch.bool), torch.arange(4), TEXTS)

    def make(captioning: str) -> tuple[ESI, ECGBatch]:
        text = {"model": str(bert_folder), "pooling": "cls", "max_tokens": 32, "trainable_layers": "all"}
        method = ESI(
            ESI.Config(
                text=text, contrastive="mean", captioning=captioning, caption_layers=2, caption_heads=4,
                caption_head_dim=16,
            )
        ).eval()  # fmt: skip
        weights["temperature"] = method.log_scale.detach()
        # The reference's numbers were made with drawn offsets and rates; a test below holds ours to the release's.
        load_published(method, weights, NAMES, invented=("offset", "rates"))
        return method, batch

    return make


def test_losses_and_gradients_are_those_of_the_release(golden, released, weights, translate):
    meta, stored = golden("esi_meta.json")["esi_small"], golden("esi_small.npz")
    method, batch = released("as_released")
    torch.testing.assert_close(method.ecg_vector(batch.ecg).detach(), stored["image_embeds"], atol=1e-4, rtol=1e-4)
    encoder = method.text.encoder
    read = Tokens(encoder.tokenise(TEXTS).ids[:, :-1], encoder.tokenise(TEXTS).mask[:, :-1])
    torch.testing.assert_close(encoder(read).detach(), stored["text_cls"], atol=1e-4, rtol=1e-4)

    losses = method.losses(batch.ecg, batch)
    assert losses["captioning"].item() == pytest.approx(meta["caption"], rel=1e-4)
    assert losses["contrastive"].item() == pytest.approx(meta["contrastive"], rel=1e-4)
    total = losses["captioning"] + losses["contrastive"]
    assert total.item() == pytest.approx(meta["loss"], rel=1e-4)
    total.backward()

    order = list(weights)
    ours = {int(i): name for name, i in translate({n: torch.tensor(i) for i, n in enumerate(order)}, NAMES).items()}
    parameters = dict(method.named_parameters())
    # the queries' gradient is 0 in exact arithmetic: what cancels there is as large as the gradients next to it
    rounding = 1e-6 * max(meta["grad_norm_sel"].values())
    for theirs, expected in meta["grad_norm_sel"].items():
        gradient = parameters[ours[order.index(theirs)]].grad
        assert gradient.norm().item() == pytest.approx(expected, rel=1e-3, abs=rounding), theirs
    # what the release carries without using is what the names leave out; everything else learns
    without = {name.rpartition(".")[0] for name in meta["params_without_grad"]}
    left_out = {name.rpartition(".")[0] for i, name in enumerate(order) if i not in ours}
    assert without <= left_out
    assert all(p.grad is not None for p in method.parameters())


def test_a_released_checkpoint_is_imported_with_every_name_accounted_for(released, bert_folder, weights, tmp_path):
    method, batch = released("causal")
    whole, encoder = tmp_path / "esi.pt", tmp_path / "encoder.pt"
    torch.save({f"module.{name}": tensor for name, tensor in weights.items()}, whole)
    inside = "img_encoder."
    torch.save({n.removeprefix(inside): t for n, t in weights.items() if n.startswith(inside)}, encoder)

    folder, report = import_checkpoint(ESI, method.config, whole, tmp_path / "checkpoints")
    assert set(report.matched) | set(report.unused) == {f"module.{name}" for name in weights}
    assert not (report.missing or report.initial or report.mismatched)
    assert {name.split(".")[1] for name in report.unused} >= {"text_cls_norm", "unimodal_layers"}
    loaded = ESI(method.config).eval()
    load_weights(loaded, folder)
    with torch.no_grad():
        ours = batch.ecg[:, [MIMIC_ORDER.index(lead) for lead in LEADS]]  # the release read leads in MIMIC's order
        torch.testing.assert_close(loaded.ecg_vector(ours), method.ecg_vector(batch.ecg))
    assert read_provenance(folder)["imported"]["sha256"] == file_digest(whole)

    with pytest.raises(DataError, match="It fits as --part encoder"):
        import_checkpoint(ESI, method.config, encoder, tmp_path / "checkpoints")
    folder, report = import_checkpoint(ESI, method.config, encoder, tmp_path / "checkpoints", "encoder")
    assert all(ours.startswith("encoder.") for ours in report.matched.values())
    assert report.initial
    torch.save(weights | {"brand.new": torch.zeros(1)}, whole)
    with pytest.raises(DataError, match=r"1 unknown \(brand\.new\).*Nothing was imported"):
        import_checkpoint(ESI, method.config, whole, tmp_path / "checkpoints")


def change_of_logits(released, captioning: str, golden) -> torch.Tensor:
    """How much each position's logits move when the last token read of the first text becomes another."""
    method, batch = released(captioning)
    ids = method.text.encoder.tokenise(TEXTS).ids
    logits: list[torch.Tensor] = []
    method.captioner.register_forward_hook(lambda _, __, out: logits.append(out.detach()))
    for last in (ids[0, -2].item(), 20):
        changed = ids.clone()
        changed[0, -2] = last
        tokens = Tokens(changed, (changed != 0).long())
        method.text.encoder.tokenise = lambda _, tokens=tokens: tokens
        method.losses(batch.ecg, batch)
    return (logits[0][0] - logits[1][0]).abs().amax(dim=-1)


def test_the_released_decoder_sees_the_future_and_ours_does_not(released, golden):
    leaky = change_of_logits(released, "as_released", golden)
    assert (leaky > 0.1).all()
    causal = change_of_logits(released, "causal", golden)
    assert (causal[:-1] == 0).all()
    assert causal[-1] > 0.1


def test_fixed_parts_of_the_decoder_are_those_of_coca():
    """The stored outputs were made with closed-form values of these buffers, so they do not show ours."""
    decoder = Captioner(8, 5, layers=1, heads=2, head_dim=8)
    buffers = dict(decoder.named_buffers())
    rates = buffers.pop("layers.0.causal.rates")
    torch.testing.assert_close(rates, torch.tensor([1.0, 0.1, 0.01, 0.001]))  # 10,000 ** (-2 i / 8)
    assert {name.rpartition(".")[2] for name in buffers} == {"offset"}
    assert not any(offset.any() for offset in buffers.values())


def test_published_sizes(golden):
    meta = golden("esi_meta.json")
    with torch.device("meta"):
        decoder = Captioner(768, 28_895)
        pairs = {ESI: ("convnextv2_base", 1024), ESITiny: ("convnextv2_tiny", 768)}
        for method, (theirs, width) in pairs.items():
            encoder = backbone(method.Config().encoder)
            assert encoder.dim == width
            count = sum(p.numel() for p in encoder.parameters())
            assert count == meta["param_counts"][theirs]["without_unused_head"]
    assert sum(p.numel() for p in decoder.layers.parameters()) == meta["full_size"]["decoder_multimodal_layers"]
    head = [*decoder.norm.parameters(), *decoder.vocabulary.parameters()]
    assert sum(p.numel() for p in head) == meta["full_size"]["to_logits"]


def made(small_corpus, **settings):
    config = method_config(ESI, "smoke")
    data = config.model_dump() | settings
    with seeded(0):
        method = ESI(config.model_validate(data))
    corpus, batch = small_corpus(method.input)
    method.prepare_corpus(corpus)
    return method, batch


def test_texts_are_those_that_cqa_writes(small_corpus):
    method, batch = made(small_corpus)
    assert method._texts[2].startswith("ECG Findings: sinus bradycardia, left bundle branch block.")
    assert "no Q wave" in method._texts[2] or "without Q" in method._texts[2]
    seen = replace(batch, text=method._texts)
    method.eval()
    expected = method.text.encoder.encode(method._texts)
    torch.testing.assert_close(method.text.reports(seen), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "terms"),
    [
        ({}, {"captioning", "contrastive"}),
        ({"captioning": "none"}, {"contrastive"}),
        ({"contrastive": "none"}, {"captioning"}),
    ],
)
def test_either_term_can_be_left_out(small_corpus, settings, terms):
    method, batch = made(small_corpus, **settings)
    assert set(method.pretraining_loss(batch)) == terms


def test_the_small_vocabulary_has_every_word_of_our_own_texts(small_corpus):
    method, _ = made(small_corpus)
    tokens = method.text.encoder.tokenise(method._texts)
    columns = method.vocabulary.columns(tokens.ids)
    assert len(method.vocabulary) < 3000
    unknown = method.vocabulary.columns(torch.tensor([[method.text.encoder.tokenizer.unk_token_id]]))
    assert (columns != unknown).all()
    assert len(columns.unique()) == len(tokens.ids.unique())


def test_noise_and_gain_are_small_and_in_training_only(small_corpus):
    method, batch = made(small_corpus)
    torch.manual_seed(0)
    moved = method.train().augment(batch.ecg)
    assert 0 < (moved - batch.ecg).std() < 0.01
    assert torch.equal(method.eval().augment(batch.ecg), batch.ecg)


def test_a_prompt_may_describe_the_waveform(small_corpus):
    plain, batch = made(small_corpus, prompt_waveforms=False)
    described, _ = made(small_corpus)
    described.load_state_dict(plain.state_dict())
    names = ["atrial fibrillation", "something unheard of"]
    with torch.no_grad():
        first, second = (m.eval().zero_shot(batch, names) for m in (plain, described))
    assert not torch.allclose(first[:, 0], second[:, 0])
    torch.testing.assert_close(first[:, 1], second[:, 1])


def test_decay_after_each_third():
    from bench.training.schedule import warmup_thirds

    factors = [warmup_thirds(step, 300, 50) for step in (0, 24, 50, 99, 100, 199, 200, 299)]
    assert factors == pytest.approx([0.02, 0.5, 1, 1, 0.1, 0.1, 0.01, 0.01])
