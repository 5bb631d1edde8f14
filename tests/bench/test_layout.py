"""The layout of the harness: modules lie in rooms, few lie directly in ``bench/``, and docs/architecture.md shows them."""

import ast
import re
import runpy
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "bench"
NAMES = runpy.run_path(str(ROOT / ".ci" / "kind_and_mode_names"))


def test_few_modules_lie_outside_a_room():
    loose = sorted(path.name for path in BENCH.glob("*.py"))
    assert len(loose) <= 15, f"put the new module into a room (docs/architecture.md): {', '.join(loose)}"


def shown():
    """Names of rooms and modules of ``bench/`` on the page, in order."""
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    return re.findall(r"^  (\w+(?:/|\.py)) ", page, re.MULTILINE)


def test_the_page_shows_the_tree_as_it_is():
    rooms = {f"{path.name}/" for path in BENCH.iterdir() if (path / "__init__.py").exists()}
    modules = {path.name for path in BENCH.glob("[a-z]*.py")}
    assert sorted(shown()) == sorted(rooms | modules)


def test_the_page_shows_the_rooms_from_the_highest_layer_to_the_lowest():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract.get("containers") == ["bench"])
    height = {room: level for level, layer in enumerate(layers) for room in re.split(r" [|:] ", layer)}
    levels = [height[re.sub(r"/|\.py", "", name)] for name in shown()]
    assert levels == sorted(levels)


def test_no_code_outside_their_rooms_asks_for_the_name_of_a_kind_or_mode(capsys):
    assert NAMES["main"]() == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    "code",
    [
        'mode == "scratch"',
        'honest(mode) in ("linear", "scratch")',
        '{"scratch": 2.0}.get(mode, 0.01)',
        'mode.startswith("scratch")',
        'choice(mode, ["linear", "scratch"])',
        'match mode:\n    case "scratch":\n        pass',
    ],
)
def test_the_check_finds(code):
    assert any("scratch" in NAMES["named"](node, lists=True) for node in ast.walk(ast.parse(code)))
    assert not any(NAMES["named"](node, lists=True) for node in ast.walk(ast.parse('run(mode="scratch")')))
