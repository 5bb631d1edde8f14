"""The traditional risk model: fifteen ECG parameters in a ridge Cox regression."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import BeforeValidator, Field

from bench import kinds
from bench.errors import ConfigError, DataError
from bench.method import LabelledData, Method, MethodConfig
from bench.method.search_space import LogUniform
from bench.scoring.survival import harrell_c
from bench.signals.input_spec import InputSpec
from methods.ecg_parameters import ecg_parameters


def _several(value: Any) -> Any:
    """A single value, as a sweep sets it, is a list of one."""
    return (value,) if isinstance(value, int | float) else value


class CoxECG(Method):
    """Ridge Cox regression on the parameters that clinicians read off an ECG.

    Source: Chen et al. (LLM-DAN), IEEE Transactions on Big Data 2024, V-C and Table IV, and its released code: only the
    rate is standardised, the penalty is the power of ten from -2 to 5 with the best C-index on the inner validation data,
    and the model is not fitted again on all of them. Deviations: by scikit-survival, not lifelines; a grid takes the place
    of a particle swarm; the rate is standardised on the training data, not on the whole cohort.
    """

    name = "cox-ecg"
    family = "tabular"
    input = InputSpec(fs=500, seconds=10)
    only_kinds: ClassVar = ("survival",)
    seed_changes_fit: ClassVar = False
    spaces: ClassVar = {"scratch": {"penalties": LogUniform(low=1e-2, high=1e5)}}
    """Released code: the power of ten from -2 to 5, in 50 evaluations. ``fit`` by itself tries the whole powers."""

    class Config(MethodConfig):
        penalties: Annotated[tuple[float, ...], BeforeValidator(_several)] = Field(
            tuple(10.0**p for p in range(-2, 6)),
            min_length=1,
            description="ridge penalties to choose from on validation data; released code: 1e-2 to 1e5",
        )

    def fit(self, train: LabelledData, validation: LabelledData) -> CoxECG:
        from sksurv.linear_model import CoxPHSurvivalAnalysis
        from sksurv.util import Surv

        if not kinds.load(train.kind).follow_up:
            raise ConfigError(f"cox-ecg predicts survival; this task is {train.kind}.")
        features = self._features(train)
        rate = features[:, 0]
        if np.isnan(rate).all():
            raise DataError("cox-ecg: no heart rate was found in any training recording; check that these are ECGs.")
        self.mean, self.deviation = float(np.nanmean(rate)), float(np.nanstd(rate)) or 1.0
        known, held = self._scaled(features), self._scaled(self._features(validation))
        outcome = Surv.from_arrays(train.targets[:, 1].astype(bool), train.targets[:, 0])
        best = -np.inf
        for penalty in self.config.penalties:
            model = CoxPHSurvivalAnalysis(alpha=penalty, ties="breslow").fit(known, outcome)
            value = harrell_c(validation.targets[:, 0], validation.targets[:, 1].astype(bool), model.predict(held))
            if value > best or best == -np.inf:  # without a comparable pair in validation, the first penalty
                best, self.model, self.penalty = (value if np.isfinite(value) else -np.inf), model, penalty
                if not np.isfinite(value):
                    break
        return self

    def predict(self, data: LabelledData) -> np.ndarray:
        """Log risk of a partition."""
        return self.model.predict(self._scaled(self._features(data)))

    def _features(self, data: LabelledData) -> np.ndarray:
        reported: list[dict[Any, Any]] = data.records.to_dict("records")
        rows: list[np.ndarray] = []
        for batch in data.batches:
            for signal in batch.ecg.numpy():
                rows.append(ecg_parameters(signal, self.input.fs, reported[len(rows)]))
        return np.stack(rows)

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        """The rate with mean 0 and SD 1, unknown ones at the mean; findings as they are."""
        scaled = features.copy()
        scaled[:, 0] = np.nan_to_num((features[:, 0] - self.mean) / self.deviation)
        return scaled
