"""Boosted trees on age, sex, height and weight: the baseline without an ECG."""

from __future__ import annotations

import itertools
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import BeforeValidator, Field

from bench.errors import ConfigError
from bench.method import LabelledData, Method, MethodConfig
from bench.method.search_space import Categorical
from bench.signals.input_spec import InputSpec
from bench.training.objective import Objective, objective_for

ROUNDS, DEPTHS = (50, 75, 100, 125, 150), (3, 4, 5, 6, 7, 8)
RATES, SUBSAMPLES = (0.1, 0.2, 0.3), (0.5, 0.75, 1.0)


def _several(value: Any) -> Any:
    """A single value, as a sweep sets it, is a list of one."""
    return (value,) if isinstance(value, int | float) else value


Whole = Annotated[tuple[int, ...], BeforeValidator(_several)]
Numbers = Annotated[tuple[float, ...], BeforeValidator(_several)]

OBJECTIVES = {
    "binary": "binary:logistic",
    "softmax": "multi:softprob",
    "squared": "reg:squarederror",
    "cox": "survival:cox",
}


class XGBoostTabular(Method):
    """Boosted trees on demographic data; the setting with the best validation value is kept.

    Source: Turgut et al. (MMCL), Medical Image Analysis 2025, IV-D.1 and Table I: XGBoost (Chen and Guestrin, KDD 2016),
    cross-entropy or squared error, all 270 settings of the grid. Several columns get separate trees.
    """

    name = "xgboost-tabular"
    family = "tabular"
    seed_changes_fit: ClassVar = False  # where all records are taken (subsamples=[1.0]), nothing is drawn
    input = InputSpec(fs=100, seconds=0.5, downstream=("tabular",))  # the signal is not looked at
    smoke: ClassVar = {"rounds": (50,), "depths": (3, 5), "rates": (0.1,), "subsamples": (1.0,)}

    spaces: ClassVar = {
        "scratch": {
            "rounds": Categorical(choices=ROUNDS),
            "depths": Categorical(choices=DEPTHS),
            "rates": Categorical(choices=RATES),
            "subsamples": Categorical(choices=SUBSAMPLES),
        }
    }
    """The same grid, for ``bench sweep``: one setting a trial, where ``fit`` by itself tries all of them."""

    class Config(MethodConfig):
        rounds: Whole = Field(ROUNDS, min_length=1, description="of boosting; MMCL IV-D.1")
        depths: Whole = Field(DEPTHS, min_length=1, description="of the trees; MMCL IV-D.1")
        rates: Numbers = Field(RATES, min_length=1, description="learning rates; MMCL IV-D.1")
        subsamples: Numbers = Field(SUBSAMPLES, min_length=1, description="of the records; MMCL IV-D.1")

    def fit(self, train: LabelledData, validation: LabelledData) -> XGBoostTabular:
        try:
            import xgboost
        except ImportError as error:
            raise ConfigError("xgboost-tabular needs XGBoost: pip install 'ecg-bench[xgboost]'.") from error
        config = self.config
        self.objective = objective_for(train.kind, train.n_outputs)
        known = xgboost.DMatrix(_tabular(train))
        held = xgboost.DMatrix(_tabular(validation))
        columns = self._labels(train)
        seed = torch.initial_seed() % 2**31
        best = -np.inf
        for depth, rate, subsample in itertools.product(config.depths, config.rates, config.subsamples):
            settings: dict[str, Any] = {
                "objective": OBJECTIVES[self.objective.loss_name],
                "max_depth": depth,
                "eta": rate,
                "subsample": subsample,
                "seed": seed,
                "nthread": 1,
            }
            if self.objective.loss_name == "softmax":
                settings["num_class"] = self.objective.n_outputs
            boosters = []
            for column in columns:
                rows = np.flatnonzero(~np.isnan(column))  # known ones; with none, every record counts as 0
                column, rows = (column, rows) if len(rows) else (np.zeros_like(column), np.arange(len(column)))
                labelled = known if len(rows) == len(column) else known.slice(rows)
                labelled.set_label(column[rows])
                boosters.append(xgboost.train(settings, labelled, max(config.rounds)))
            for rounds in config.rounds:
                value = self.objective.selection_value(
                    validation.targets, _scores(boosters, held, rounds, self.objective)
                )
                if value > best or not hasattr(self, "boosters"):
                    best = value
                    self.boosters, self.rounds, self.chosen = boosters, rounds, settings | {"rounds": rounds}
        return self

    def predict(self, data: LabelledData) -> np.ndarray:
        """Scores of a partition."""
        import xgboost

        return _scores(self.boosters, xgboost.DMatrix(_tabular(data)), self.rounds, self.objective)

    def _labels(self, data: LabelledData) -> list[np.ndarray]:
        targets = data.targets
        if self.objective.loss_name == "cox":  # XGBoost marks censored times by their sign
            return [np.where(targets[:, 1] > 0, targets[:, 0], -targets[:, 0])]
        return [targets] if targets.ndim == 1 else list(targets.T)


def _tabular(data: LabelledData) -> np.ndarray:
    return np.concatenate([batch.tabular.numpy() for batch in data.batches])


def _scores(boosters: list[Any], table: Any, rounds: int, objective: Objective) -> np.ndarray:
    outputs = [booster.predict(table, iteration_range=(0, rounds)).astype(np.float64) for booster in boosters]
    if objective.loss_name == "cox":
        return np.log(np.maximum(outputs[0], 1e-300))
    return outputs[0] if objective.loss_name == "softmax" else np.stack(outputs, axis=1)
