"""LLM-DAN and its rivals: what they align with, what fine-tuning adds, and what the published settings are."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from bench import registry
from bench.errors import ConfigError, DataError
from bench.method import Corpus
from bench.runner.overrides import method_config, parse_overrides
from bench.seeding import seeded
from bench.signals.leads import LEADS
from bench.training.contrast import contrasts
from bench.training.objective import cox_loss
from methods.llm_dan import LLMDAN
from methods.report_informed import KEPT, cosine_distance, kept_leads
from methods.report_informed_baselines import CNNVAE

STRUCTURED = (
    "15\tMyocardial Infarction: inferior\n100\tother: long QT-interval",
    "0\tnormal\n0\tsinus rhythm",
    "80\tnormal",
)


def config(method=LLMDAN, **fields):
    overrides = parse_overrides([f"{k}={v}" for k, v in fields.items()], [method.name])
    return method_config(method, "smoke", overrides)


@pytest.fixture
def structured(small_corpus):
    corpus, batch = small_corpus(LLMDAN.input)
    text = [STRUCTURED[i % 3] for i in range(len(batch))]
    return replace(corpus, text=text), replace(batch, text=text)


def test_statements_are_weighted_by_confidence(structured):
    corpus, _ = structured
    with seeded(0):
        method = LLMDAN(config())
    method.prepare_corpus(corpus)
    encode = method.text.encoder.encode
    first = encode(["Myocardial Infarction: inferior", "other: long QT-interval"])
    equal = encode(["normal", "sinus rhythm"])
    torch.testing.assert_close(method._aligned_with[0], (15 * first[0] + 100 * first[1]) / 115)
    torch.testing.assert_close(method._aligned_with[1], equal.mean(0))  # no confidence is stated
    torch.testing.assert_close(method._aligned_with[2], equal[0])


@pytest.mark.parametrize(
    ("alignment", "terms", "source"),
    [
        ("structured", {"reconstruction", "alignment"}, "structured"),
        ("raw", {"reconstruction", "alignment"}, "report-english"),
        ("classes", {"reconstruction", "classes"}, None),
        ("none", {"reconstruction"}, None),
    ],
)
def test_the_pretraining_tasks_of_table_ii(structured, alignment, terms, source):
    corpus, batch = structured
    corpus = replace(corpus, records=corpus.records.assign(superclass=[["NORM"], ["MI", "CD"]] * (len(batch) // 2)))
    settings = config(alignment=alignment)
    assert settings.pretrain.text_source == source
    assert LLMDAN.input_for(settings).modalities == (("text",) if source else ())
    with seeded(0):
        method = LLMDAN(settings)
        method.prepare_corpus(corpus)
        found = method.pretraining_loss(batch)
    assert set(found) == terms
    torch.stack(list(found.values())).sum().backward()
    assert all(p.grad is not None for p in method.encoder.parameters())


def test_the_alignment_says_whether_ecgs_find_their_text(structured):
    """Its loss is zero where all vectors are one; the share of right partners is then chance."""
    corpus, batch = structured
    with seeded(0):
        method = LLMDAN(config())
    method.prepare_corpus(corpus)
    method.eval()
    with contrasts() as counts:
        method.pretraining_loss(batch)
    assert counts.rows == len(batch)
    for projector in (method.project_ecg, method.project_text):
        torch.nn.init.zeros_(projector[-1].weight)
        torch.nn.init.zeros_(projector[-1].bias)
        projector[-1].bias.data[0] = 1  # one direction, in which no sum is rounded
    with contrasts() as counts:
        loss = method.pretraining_loss(batch)
    assert loss["alignment"].item() == 0
    measured = counts.measured()
    assert measured["contrast_accuracy"] == pytest.approx(measured["contrast_chance"])


def test_what_a_corpus_lacks_is_said(small_corpus):
    corpus, _ = small_corpus(LLMDAN.input)
    with pytest.raises(DataError, match="a confidence, a tab and a statement"):
        LLMDAN(config()).prepare_corpus(replace(corpus, text=["very\tsure"] * 8))
    with pytest.raises(ConfigError, match="made-up has none"):
        LLMDAN(config(alignment="classes")).prepare_corpus(corpus)


def test_fine_tuning_weighs_reconstruction_and_risk(structured):
    _, batch = structured
    with seeded(0):
        method = LLMDAN(config(alpha=0.25, alignment="none")).eval()
    encoded = method.encode(batch)
    risk = torch.tensor(3.0)
    beat = method.beat(batch)
    expected = 0.25 * ((method.decoder(encoded) - beat) ** 2).mean() + 0.75 * risk
    torch.testing.assert_close(method.finetune_loss(batch, batch, encoded, risk), expected)


def test_fine_tuning_masks_the_same_leads_of_the_whole_batch(structured):
    _, batch = structured
    method = LLMDAN(config(alignment="none", masked_share=1))
    with seeded(1):
        shown = [(method.augment_finetuning(batch).ecg != 0).any(-1) for _ in range(40)]
    assert all((one == one[0]).all() for one in shown)
    assert len({tuple(one[0].tolist()) for one in shown}) > 3


def test_lead_masking_keeps_the_released_sets():
    with seeded(0):
        kept = kept_leads(4000)
    allowed = {tuple(lead in leads for lead in LEADS) for _, leads in KEPT}
    assert {tuple(row) for row in kept.tolist()} <= allowed
    lost = 1 - kept.double().mean(0)
    assert lost[[0, 1]].tolist() == [0, 0]
    np.testing.assert_allclose(lost[LEADS.index("V2")], 0.2, atol=0.03)
    np.testing.assert_allclose(kept.all(1).double().mean(), 0.5, atol=0.03)


def test_cosine_distance_is_torchs_for_matching_pairs():
    first, second = torch.randn(2, 6, 16, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.cosine_embedding_loss(first, second, torch.ones(6))
    torch.testing.assert_close(cosine_distance(first, second), expected)


def test_the_risk_that_fine_tuning_minimises_is_that_of_the_release(golden):
    stored = golden("cox_cindex.npz")
    risk, time, event = (stored[key].squeeze(1) for key in ("theta", "time", "event"))
    loss = cox_loss(risk.requires_grad_(), time, event)
    loss.backward()
    assert loss.item() == pytest.approx(stored["cox_loss"], rel=1e-6)
    gradient = stored["grad"].squeeze(1)  # sums to 0
    torch.testing.assert_close(risk.grad, gradient, atol=1e-5 * gradient.abs().max().item(), rtol=1e-5)


def test_the_rows_of_table_3_have_the_published_parameters():
    from bench.leaderboard.board import load_board

    for row in load_board("llm_dan_table3").rows:
        cls = registry.load(registry.METHODS, row.method)
        with torch.device("meta"):
            made = cls(method_config(cls, "paper", parse_overrides(["alignment=none", *overrides(row)], [row.method])))
        assert sum(p.numel() for p in made.parameters()) == pytest.approx(row.published[0].value * 1e6, abs=0.05e6), (
            row.name
        )


def overrides(row):
    return [f"{row.method}.{field}={str(value).lower()}" for field, value in row.config.items()]


def test_the_vae_has_the_published_size_and_samples_in_training_only(small_corpus):
    whole = CNNVAE(CNNVAE.Config(alignment="none"))  # no projectors
    assert sum(p.numel() for p in whole.parameters()) == 6_962_141
    _, batch = small_corpus(CNNVAE.input)
    with seeded(0):
        method = CNNVAE(config(CNNVAE, alignment="none"))
        beat = method.beat(batch)
        assert not torch.equal(method.code(beat)[0], method.code(beat)[0])
        method.eval()
        assert torch.equal(method.code(beat)[0], method.encode(batch))


@pytest.mark.parametrize("name", ["llm-dan", "cnn-vae", "xresnet1d101-beats"])
def test_published_settings(name):
    method = registry.load(registry.METHODS, name)
    assert method.corpus == "ptbxl"
    assert method.Config().pretrain.epochs == 300
    assert method.protocols["finetune"]["batches"] == "stratified"
    assert (method.protocols["finetune"]["epochs"], method.protocols["scratch"]["epochs"]) == (100, 400)


def test_a_corpus_without_text_serves_the_tasks_that_need_none():
    about = pd.DataFrame({"patient_id": ["a", "b"]})
    LLMDAN(config(alignment="none")).prepare_corpus(Corpus("bare", about, np.ones(2, bool), np.zeros(2, bool)))
