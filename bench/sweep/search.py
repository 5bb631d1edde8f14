"""Run one study: propose settings and try each on validation data, with the same outcome on any number of workers."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import optuna
from optuna import Study, Trial
from optuna.exceptions import TrialPruned
from optuna.trial import FrozenTrial, TrialState

from bench.errors import BenchError
from bench.method.search_space import Spaces
from bench.progress import say
from bench.redaction import redact
from bench.sweep.samplers import PrunerName, SamplerName, pruner_for, sampler_for
from bench.sweep.storage import Store
from bench.sweep.trials import DONE, ERROR, SAME_AS, SURPLUS, WORKER, counted, done, position, retry, written

POLL = 1.0
"""Seconds between looks at what other workers are at."""

Evaluate = Callable[[dict[str, Any], Callable[[int, float], None]], float]
"""A setting, and whom to tell each epoch's validation value -> the setting's validation value; higher is better."""


@dataclass(frozen=True)
class Search:
    """What determines a study, but for what the values come from.

    Attributes:
        name: of the study; it holds a digest of everything that determines its values.
        facts: kept with the study, for ``bench sweep show``.
        epochs: the most that a trial can report; None where trials report no intermediate values.
    """

    name: str
    spaces: Spaces
    trials: int
    sampler: SamplerName = "tpe"
    pruner: PrunerName = "none"
    seed: int = 0
    epochs: int | None = None
    facts: dict[str, Any] | None = None


class _Surplus(Exception):
    pass


def search(what: Search, store: Store, evaluate: Evaluate, retry_failed: bool = False) -> Study:
    """Take part in a study until it has its number of trials, and nobody is at one.

    Finished trials are never repeated: neither here, nor after a restart, nor under another number. What a worker that
    died or was stopped was at is tried again, with the same setting.
    """
    study = optuna.create_study(
        storage=store.storage,
        study_name=what.name,
        direction="maximize",
        sampler=sampler_for(what.sampler, what.spaces, what.seed),
        pruner=pruner_for(what.pruner, what.epochs),
        load_if_exists=True,
    )
    for name, value in (what.facts or {}).items():
        if name not in study.user_attrs:
            study.set_user_attr(name, value)
    if retry_failed:
        for trial in done(study.get_trials(deepcopy=False)):
            if trial.state == TrialState.FAIL:
                retry(study, trial)
    worker = _Worker(what, store, evaluate)
    while True:
        store.revive(study)
        taken = counted(study.get_trials(deepcopy=False))
        waiting = any(trial.state == TrialState.WAITING for trial in taken)
        if len(taken) < what.trials or waiting:
            worker.take_one(study)
        elif all(trial.state.is_finished() for trial in taken):
            return study
        else:
            time.sleep(POLL)


class _Worker:
    def __init__(self, what: Search, store: Store, evaluate: Evaluate):
        self.what, self.store, self.evaluate = what, store, evaluate
        self.number: int | None = None  # of the trial it is at

    def take_one(self, study: Study) -> None:
        """Compute the next trial. If this worker was silent for so long that it was taken for dead, the trial's stand-in
        counts, and it goes on."""
        self.number = None
        try:
            study.optimize(self.objective, n_trials=1, catch=(Exception,))
        except Exception:
            trials = {trial.number: trial for trial in study.get_trials(deepcopy=False)}
            mine = None if self.number is None else trials[self.number]
            if mine is None or mine.state != TrialState.FAIL or ERROR in mine.user_attrs:
                raise
            say(f"trial {mine.number} was given to another worker, because this one sent no heartbeat for too long")

    def objective(self, trial: Trial) -> float:
        """The value of the setting that the sampler proposes for a trial, computed unless it is known."""
        study, self.number = trial.study, trial.number
        trial.set_user_attr(WORKER, self.store.worker)
        number = position(study, trial.number)
        if number >= self.what.trials:  # two workers took the last place at once
            trial.set_user_attr(SURPLUS, True)
            raise _Surplus
        started = time.perf_counter()
        setting: dict[str, Any] = {}

        def tell(what: str) -> None:
            trial.set_user_attr("seconds", round(time.perf_counter() - started, 2))
            say(f"trial {trial.number}: {described(setting)}: {what} ({number + 1} of {self.what.trials})")

        try:
            for field, space in self.what.spaces.items():
                setting[field] = space.suggest(trial, field)
            value = self._value(trial, setting)
        except TrialPruned:
            tell("stopped early")
            raise
        except KeyboardInterrupt:
            retry(study, next(t for t in study.get_trials(deepcopy=False) if t.number == trial.number))
            raise
        except Exception as error:
            reason = redact(str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}")
            trial.set_user_attr(ERROR, reason[:1000])
            trial.set_user_attr("traceback", redact(traceback.format_exc())[-4000:])
            tell(f"failed: {reason}")
            raise
        tell(f"{value:.4f}")
        return value

    def _value(self, trial: Trial, setting: dict[str, Any]) -> float:
        known = _same(trial.study, trial.number, setting)
        if known is not None:
            trial.set_user_attr(SAME_AS, known.number)
            return _again(trial, known)
        value = self.evaluate(setting, _unreported if self.what.pruner == "none" else _reporter(trial))
        if not math.isfinite(value):
            raise BenchError("the validation metric is undefined: no class can be ranked on the validation data")
        return value


def described(setting: dict[str, Any]) -> str:
    """``linear.lr 0.003, linear.weight_decay 0.1``."""
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in setting.items()
    )


def _unreported(epoch: int, value: float) -> None:
    pass


def _reporter(trial: Trial) -> Callable[[int, float], None]:
    def report(epoch: int, value: float) -> None:
        if math.isfinite(value):
            trial.report(value, epoch)
            if trial.should_prune():
                raise TrialPruned(f"stopped after epoch {epoch}")

    return report


def _same(study: Study, number: int, setting: dict[str, Any]) -> FrozenTrial | None:
    """A finished trial of the same setting."""
    text = written(setting)
    for trial in study.get_trials(deepcopy=False, states=DONE):
        if trial.number != number and SAME_AS not in trial.user_attrs and written(trial.params) == text:
            return trial
    return None


def _again(trial: Trial, known: FrozenTrial) -> float:
    """What the finished trial came to."""
    if known.state == TrialState.PRUNED:
        for epoch, value in known.intermediate_values.items():
            trial.report(value, epoch)
        raise TrialPruned(f"trial {known.number} was stopped with this setting")
    assert known.value is not None
    return known.value
