"""The appendix's activation: where features raise the score, weighted by the attention they receive."""

import pytest
import torch

from bench.runner.overrides import method_config, parse_overrides
from bench.seeding import seeded
from methods.llm_dan import LLMDAN


@pytest.fixture
def method():
    with seeded(0):
        return LLMDAN(method_config(LLMDAN, "smoke", parse_overrides(["alignment=none"], ["llm-dan"]))).eval()


def test_attention_and_activation_have_the_shape_of_the_input(method, small_corpus):
    batch = small_corpus(LLMDAN.input)[1]
    found = method.attributions(batch, lambda z: z.sum(1))
    assert found.activation.shape == batch.ecg.shape
    assert found.activation.min() >= 0
    assert found.activation.max() > 0
    torch.testing.assert_close(found.lead_attention.sum(-1), torch.ones(len(batch), 12))


def test_it_does_not_depend_on_the_other_records(method, small_corpus):
    from dataclasses import replace

    batch = small_corpus(LLMDAN.input)[1]
    one = replace(batch, ecg=batch.ecg[:1], leads=batch.leads[:1], index=batch.index[:1], text=None)
    whole = method.attributions(batch, lambda z: z[:, 0]).activation[:1]
    torch.testing.assert_close(method.attributions(one, lambda z: z[:, 0]).activation, whole, atol=1e-5, rtol=1e-4)


def test_a_score_that_reads_nothing_activates_nothing(method, small_corpus):
    batch = small_corpus(LLMDAN.input)[1]
    assert method.attributions(batch, lambda z: (0 * z).sum(1)).activation.max() == 0
