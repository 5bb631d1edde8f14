"""Order of jobs: longest first, after their inputs, within free resources; dependents of a failed job fail."""

import pytest

from bench.cells.cell import Cell
from bench.runner.schedule import Job, Resources, Schedule


def job(name: str, seconds: float = 1, needs: tuple[str, ...] = (), **resources) -> Job:
    return Job(name, "cell", Cell(name, "task", "linear"), needs, seconds, Resources(**resources))


def order(schedule: Schedule) -> list[str]:
    """One worker."""
    taken = []
    while (found := schedule.next(gpus=1, memory=1)) is not None:
        taken.append(found[0].id)
        schedule.done(found[0])
    return taken


def test_cells_of_different_fractions_have_different_names():
    message = [str(Cell("m", "t", "linear", fraction=fraction)) for fraction in (0.001, 0.002, 0.015, 0.02, 0.07, 1.0)]
    assert [one.split(" · ")[3] for one in message] == ["0.1%", "0.2%", "1.5%", "2%", "7%", "100%"]


def test_the_longest_way_to_the_end_goes_first():
    jobs = [job("short", 2), job("long", 5), job("checkpoint", 1), job("waits", 9, ("checkpoint",))]
    assert order(Schedule.of(jobs)) == ["checkpoint", "waits", "long", "short"]
    assert order(Schedule.of(jobs, longest_first=False)) == ["short", "long", "checkpoint", "waits"]


def test_what_is_no_job_is_there_already():
    assert order(Schedule.of([job("cell", needs=("made before",))])) == ["cell"]


def test_a_job_waits_until_it_fits_and_smaller_ones_pass():
    schedule = Schedule.of([job("big", 9, memory=8), job("gpu", 5, gpus=1), job("small", 1)])
    assert schedule.next(gpus=0, memory=4)[0].id == "small"
    assert schedule.next(gpus=0, memory=4) is None
    assert schedule.next(gpus=0, memory=4, alone=True)[0].id == "big"


def test_a_failure_takes_along_what_needs_it_and_nothing_else():
    schedule = Schedule.of([job("a"), job("b", needs=("a",)), job("c", needs=("b",)), job("d")])
    first, _ = schedule.next(gpus=0, memory=0)
    assert first.id == "a"
    assert [lost.id for lost in schedule.failed(first)] == ["b", "c"]
    assert order(schedule) == ["d"]
    assert not schedule.unfinished


def test_what_another_process_is_at_comes_last():
    schedule = Schedule.of([job("taken", 9), job("free", 1)])
    taken, _ = schedule.next(gpus=0, memory=0)
    schedule.put_off(taken)
    assert [schedule.next(gpus=0, memory=0) for _ in range(2)] == [(job("free", 1), False), (job("taken", 9), True)]


def test_what_was_killed_for_want_of_memory_comes_last_and_runs_alone():
    schedule = Schedule.of([job("hungry", 9), job("other", 1)])
    hungry, _ = schedule.next(gpus=0, memory=0)
    schedule.put_off_alone(hungry)
    other, _ = schedule.next(gpus=0, memory=1e12)
    assert other.id == "other"
    assert schedule.next(gpus=0, memory=1e12) is None
    schedule.done(other)
    again, _ = schedule.next(gpus=0, memory=1e12, alone=True)
    assert (again.id, again.resources.alone) == ("hungry", True)
    assert schedule.next(gpus=0, memory=1e12) is None
    schedule.failed(again)
    assert not schedule.unfinished


@pytest.mark.slow
def test_a_hundred_thousand_jobs_are_scheduled():
    jobs = [job("checkpoint"), *(job(f"{i}", i % 7, ("checkpoint",)) for i in range(100_000))]
    assert len(order(Schedule.of(jobs))) == 100_001
