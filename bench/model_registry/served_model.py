"""The code of a registered model: MLflow runs this file where the model is loaded, and no pickle is opened.

ecg-bench must be installed there, with the package of the method. The weights are the checkpoint's safetensors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np

from bench.model_registry.predict import Predictor, from_rows


class ServedModel(mlflow.pyfunc.PythonModel):
    """Recordings in mV, float32 [record, lead, time] -> features or class scores, [record, ...]."""

    def load_context(self, context: Any) -> None:
        """Load the weights."""
        facts = context.model_config
        checkpoint = Path(context.artifacts["checkpoint"])
        self.predictor = Predictor(facts["method"], checkpoint, facts["fs"], from_rows(facts["classes"]))

    def predict(self, context, model_input, params=None):  # MLflow would take annotations for the signature
        """The output that the model's signature states."""
        return self.predictor(np.asarray(model_input))


mlflow.models.set_model(ServedModel())
