"""Energy of cells and of pretraining, where it is asked for."""

import importlib.util
import sys
from types import SimpleNamespace

import pytest

from bench.data.source import DataSource
from bench.errors import ConfigError
from bench.leaderboard.cost_metrics import cost
from bench.processes import energy
from bench.processes.energy import measured_energy
from bench.runner import execute
from bench.runner.plan import RunOptions

OPTIONS = {"methods": ["small"], "tasks": ["ptbxl-super"], "modes": ["linear"], "overrides": ["linear.epochs=2"]}


class Tracker:
    """A stand-in for CodeCarbon's: each task takes 0.25 kWh, and two cannot run at once."""

    def __init__(self, **options):
        self.task = None

    def start_task(self, name):
        assert self.task is None
        self.task = name

    def stop_task(self, name):
        assert self.task == name
        self.task = None
        return SimpleNamespace(energy_consumed=0.25)


@pytest.fixture
def asked(monkeypatch):
    monkeypatch.setenv(energy.VARIABLE, "1")
    energy._tracker.cache_clear()
    yield monkeypatch
    energy._tracker.cache_clear()


@pytest.fixture
def stand_in(asked):
    asked.setitem(sys.modules, "codecarbon", SimpleNamespace(OfflineEmissionsTracker=Tracker, __spec__=object()))


def run(workspace):
    return execute.run(RunOptions(**OPTIONS, track=False), DataSource(workspace, simulated_records=120)).results[0]


def test_nothing_is_measured_where_nobody_asks(workspace, small, monkeypatch):
    monkeypatch.delenv(energy.VARIABLE, raising=False)
    with measured_energy() as used:
        pass
    assert used == {}


def test_the_outermost_measurement_counts(stand_in):
    with measured_energy() as outer, measured_energy() as inner:
        pass
    assert (outer, inner) == ({"energy_kwh": 0.25}, {})


def test_a_measurement_ends_with_an_error(stand_in):
    for _ in range(2):
        with pytest.raises(ValueError, match="wrong"), measured_energy() as used:
            raise ValueError("wrong")
        assert used == {"energy_kwh": 0.25}


def test_a_result_states_what_it_and_its_pretraining_took(workspace, small, stand_in):
    result = run(workspace)
    assert cost(result, "cost_downstream_kwh") == 0.25
    assert cost(result, "cost_pretraining_kwh") == 0.25


def test_without_the_package_a_run_ends_before_it_starts(workspace, small, asked):
    asked.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'ecg-bench\[energy\]'"):
        run(workspace)
    assert not workspace.results.exists()


@pytest.mark.slow
def test_codecarbon_itself_counts_more_for_more_work(asked):
    pytest.importorskip("codecarbon")
    spent = []
    for steps in (10, 3_000_000):
        with measured_energy() as used:
            sum(number * number for number in range(steps))
        spent.append(used["energy_kwh"])
    assert 0 < spent[0] < spent[1] < 0.01
