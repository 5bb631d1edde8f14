"""Contract of methods, checked on everything registered; no method is named here."""

import copy
from typing import ClassVar

import pytest
import torch

from bench import registry
from bench.checks import check_method
from bench.checks.check import Broken, Check, DoesNotApply
from bench.checks.method_checks import (
    CHECKS,
    MethodSubject,
    a_step_is_finite_and_moves_trainable_weights_only,
    builds_at_published_size,
    encodes_any_batch_size,
    every_trainable_weight_gets_a_gradient,
    the_loss_falls_on_a_batch_seen_again,
)
from bench.checks.method_subject import encode, take_rows
from bench.errors import ConfigError
from bench.method import Method
from bench.modes.attentive import tokens_of
from bench.modes.layer import layers_of, layout
from bench.runner.overrides import method_config
from bench.signals.input_spec import InputSpec
from bench.tracking.run_fields import flatten
from bench.training.low_rank import add_low_rank

METHODS = tuple(registry.entries(registry.METHODS))
RELEASED = {
    name for name, entry in registry.entries(registry.METHODS).items() if entry.attributes.get("published_weights")
}
"""Their networks have the size of the released file, so that they keep the contract among the slow tests."""


@pytest.fixture(scope="module", params=[name for name in METHODS if name not in RELEASED])
def subject(request, smallest, tmp_path_factory) -> MethodSubject:
    """Smaller than its smoke profile, ready to be pretrained. Checks that change it work on a copy."""
    method = registry.load(registry.METHODS, request.param)
    smoke = method_config(method, "smoke")
    example = method.example_config(tmp_path_factory.mktemp("example"))
    return MethodSubject.built_from(method, smallest(type(smoke).model_validate(smoke.model_dump() | example)))


def skip_without_its_extra(reason: ConfigError) -> None:
    """Skip a method whose optional library is not installed here."""
    if "pip install 'ecg-bench[" not in str(reason):
        raise reason
    pytest.skip(str(reason))


@pytest.mark.parametrize("check", [pytest.param(check, id=check.name) for check in CHECKS if not check.slow])
def test_keeps_the_contract(subject: MethodSubject, check: Check):
    try:
        check.run(subject)
    except DoesNotApply as reason:
        pytest.skip(str(reason))
    except ConfigError as reason:
        skip_without_its_extra(reason)


WITHOUT_LAYERS = {"hrv-morphology", "random-kernels", "simple-statistics"}
"""They compute features without weights, so that there is no block to probe."""


def test_its_blocks_are_read_in_the_pass_of_encode(subject: MethodSubject):
    if not subject.cls.implements("encode") or subject.cls.name in WITHOUT_LAYERS:
        assert "layer" not in subject.cls.modes()
        return
    batch = take_rows(subject.batch, [0, 1])
    dims = layout(subject.built, batch)
    layers = layers_of(subject.built, batch)(batch)
    assert layers.shape == (2, sum(dims.values()))
    assert layers.isfinite().all()
    assert len(dims) > 1
    torch.testing.assert_close(layers[:, -dims["encode"] :], encode(subject.built, batch).float())


WITHOUT_TOKENS = {"mlbf-net", "mvmsn"}
"""Their blocks are parallel branches that each give one vector."""
NOT_ADAPTED = {"lstm", "lstm-bidir"}
"""They have recurrent weights only."""


def test_its_tokens_are_read_and_its_weights_adapted(subject: MethodSubject):
    if "lora" not in subject.cls.modes():
        return
    batch, method = take_rows(subject.batch, [0, 1]), copy.deepcopy(subject.built)
    if subject.cls.name in WITHOUT_TOKENS:
        with pytest.raises(ConfigError, match="several tokens or time steps"):
            tokens_of(method, batch)
    else:
        assert len(tokens_of(method, batch)(batch)) == 2
    before = encode(method, batch)
    if subject.cls.name in NOT_ADAPTED:
        with pytest.raises(ConfigError, match="lora cannot adapt"):
            add_low_rank(method, batch, 2, 2.0)
        return
    added = add_low_rank(method, batch, 2, 2.0)
    torch.testing.assert_close(encode(method, batch), before)
    method.encode(batch).float().square().sum().backward()
    assert all(parameter.grad is not None for parameter in added)


SMALL = {"clef-small", "ecg-cpc", "merl-released", "pclr", "pclr-lead-ii"}
"""Released models whose check takes seconds. The others, with up to 296 million weights, take minutes together; what they
encode is checked in test_released_*.py."""


SIZED = (
    builds_at_published_size,
    a_step_is_finite_and_moves_trainable_weights_only,
    the_loss_falls_on_a_batch_seen_again,
    encodes_any_batch_size,
)
"""Checks that sizes and rates of a profile can break. The others are kept or broken by networks of any size."""


@pytest.fixture(scope="module", params=[name for name in METHODS if name not in RELEASED])
def at_smoke_size(request, tmp_path_factory) -> MethodSubject:
    """A method with the sizes and rates of its smoke profile."""
    return MethodSubject.of(registry.load(registry.METHODS, request.param), tmp_path_factory.mktemp("example"))


@pytest.mark.slow
@pytest.mark.parametrize("check", SIZED, ids=lambda check: check.__name__)
def test_keeps_the_contract_at_smoke_size(at_smoke_size, check):
    try:
        check(at_smoke_size)
    except DoesNotApply as reason:
        pytest.skip(str(reason))
    except ConfigError as reason:
        skip_without_its_extra(reason)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_released_model_keeps_the_contract(name):
    """As ``bench check --all`` runs it."""
    assert [
        verdict
        for verdict in check_method(registry.load(registry.METHODS, name), slow=True)
        if verdict.outcome == "broken"
    ] == []


@pytest.mark.parametrize(
    "name", [name for name, entry in registry.entries(registry.METHODS).items() if entry.attributes.get("deviations")]
)
def test_declared_deviations_are_those_of_the_defaults(name):
    cls = registry.load(registry.METHODS, name)
    defaults = flatten(cls.Config().model_dump())
    assert registry.entries(registry.METHODS)[name].attributes["deviations"] == cls.deviations
    assert {field: defaults[field] for field in cls.deviations} == {
        f: value for f, (value, _) in cls.deviations.items()
    }


def test_a_method_without_weights_names_its_modes(tmp_path):
    class Loudness(Method):
        """Of each lead. Source: this test."""

        name = "loudness"
        input = InputSpec(fs=50, seconds=1)

        def encode(self, batch):
            return batch.ecg.std(dim=-1)

    class Frozen(Loudness):
        """Read as it is. Source: this test."""

        only_modes: ClassVar = ("linear", "knn")

    with pytest.raises(Broken, match="no parameter can be trained"):
        builds_at_published_size(MethodSubject.of(Loudness, tmp_path))
    builds_at_published_size(MethodSubject.of(Frozen, tmp_path))


def test_a_layer_that_the_loss_does_not_reach_is_named_unless_listed_with_a_reason(tmp_path):
    class Unreached(Method):
        """One layer too many. Source: this test."""

        name = "unreached"
        input = InputSpec(fs=50, seconds=1)

        def build(self, config):
            self.net, self.norm = torch.nn.Linear(50, 2), torch.nn.LayerNorm(2)

        def pretraining_loss(self, batch):
            return {"size": self.net(batch.ecg).square().mean()}

    class Listed(Unreached):
        """With the reason. Source: this test."""

        without_gradient: ClassVar = {"norm.": "the head reads it"}

    class Stale(Unreached):
        """With a reason for a layer that learns. Source: this test."""

        without_gradient: ClassVar = {"norm.": "the head reads it", "net.": "forgotten"}

    with pytest.raises(Broken, match=r"norm\.bias, norm\.weight got no gradient"):
        every_trainable_weight_gets_a_gradient(MethodSubject.of(Unreached, tmp_path))
    every_trainable_weight_gets_a_gradient(MethodSubject.of(Listed, tmp_path))
    with pytest.raises(Broken, match=r"lists net\., and every"):
        every_trainable_weight_gets_a_gradient(MethodSubject.of(Stale, tmp_path))


def test_settings_for_small_are_fields_and_state_what_was_chosen():
    settled = [method for name in METHODS if (method := registry.load(registry.METHODS, name)).small]
    assert len(settled) >= 11
    for method in settled:
        assert {"pretrain.epochs", "pretrain.batch_size", "pretrain.lr"} <= method.small.keys(), method.name
    configs = [[method_config(method, profile) for profile in ("small", "smoke")] for method in settled]
    same = [small.pretrain == smoke.pretrain for small, smoke in configs]
    assert sum(same) <= 1  # the trials of one method chose its settings of smoke
