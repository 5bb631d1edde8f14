"""Trials of a study: the finished ones, the replacements of interrupted ones, the best one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import optuna
from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from bench.errors import BenchError

WORKER, ERROR, SURPLUS, RETRY_OF, SAME_AS = "worker", "error", "surplus", "retry_of", "same_as"
"""Attributes of a trial: who computes it; how it failed; that it is one too many; which trial it replaces or repeats."""

DONE = (TrialState.COMPLETE, TrialState.PRUNED)


def counted(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Those that take one of the study's places, by number: finished, failed by their own fault, under way or waiting.

    Interrupted trials do not (their stand-ins do), nor those that were one too many.
    """
    replaced = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    return sorted(
        (
            trial
            for trial in trials
            if trial.number not in replaced
            and SURPLUS not in trial.user_attrs
            and (trial.state != TrialState.FAIL or ERROR in trial.user_attrs)
        ),
        key=lambda trial: trial.number,
    )


def position(study: Study, number: int) -> int:
    """How many of the study's places were taken before the trial of this number."""
    return sum(trial.number < number for trial in counted(study.get_trials(deepcopy=False)))


def done(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Those that need not be computed again: complete, pruned, or failed by their own fault."""
    return [trial for trial in counted(trials) if trial.state.is_finished()]


def retry(study: Study, trial: FrozenTrial) -> None:
    """Queue a stand-in, with the setting of the trial (if it had come to one) and what its sampler had noted."""
    study.add_trial(
        optuna.create_trial(
            state=TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            system_attrs=trial.system_attrs,
            user_attrs={RETRY_OF: trial.number},
        )
    )


def written(setting: dict[str, Any]) -> str:
    """A setting as text that is the same wherever the setting is."""
    return json.dumps(setting, sort_keys=True)


def best(trials: Sequence[FrozenTrial]) -> FrozenTrial:
    """The complete trial of the highest value; of equals the one whose setting reads first, whichever worker was faster.

    Raises:
        BenchError: no trial is complete.
    """
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if not complete:
        errors = {str(t.user_attrs[ERROR]) for t in trials if ERROR in t.user_attrs}
        raise BenchError(f"no trial was completed{': ' + '; '.join(sorted(errors)[:3]) if errors else ''}.")
    return min(complete, key=lambda trial: (-(trial.value or 0.0), written(trial.params), trial.number))
