"""HeartLang's encoder against numbers of its released code, and its words."""

import numpy as np
import pytest
import torch

from bench.errors import ConfigError
from methods.nets.heartlang import HEARTLANG, HeartLangEncoder
from methods.nets.heartlang_words import find_beats, sentence, word_borders

STAGES = {f"transformer.layers.{i}.1": f"blocks.{i}.mlp" for i in (0, 1, 5, 11)} | {
    "token_embed": ("embed", lambda o: o.transpose(1, 2)),
    "norm_layer": "norm",
}


def test_the_released_file_fits_and_nothing_else_does(released, refuses_damage):
    stored = released("heartlang")
    with torch.device("meta"):
        net = HeartLangEncoder()
        tensors = {name: torch.zeros(shape) for name, shape in stored.shapes.items()}
    refuses_damage(net, tensors, HEARTLANG)
    unused = 768 + 8192 * 769  # mask token; prediction of words
    assert stored.parameters == 44_562_176
    assert sum(p.numel() for p in net.parameters()) == stored.parameters - unused


@pytest.mark.slow
def test_features_are_those_of_the_release(released, fm_recipe):
    stored = released("heartlang")

    def fill(name, shape):
        tables = ("spa_embed.embed.weight", "tem_embed.embed.weight")
        return fm_recipe.fill_fm(name, shape, kind="embed") if name in tables else None

    net = HeartLangEncoder()
    stored.load(net, stored.tensors(fill), HEARTLANG)
    arrays = stored.arrays
    given = (arrays["sentence"], arrays["in_chan"].long(), arrays["in_time"].long())
    with stored.watched(net, STAGES), torch.no_grad():
        tokens = net.encode_tokens(*given)
        torch.testing.assert_close(tokens[:, 0], arrays["cls"], atol=2e-5, rtol=0)
        torch.testing.assert_close(tokens[:, ::25, ::29], arrays["tokens_slice"], atol=2e-5, rtol=0)
        torch.testing.assert_close(tokens[:, 1:].mean(1), arrays["tokens_mean"], atol=2e-5, rtol=0)
        torch.testing.assert_close(net(*given), arrays["cls"], atol=2e-5, rtol=0)


def test_words_at_given_beats_are_those_of_the_release(released, fm_recipe):
    """Beats 1.1 s apart give whole words."""
    arrays = released("heartlang").arrays
    ecg = fm_recipe.ecg("heartlang_input", 2, 12, 1000, 100)[1]
    words, leads, seconds = sentence(ecg, [70 + 110 * i for i in range(8)])
    assert np.array_equal(words, arrays["sentence"][1].numpy())
    assert np.array_equal(leads, arrays["in_chan"][1].numpy())
    assert np.array_equal(seconds, arrays["in_time"][1].numpy())


def test_borders_are_midway_between_beats_and_at_most_48_samples_away():
    assert word_borders([30, 100, 180, 400], 430) == [(0, 65, 30), (65, 140, 100), (140, 228, 180), (352, 430, 400)]


def test_a_short_word_keeps_its_beat_in_the_middle():
    ecg = np.arange(1, 201, dtype=np.float32)[None]
    words, _, _ = sentence(ecg, [30, 90, 150])
    assert [word[48] for word in words[:3]] == [31, 91, 151]
    assert not words[1, :18].any() and words[1, 18:78].all() and not words[1, 78:].any()


def test_a_fast_rhythm_loses_its_last_leads():
    words, leads, _ = sentence(np.ones((12, 1000), np.float32), list(range(20, 1000, 40)))  # 25 beats
    assert leads[-1] == 11 and words.any(1).all()


def test_a_recording_without_beats_is_cut_every_96_samples():
    ecg = np.zeros((12, 1000), np.float32)
    ecg[1] = np.arange(1, 1001)
    words, leads, seconds = sentence(ecg)
    assert leads.tolist() == [lead for lead in range(1, 13) for _ in range(11)] + [0] * (256 - 132)
    assert np.array_equal(words[11:22].ravel()[:1000], ecg[1]) and not words[21, 40:].any()
    assert seconds[:11].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10]


@pytest.mark.parametrize("kind", ["flat", "nan", "noise", "short"])
def test_recordings_of_any_kind_make_a_sentence(kind):
    ecg = np.random.default_rng(0).normal(0, 0.01, (12, 30 if kind == "short" else 1000)).astype(np.float32)
    if kind == "flat":
        ecg[0] = 0
    if kind == "nan":
        ecg[0] = np.nan
    words, leads, seconds = sentence(ecg)
    assert words.shape == (256, 96) and leads.max() == 12 and seconds.max() <= 10


def test_beats_are_found_on_lead_i_alone():
    ecg = np.zeros((12, 1000), np.float32)
    for beat in range(50, 1000, 80):
        ecg[0, beat - 2 : beat + 3] = [0.2, 0.6, 1, 0.6, 0.2]
    beats = find_beats(ecg[0])
    assert len(beats) >= 11 and all(abs((beat - 50 + 40) % 80 - 40) <= 8 for beat in beats)
    ecg[1] = ecg[0]
    _, leads, _ = sentence(ecg)
    assert (leads == 2).sum() == len(beats)


def test_a_recording_longer_than_the_time_embeddings_is_refused():
    with pytest.raises(ConfigError, match="crop"):
        sentence(np.zeros((12, 5000), np.float32))
