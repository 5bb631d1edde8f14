"""Sources of a mode's settings: defaults, a named protocol, the method's paper, the smoke profile, the user."""

import re
from typing import ClassVar

import pytest

from bench import registry
from bench.errors import ConfigError
from bench.method import Method
from bench.runner.overrides import method_config, mode_config, parse_overrides, profile_note


class Slow(Method):
    """Its paper trains it slowly. Source: this test."""

    name = "slow"
    protocols = {"scratch": {"protocol": "strodthoff", "lr": 1e-3}}  # noqa: RUF012


def config(profile="paper", *overrides, method=None, mode="scratch"):
    return mode_config(mode, profile, parse_overrides(overrides, ["slow"]), method)


def test_a_named_protocol_brings_its_settings_and_single_ones_go_on_top():
    assert config().select == "best"
    named = config("paper", "scratch.protocol=strodthoff", "scratch.windows=mean")
    assert (named.lr, named.batch_size, named.crop_seconds, named.select) == (1e-2, 128, 2.5, "last")
    assert named.windows == "mean"


def test_the_methods_paper_counts_in_the_mode_it_speaks_of():
    assert config(method=Slow).lr == 1e-3
    assert config(method=Slow).schedule == "one-cycle"
    assert config(method=Slow, mode="finetune") == config(mode="finetune")
    assert config("paper", "scratch.protocol=selected", method=Slow).select == "best"


def test_smoke_is_quick_and_the_user_has_the_last_word():
    assert config("smoke", method=Slow).epochs < 50
    assert config("smoke", "scratch.epochs=3", method=Slow).epochs == 3


def test_an_unknown_protocol_is_refused():
    with pytest.raises(ConfigError, match="protocol = 'strodhoff'"):
        config("paper", "scratch.protocol=strodhoff")


@pytest.mark.parametrize("name", list(registry.entries(registry.METHODS)))
def test_what_methods_state_is_valid(name):
    method = registry.load(registry.METHODS, name)
    assert set(method.protocols) <= set(registry.entries(registry.MODES))
    for mode in method.modes():
        assert mode_config(mode, "paper", (), method)


def test_errors_shorten_a_value_of_thousands_of_digits():
    with pytest.raises(ConfigError, match=r"--set kmerl\.depth=1{65}\.\.\.: ") as refused:
        parse_overrides([f"kmerl.depth={'1' * 5000}"], ["kmerl"])
    assert len(str(refused.value)) < 1000


class Scaled(Slow):
    """Has settings for each profile. Source: this test."""

    name = "scaled"
    smoke: ClassVar = {"pretrain.epochs": 2}
    small: ClassVar = {"pretrain.epochs": 7, "pretrain.batch_size": 32}

    def pretraining_loss(self, batch):
        raise AssertionError


class OnlySmoke(Scaled):
    """Has none for the profile small. Source: this test."""

    name = "only-smoke"
    small: ClassVar = {}


class Strodthoff(Slow):
    """Its paper trains by the protocol of the PTB-XL benchmark. Source: this test."""

    name = "strodthoff"
    protocols: ClassVar = {"scratch": {"protocol": "strodthoff"}}


def test_small_has_its_own_settings_or_those_of_smoke_and_the_modes_published_ones():
    epochs = {p: method_config(Scaled, p).pretrain.epochs for p in ("paper", "small", "smoke")}
    assert epochs == {"paper": 50, "small": 7, "smoke": 2}
    assert method_config(OnlySmoke, "small") == method_config(OnlySmoke, "smoke")
    assert config("small", mode="linear") == config("paper", mode="linear")


def test_small_chooses_the_rate_of_supervised_rows_by_validation_unless_a_protocol_is_named():
    paper, small = (config(profile, method=Strodthoff) for profile in ("paper", "small"))
    assert (paper.protocol, paper.lr, paper.crop_seconds) == ("strodthoff", 1e-2, 2.5)
    assert (small.protocol, small.lr, small.crop_seconds) == ("selected", (5e-4, 2e-3), None)
    assert config("small", "scratch.protocol=strodthoff", method=Strodthoff) == paper
    assert config("small", "scratch.lr=[0.0001, 0.001]", method=Strodthoff).lr == (1e-4, 1e-3)


@pytest.mark.parametrize(
    ("method", "profile", "records", "words"),
    [
        (Scaled, "paper", 1282, "1,282 recordings.*--profile small"),
        (Scaled, "paper", 400, "--profile smoke"),
        (Scaled, "paper", 100_000, ""),
        (OnlySmoke, "small", 1282, "only-smoke has no settings for profile small; those of smoke are used"),
        (Scaled, "small", 1282, ""),
    ],
)
def test_the_profile_that_suits_a_corpus_is_proposed(method, profile, records, words):
    note = profile_note(method, method_config(method, profile), profile, records)
    assert bool(note) == bool(words)
    assert re.search(words, note)
