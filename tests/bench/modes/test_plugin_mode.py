"""A plugin adds a mode by an entry point alone."""

import re
from pathlib import Path

import pytest

from bench import kinds, modes, registry
from bench.cells.cell import Cell
from bench.data.source import DataSource
from bench.errors import BenchError
from bench.leaderboard.collect import collect_all
from bench.runner import execute
from bench.runner.plan import RunOptions
from bench.runner.session import Session

PAGE = Path(__file__).parents[3] / "docs/how-to/new-mode.md"
MODE = re.search(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)[1]
SUBCLASS = """
    from bench.modes.scratch import Scratch

    class Longer(Scratch):
        name = "longer"
        needs_one_of = ("encode_slowly",)
"""
METHOD = """
    from bench.method import Method

    class Slow(Method):
        name = "slow"

        def encode_slowly(self, batch): ...
"""


@pytest.fixture
def direction(plugin):
    plugin("direction_mode", MODE, group="bench.modes")


def test_a_plugins_mode_is_offered_planned_computed_and_shown(direction, workspace):
    assert "direction" in modes.names()
    assert "direction" in registry.load(registry.METHODS, "random-vit").modes()
    assert "direction" in registry.modes_of(registry.entries(registry.METHODS)["random-vit"])
    assert "direction" not in registry.load(registry.METHODS, "cox-ecg").modes()
    options = RunOptions(["random-vit"], ["ptbxl-super"], ["Direction"], overrides=["direction.sign=-1"], track=False)
    source = DataSource(workspace, simulated_records=120)
    (result,) = execute.run(options, source).results
    assert result.cell.mode == "direction"
    assert result.config["direction"] == {"sign": -1.0}
    (table,) = collect_all([result])
    assert [column.label for column in table.board.columns] == ["direction · 100%"]
    assert table.lines[0].summaries[0].value == result.score["metrics"]["macro_auroc"]["value"]


def test_the_key_follows_the_plugins_code_and_what_it_uses_of_training(direction, workspace, changed):
    def key():
        return Session(DataSource(workspace, simulated_records=120), "smoke").resolve(cell).key

    cell = Cell("random-vit", "ptbxl-super", "direction")
    keys = [key()]
    for module, name in (
        ("bench.modes.mode", "Mode"),
        ("direction_mode", "Direction"),
        ("bench.training.objective", "Objective"),
    ):
        changed(module, name)
        keys.append(key())
    assert keys[0] == keys[1]
    assert len(set(keys[1:])) == 3


def test_a_mode_inherits_and_needs_what_it_says(plugin):
    plugin("longer_mode", SUBCLASS, group="bench.modes")
    plugin("slow_method", METHOD)
    assert registry.load(registry.METHODS, "slow").modes() == ("longer",)
    assert registry.modes_of(registry.entries(registry.METHODS)["slow"]) == ["longer"]
    for name in registry.entries(registry.MODES):  # as the source says, so says the class
        assert {fact: getattr(modes.load(name), fact) for fact in FACTS} == {
            fact: getattr(modes.facts(name), fact) for fact in FACTS
        }


FACTS = sorted(set(modes.Mode.__annotations__) - {"Config", "representation"})


INCOMPLETE = """
    from bench.modes import Mode

    class NoRun(Mode):
        name = "no-run"
        needs_one_of = ("encode")

        class Config: ...

    class NoConfig(Mode):
        name = "no-config"

        def run(self, cell): ...

    class NoMode:
        name = "no-mode"
"""


def test_a_class_that_is_no_complete_mode_or_kind_is_refused(plugin):
    plugin("incomplete", INCOMPLETE, group="bench.modes")
    for name in ("no-run", "no-config", "no-mode"):
        with pytest.raises(
            BenchError, match=f"mode '{name}' .incomplete:No.*expected a subclass of bench.modes.Mode with"
        ):
            modes.load(name)
    assert "no-run" in registry.load(registry.METHODS, "random-vit").modes()  # one word without a comma is a word
    plugin("no_kind", "class NoKind:\n    name = 'no-kind'\n", group="bench.kinds")
    with pytest.raises(
        BenchError, match="task kind 'no-kind' .no_kind:NoKind.: expected a subclass of bench.kinds.Kind"
    ):
        kinds.load("no-kind")


def test_a_mode_that_returns_something_else_fails_with_its_name(direction, workspace, monkeypatch):
    monkeypatch.setattr("direction_mode.ModeOutput", lambda *_: None)
    options = RunOptions(["random-vit"], ["ptbxl-super"], ["direction"], track=False)
    failures = execute.run(options, DataSource(workspace, simulated_records=120)).failures
    assert list(failures.values()) == ["mode direction: run returned NoneType; expected a ModeOutput."]
