"""Smoke profiles are short, so that what paper profiles take their time over must be short in them too."""

import pytest

from bench import registry
from bench.runner.overrides import method_config


def pretrained() -> list[str]:
    found = {name: registry.load(registry.METHODS, name) for name in registry.entries(registry.METHODS)}
    return [name for name, method in found.items() if method.implements("pretraining_loss")]


@pytest.mark.parametrize("name", pretrained())
def test_smoke_reaches_its_rate(name):
    method = registry.load(registry.METHODS, name)
    for stage, config in method.stages(method_config(method, "smoke", [])).items():
        assert config.warmup_epochs <= config.epochs / 4, f"{name} {stage}: most of smoke would be warm-up"
