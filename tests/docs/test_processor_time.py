"""The table of processor time per room: what is over its budget, and how the table is written."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TABLE = "| room | measured | budget |\n|---|---:|---:|\n| bench/cli | 3 | 10 |\n| methods | 20 | 40 |\n| total | 23 | 50 |\n"


@pytest.fixture
def times(pytestconfig):
    """The module of tests/conftest.py, as pytest loaded it."""
    plugins = pytestconfig.pluginmanager.get_plugins()
    return next(plugin for plugin in plugins if getattr(plugin, "__file__", None) == str(TESTS / "conftest.py"))


def test_a_room_that_exceeds_its_budget_by_half_is_named(times):
    assert times.over_budget({"bench/cli": 14.9, "methods": 10}, TABLE) == []
    assert times.over_budget({"bench/cli": 15.4, "total": 70}, TABLE) == [
        "bench/cli: 15 s of processor time, at most 1.5 x 10",
    ]
    assert times.over_budget({"new": 1, "total": 76}, TABLE) == [
        "new: no budget in tests/README.md",
        "total: 76 s of processor time, at most 1.5 x 50",
    ]


def test_a_slow_machine_is_not_a_slow_room(times):
    """It failed a run of which all tests passed, on a machine that took twice as long for everything."""
    rooms = [f"room{number}" for number in range(6)]
    table = "".join(f"| {room} | 20 | 30 |\n" for room in rooms) + "| small | 1 | 10 |\n| total | 121 | 185 |\n"
    twice = dict.fromkeys(rooms, 50) | {"small": 30, "total": 300}
    assert times.over_budget(twice, table) == []
    assert times.over_budget(twice | {"room3": 120}, table) == [
        "room3: 120 s of processor time, at most 1.5 x 30 x 2.5, as all rooms are slower"
    ]
    one_alone = dict.fromkeys(rooms, 20) | {"room3": 50}
    assert times.over_budget(one_alone, table) == ["room3: 50 s of processor time, at most 1.5 x 30"]
    assert times.over_budget(dict.fromkeys(rooms, 5) | {"small": 16}, table) == [
        "small: 16 s of processor time, at most 1.5 x 10"
    ]


def test_new_times_of_some_rooms_leave_the_others(times):
    assert times.measured({"methods": 31.2}, TABLE).splitlines()[2:] == [
        "| bench/cli | 3 | 10 |",
        "| methods | 31 | 50 |",
        "| total | 34 | 55 |",
    ]


def test_the_start_is_that_of_all_rooms(times):
    table = TABLE.replace("| total | 23 | 50 |", "| deploy | 0 | 10 |\n| start | 30 | 45 |\n| total | 53 | 80 |")
    some = times.measured({"methods": 20, "start": 5}, table)
    assert "| start | 30 | 45 |" in some
    every = times.measured({"methods": 20, "bench/cli": 3, "start": 40}, table)
    assert "| start | 40 | 60 |" in every


@pytest.mark.parametrize(
    ("test", "room"),
    [
        ("tests/bench/cli/test_listing.py::test_x[a/b]", "bench/cli"),
        ("tests/bench/data/download/test_download.py::test_x", "bench/data"),
        ("tests/bench/test_errors.py::test_x", "bench"),
        ("tests/methods/nets/test_vit.py::test_x", "methods"),
    ],
)
def test_a_test_counts_for_its_room(times, test, room):
    assert times.room_of(test) == room


def test_every_room_has_a_budget(times):
    rooms = {times.room_of(path.relative_to(TESTS.parent).as_posix()) for path in TESTS.rglob("test_*.py")}
    assert rooms <= {row["room"] for row in times.ROW.finditer(times.TABLE.read_text("utf-8"))}


def test_the_table_does_not_contradict_itself(times):
    """A room that is measured at its budget would fail by chance, on a processor that two processes share."""
    rows = list(times.ROW.finditer(times.TABLE.read_text("utf-8")))
    *rooms, (total, seconds, _) = [(row["room"], float(row["seconds"]), int(row["budget"])) for row in rows]
    assert total == "total"
    assert seconds == pytest.approx(sum(measured for _, measured, _ in rooms), abs=len(rooms) / 2)
    assert [row[0] for row in rows if int(row["budget"]) < times.budget_of(float(row["seconds"]))] == []
