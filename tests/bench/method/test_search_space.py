"""Spaces as people write them."""

import pytest

from bench.errors import ConfigError
from bench.method.search_space import (
    Categorical,
    Integer,
    LogUniform,
    Uniform,
    grid_size,
    parse_vary,
    read_spaces,
)


def test_the_command_line_says_ranges_and_lists():
    spaces = parse_vary(
        ["linear.lr=log:1e-5..1e-1", "x=uniform:0..0.5", "depth=int:3..8", "batch=8,16,32", "net=resnet18,null,true"]
    )
    assert spaces == {
        "linear.lr": LogUniform(low=1e-5, high=1e-1),
        "x": Uniform(low=0, high=0.5),
        "depth": Integer(low=3, high=8),
        "batch": Categorical(choices=(8, 16, 32)),
        "net": Categorical(choices=("resnet18", None, True)),
    }


@pytest.mark.parametrize(
    "text", ["lr=log:1e-05..0.1", "lr=log:1e-05..0.1/5", "x=uniform:0..0.5", "d=int:2..8/2", "b=8,16,null", "b=0.1"]
)
def test_a_space_reads_as_it_was_written(text):
    field, _, written = text.partition("=")
    (space,) = parse_vary([text]).values()
    assert str(space) == written
    assert parse_vary([f"{field}={space}"]) == {field: space}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("linear.lr", "expected FIELD=SPACE"),
        ("lr=1e-5..1e-1", "say how to draw from the range: log:1e-5..1e-1"),
        ("lr=log:1e-1..1e-5", "the low end must lie below"),
        ("lr=log:0..1", "greater than 0"),
        ("lr=log:1e-5", "expected log:LOW..HIGH"),
        ("depth=int:1.5..3", "integer"),
        ("b=8,8", "listed twice"),
    ],
)
def test_what_cannot_be_is_refused_with_the_cure(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_vary([text])


def test_a_grid_takes_the_points_of_ranges_and_asks_for_them():
    spaces = parse_vary(["lr=log:1e-4..1e-1/4", "d=int:2..8/3", "b=8,16"])
    assert spaces["lr"].grid() == [1e-4, 1e-3, 1e-2, 1e-1]
    assert spaces["d"].grid() == [2, 5, 8]
    assert grid_size(spaces) == 24
    with pytest.raises(ConfigError, match=r"log:0.0001..0.1/5"):
        grid_size(parse_vary(["lr=log:1e-4..1e-1"]))


def test_a_yaml_says_the_same(tmp_path):
    path = tmp_path / "space.yaml"
    path.write_text("lr: log:1e-5..1e-1\nbatch: [8, 16, 1e-3]\ndepth: {kind: int, low: 2, high: 8}\n")
    assert read_spaces(path) == {
        "lr": LogUniform(low=1e-5, high=1e-1),
        "batch": Categorical(choices=(8, 16, 1e-3)),
        "depth": Integer(low=2, high=8),
    }
    path.write_text("depth: {kind: int, low: 2, high: 8, steps: 2}\n")
    with pytest.raises(ConfigError, match=r"space.yaml: depth: int.steps: Extra"):
        read_spaces(path)
    path.write_text("- lr\n")
    with pytest.raises(ConfigError, match="expected a mapping"):
        read_spaces(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_spaces(tmp_path / "absent.yaml")
