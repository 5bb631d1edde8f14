"""Fields of configs as their source states them: those of the imported classes, or nothing where the source is unclear."""

import pytest

from bench import registry
from bench.errors import ConfigError, UnknownName
from bench.runner import config_source
from bench.runner.config_source import config_fields, refuse_unknown_fields
from bench.runner.overrides import fields_of, parse_overrides

PLUGIN = """
    {imports}
    from torch import nn
    from bench.method import Method, MethodConfig
    from pydantic import BaseModel, Field, create_model

    class Optimiser(BaseModel):
        rate: float = Field(1.0, description="")

    class Read(Method):
        name = "read"
        {config}

        def encode(self, batch):
            return batch
"""


@pytest.mark.parametrize("group", [registry.METHODS, registry.MODES])
def test_the_source_states_the_fields_of_the_classes(group):
    entries = registry.entries(group)
    stated = {name: config_fields(entry) for name, entry in entries.items()}
    unclear = {name for name, fields in stated.items() if fields is None}
    assert unclear <= {"cox-ecg"}
    for name in entries.keys() - unclear:
        assert stated[name] == set(fields_of(registry.load(group, name).Config)), name


@pytest.mark.parametrize(
    ("imports", "config", "fields"),
    [
        ("", "class Config(MethodConfig):\n            inner: Optimiser = Optimiser()", {"inner", "inner.rate"}),
        ("", "class Config(MethodConfig):\n            inner: 'Optimiser' = Optimiser()", None),
        ("", "Config = create_model('Config', __base__=MethodConfig)", None),
        ("from elsewhere import Base", "class Config(Base):\n            x: int = 1", None),
        ("from elsewhere import Inner", "class Config(MethodConfig):\n            x: Inner = 1", None),
        ("", "", set()),
    ],
)
def test_where_the_source_is_unclear_nothing_is_stated(plugin, imports, config, fields):
    config_source._scope.cache_clear()
    plugin("read_plugin", PLUGIN.format(imports=imports, config=config))
    found = config_fields(registry.entries(registry.METHODS)["read"])
    if fields is None:
        assert found is None
        refuse_unknown_fields(parse_overrides(["nosuch=1"], []), ["read"], [])
    else:
        assert {field for field in found if not field.startswith("pretrain")} == fields


@pytest.mark.parametrize(
    ("setting", "error", "words"),
    [
        ("epohs=3", UnknownName, "unknown config field 'epohs'. Did you mean 'lora.epochs' or 'linear.epochs'"),
        ("linear.epohs=3", UnknownName, "unknown config field of mode linear 'epohs'. Did you mean 'epochs'"),
        ("merl.widht=3", UnknownName, "unknown config field of merl 'widht'. Did you mean 'width'"),
        ("kmerl.depth=3", ConfigError, "kmerl is not run"),
    ],
)
def test_a_setting_that_nothing_has_is_refused(setting, error, words):
    overrides = parse_overrides([setting], list(registry.entries(registry.METHODS)))
    with pytest.raises(error) as refused:
        refuse_unknown_fields(overrides, ["merl"], ["linear"])
    assert words in str(refused.value)


@pytest.mark.parametrize("setting", ["width=16", "text.model=medcpt", "merl.pretrain.epochs=1", "finetune.nosuch=1"])
def test_other_settings_are_left_to_the_classes(setting):
    overrides = parse_overrides([setting], list(registry.entries(registry.METHODS)))
    refuse_unknown_fields(overrides, ["merl"], ["linear"])
    refuse_unknown_fields(parse_overrides(["nosuch=1"], []), ["ensemble"], ["linear"])
