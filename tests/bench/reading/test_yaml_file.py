"""YAML: what it may not do, and that what it may is read as before."""

import os

import pytest
import yaml
from pydantic import BaseModel

from bench.errors import ConfigError
from bench.leaderboard.board import read_board
from bench.method import MethodConfig
from bench.reading.finite import not_finite
from bench.reading.json_file import read_json_object
from bench.reading.yaml_file import parse_yaml, read_yaml
from bench.runner.overrides import mode_config, parse_overrides
from bench.splitting.split import read_split

BOMB = "a: &a [" + ",".join("x" * 10) + "]\n"
BOMB += "".join(f"{this}: &{this} [{','.join([f'*{last}'] * 10)}]\n" for last, this in zip("abcdefgh", "bcdefghi"))  # noqa: B905


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3", r"'a' is given twice \(line 3"),
        ("a: {b: 1, b: 2}", "'b' is given twice"),
        (BOMB, "aliases repeat more than"),
        ("&a [*a]", "nested deeper"),
        ("[" * 5000, "nesting depth"),
        ("[" * 200 + "]" * 200, "nested deeper"),
        ("a: .nan", r"\.nan is not a finite number \(line 1"),
        ("a: [-.inf]", r"-\.inf is not a finite number"),
        ("a: 1.0e+999", "not a finite number"),
        ("a: 2022-13-45", "month"),
        ("9" * 5000, "digits"),
        ("a: !!python/object/apply:os.getcwd []", "constructor"),
        ("a: \0", "character"),
        ("a: [", "expected"),
        ("? [a]\n: b", "unhashable"),
    ],
)
def test_refused_in_one_line(text, words):
    with pytest.raises(yaml.YAMLError, match=words) as caught:
        parse_yaml(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "a: &x [1, 2]\nb: *x\nc: {<<: {d: 1}, e: 1e-3}", "- 1:30", "a: 2022-10-31", "a: 1.5e+3"]
)
def test_the_rest_is_read_as_safe_load_reads_it(text):
    assert parse_yaml(text) == yaml.safe_load(text)


def test_a_file_with_a_byte_order_mark_is_read_and_one_that_is_no_file_does_not_hang(tmp_path):
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(tmp_path / "bom.yaml") == {"a": 1}
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        read_yaml(tmp_path / "pipe")


def test_json_nested_too_deeply_is_a_value_error(tmp_path):
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match="nested deeper than"):
        read_json_object(tmp_path / "deep.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(ValueError, match="holds a list"):
        read_json_object(tmp_path / "list.json")


BOARD = (
    "title: T\nmetric: macro_auroc\ncolumns: [{label: a, task: t, mode: linear}]\nrows: [{label: r, published: [1]}]\n"
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOARD + "scale: .nan\n", "not a finite number"),
        (BOARD + "scale: nan\n", "scale"),
        (BOARD + "scale: 0\n", "scale"),
        (BOARD + "scale: -100\n", "scale"),
        (BOARD + "title: U\n", "'title' is given twice"),
        (BOARD + "3: x\n", r"board\.yaml: "),
        (BOMB, "aliases repeat"),
        ("- a\n", "expected the fields of a board"),
        ("", "expected the fields of a board"),
        (BOARD.replace("[1]", "[inf]"), "published"),
    ],
)
def test_a_board_that_contradicts_itself_is_refused(tmp_path, text, words):
    path = tmp_path / "board.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        read_board(path)
    assert str(path) in str(caught.value)


def test_a_split_with_a_key_twice_is_refused(tmp_path):
    (tmp_path / "s.yaml").write_text("unit: record\nunit: patient\n")
    with pytest.raises(ConfigError, match="'unit' is given twice"):
        read_split(tmp_path / "s.yaml")


@pytest.mark.parametrize("value", ["inf", "1e999", ".inf"])
def test_a_config_number_that_is_not_finite_is_refused(value):
    with pytest.raises(ConfigError, match=r"linear.*lr"):
        mode_config("linear", "paper", parse_overrides([f"linear.lr={value}"], []))


def test_so_is_one_in_a_nested_config_of_a_method():
    with pytest.raises(ValueError, match=r"pretrain\.weight_decay = inf: expected a finite number"):
        MethodConfig.model_validate({"pretrain": {"weight_decay": "inf"}})

    class Nested(BaseModel):
        values: dict[str, list[float]] = {"a": [1.0, float("nan")]}

    assert [path for path, _ in not_finite({"x": Nested()})] == ["x.values.a.1"]
