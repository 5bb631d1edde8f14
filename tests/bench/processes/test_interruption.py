"""Ctrl-C that comes while an object is being deleted."""

import os
import signal

import pytest

from bench.processes.interruption import noticed, stop_if_asked


@pytest.fixture(autouse=True)
def as_in_a_terminal():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Deleted:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):  # the handler runs here
            pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_ctrl_c_that_python_drops_stops_the_loop():
    steps = []
    with pytest.raises(KeyboardInterrupt), noticed():
        for step in range(3):
            thing = Deleted()
            del thing
            steps.append(step)
            stop_if_asked()
    assert steps == [0]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_one_that_arrives_is_raised_once_and_forgotten_after_the_block():
    with pytest.raises(KeyboardInterrupt), noticed():
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass
    stop_if_asked()
    with noticed():
        stop_if_asked()
