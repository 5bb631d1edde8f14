"""Samplers propose settings and pruners stop trials early: Optuna's, made reproducible."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import optuna
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from bench.errors import ConfigError
from bench.method.search_space import Categorical, Spaces
from bench.seeding import derive
from bench.sweep.trials import position

SamplerName = Literal["tpe", "grid", "cmaes", "random"]
PrunerName = Literal["none", "median", "hyperband"]


class SeededByPlace(BaseSampler):
    """A sampler that is made again for each trial, seeded by the sweep's seed and the trial's position in the study.

    A sampler seeded once proposes the same setting in every worker, and another one after a restart than it would have
    without. The position does not count what was interrupted, so that a trial's stand-in draws what the trial drew.
    """

    def __init__(self, make: Callable[[int], BaseSampler], seed: int):
        self._make, self._seed = make, seed
        self._sampler = make(derive("sweep", seed, 0) % 2**32)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._sampler = self._make(derive("sweep", self._seed, position(study, trial.number)) % 2**32)
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self._sampler.after_trial(study, trial, state, values)


def sampler_for(name: SamplerName, spaces: Spaces, seed: int) -> BaseSampler:
    """The sampler of a study.

    Raises:
        ConfigError: a grid over a range without points; cmaes over fields that are not numbers, or over one alone.
    """
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    if name == "grid":
        values: Mapping[str, list[Any]] = {field: space.grid() for field, space in spaces.items()}
        # the order of the grid is the study's, and with it the meaning of a point's number
        return SeededByPlace(lambda _: optuna.samplers.GridSampler(values, seed=derive("grid", seed) % 2**32), seed)
    if name == "cmaes":
        unordered = [field for field, space in spaces.items() if isinstance(space, Categorical)]
        if unordered or len(spaces) < 2:
            reason = f"{', '.join(unordered)} has listed values" if unordered else "there is one field"
            raise ConfigError(f"--sampler cmaes adapts a covariance between two numbers or more; {reason}. Use tpe.")
        return SeededByPlace(
            lambda drawn: optuna.samplers.CmaEsSampler(seed=drawn, warn_independent_sampling=False), seed
        )
    if name == "random":
        return SeededByPlace(lambda drawn: optuna.samplers.RandomSampler(seed=drawn), seed)
    # constant_liar: what other workers are at counts as bad, so that they do not all try the same
    return SeededByPlace(lambda drawn: optuna.samplers.TPESampler(seed=drawn, constant_liar=True), seed)


def pruner_for(name: PrunerName, epochs: int | None) -> BasePruner:
    """The pruner of a study.

    Args:
        epochs: the most that a trial can report; None where the mode has none.

    Raises:
        ConfigError: the mode reports no epochs, so that nothing could ever be pruned.
    """
    if name == "none":
        return optuna.pruners.NopPruner()
    if epochs is None:
        raise ConfigError(f"--pruner {name}: settings report no intermediate values here; use --pruner none.")
    if name == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=max(1, epochs // 10))
    return optuna.pruners.HyperbandPruner(min_resource=max(1, epochs // 27), max_resource=epochs, reduction_factor=3)
