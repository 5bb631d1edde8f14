"""Boosted trees on simple statistics of each lead: labels and a few hundred numbers, without a network."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field

from bench.batch import ECGBatch
from bench.errors import ConfigError
from bench.method import LabelledData
from bench.method.search_space import Categorical
from bench.signals.input_spec import InputSpec
from methods.simple_statistics import SimpleStatistics
from methods.xgboost_tabular import Numbers, Whole, XGBoostTabular

ROUNDS, DEPTHS, RATES, SUBSAMPLES = (50, 100, 150), (3, 5), (0.1,), (0.75,)


class XGBoostStatistics(XGBoostTabular):
    """Boosted trees on the features of simple-statistics; the setting with the best validation value is kept.

    Source: this package; the trees are those of xgboost-tabular (Chen and Guistrin, KDD 2016), with a smaller grid because
    there are many more columns. Several classes get separate trees.
    """

    name = "xgboost-statistics"
    family = "features"
    input = InputSpec(fs=100, seconds=10, partial_leads=True)
    smoke: ClassVar = {"rounds": (50,), "depths": (3,)}
    spaces: ClassVar = {
        "scratch": {
            "rounds": Categorical(choices=ROUNDS),
            "depths": Categorical(choices=DEPTHS),
        }
    }

    class Config(XGBoostTabular.Config):
        rounds: Whole = Field(ROUNDS, min_length=1, description="of boosting; this package")
        depths: Whole = Field(DEPTHS, min_length=1, description="of the trees; this package")
        rates: Numbers = Field(RATES, min_length=1, description="learning rates; this package")
        subsamples: Numbers = Field(SUBSAMPLES, min_length=1, description="of the records; this package")

    def fit(self, train: LabelledData, validation: LabelledData) -> XGBoostStatistics:
        if importlib.util.find_spec("xgboost") is None:
            raise ConfigError("xgboost-statistics needs XGBoost: pip install 'ecg-bench[xgboost]'.")
        super().fit(_described(train), _described(validation))
        return self

    def predict(self, data: LabelledData) -> np.ndarray:
        """Scores of a partition."""
        return super().predict(_described(data))


class _Statistics:
    """Batches whose tabular variables are the statistics of their recordings."""

    def __init__(self, batches: Any):
        self.batches, self.statistics = batches, SimpleStatistics()

    def __iter__(self) -> Iterator[ECGBatch]:
        for batch in self.batches:
            with torch.no_grad():
                yield replace(batch, tabular=self.statistics.encode(batch))


def _described(data: LabelledData) -> LabelledData:
    return replace(data, batches=_Statistics(data.batches))
