"""A promise of a contract, the function that tests it, and the message of a failure."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.errors import BenchError, foreign_code


class Broken(BenchError):
    """A promise that was not kept: the fault, and how to fix it."""

    def __init__(self, fault: str, hint: str):
        super().__init__(f"{fault} {hint}")
        self.fault, self.hint = fault, hint


class DoesNotApply(Exception):
    """The plugin need not keep this promise; the text says why."""


@dataclass(frozen=True)
class Check:
    """One promise of a contract.

    Attributes:
        promise: what a user can rely on, in words.
        hint: what to look at when the plugin's own code fails on the way.
        run: the test.
        slow: worth its time only now and then (``bench check --all``, ``make slow``).
    """

    promise: str
    hint: str
    run: Callable[[Any], None]
    slow: bool = False

    @property
    def name(self) -> str:
        return self.run.__name__


@dataclass(frozen=True)
class Verdict:
    """What came of one check on one plugin.

    Attributes:
        cause: of a broken promise, the error without its hint and numbers; equal where one fault breaks several promises.
    """

    promise: str
    outcome: Literal["kept", "broken", "does not apply"]
    why: str = ""
    cause: str = ""


def collected(checks: list[Check], promise: str, hint: str, slow: bool = False) -> Callable[..., Callable]:
    """Decorator: adds a function to a list of checks."""

    def add(run: Callable[[Any], None]) -> Callable[[Any], None]:
        checks.append(Check(promise, hint, run, slow))
        return run

    return add


def judge(checks: Sequence[Check], subject: Callable[[], Any], slow: bool = False) -> Iterator[Verdict]:
    """Run checks on a subject, which is made first; a plugin that cannot even be made ready fails that one promise.

    Args:
        subject: makes what the checks look at.
        slow: run the slow checks too.
    """
    ready = "it can be made ready"
    try:
        with foreign_code():
            prepared = subject()
    except Exception as error:
        hint = "Fix this first; the other checks need it."
        yield _broken(ready, error, hint)
        return
    yield Verdict(ready, "kept")
    for check in checks:
        if check.slow and not slow:
            yield Verdict(check.promise, "does not apply", "slow; run with --all")
            continue
        try:
            with foreign_code():
                check.run(prepared)
        except DoesNotApply as reason:
            yield Verdict(check.promise, "does not apply", str(reason))
        except Exception as error:
            yield _broken(check.promise, error, check.hint)
        else:
            yield Verdict(check.promise, "kept")


def _broken(promise: str, error: Exception, hint: str) -> Verdict:
    """A broken promise, in one line: what went wrong, where in the plugin's code, and the fix."""
    if isinstance(error, BenchError):
        cause = error.fault if isinstance(error, Broken) else str(error)
        return Verdict(promise, "broken", str(error), _without_numbers(cause))
    here = Path(__file__).parent
    frames = [f for f in traceback.extract_tb(error.__traceback__) if here not in Path(f.filename).parents]
    own = [f for f in frames if "site-packages" not in f.filename] or frames
    where = f" (line {own[-1].lineno} of {own[-1].filename})" if own else ""
    problem = f"{type(error).__name__}: {' '.join(str(error).split())}{where}"
    return Verdict(promise, "broken", f"{problem}. {hint}", _without_numbers(problem))


def _without_numbers(text: str) -> str:
    """Checks try batches of several sizes, which errors name."""
    return re.sub(r"\d+", "#", text)
