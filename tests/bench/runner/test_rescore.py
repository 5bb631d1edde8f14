"""Metrics of stored predictions, computed again."""

from dataclasses import replace

import numpy as np
import pandas as pd

from bench import registry
from bench.cells.result import write_result
from bench.runner.rescore import differences, rescored
from bench.scoring.score import score


def test_predictions_without_validation_records_are_scored_again(make_result, tmp_path):
    """Zero-shot results of a task of one class each choose nothing, so that no validation record is scored."""
    classes = list(registry.load(registry.TASKS, "ptbxl-single").classes)
    rng = np.random.default_rng(0)
    targets = rng.integers(len(classes), size=50)
    scores = rng.dirichlet(np.ones(len(classes)), size=50)
    ids = np.arange(50).astype(str)
    scored = score("multiclass", targets, scores, classes, ids).to_dict()
    columns = {"record_id": ids, "patient_id": ids, "partition": "test", "target": targets}
    columns |= {f"score_{name}": scores[:, k] for k, name in enumerate(classes)}
    result = replace(make_result("etp", task="ptbxl-single", mode="zeroshot"), score=scored)
    assert differences(scored, rescored(write_result(tmp_path, result, pd.DataFrame(columns)))) == []
