"""A board file, and finished cells with predictions that were really scored."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.cells.result import SCHEMA, Result, write_result
from bench.leaderboard.board import Board, read_board
from bench.scoring.score import score
from bench.storage.artifacts import digest

CLASSES = ["HYP", "NORM", "MI", "CD", "STTC"]


BOARD = """
title: Two tasks
source: A paper, Table 9
metric: macro_auroc
scale: 100
columns:
  - {group: Super, label: "100%", task: ptbxl-super, mode: linear}
  - {group: Sub, label: "100%", task: ptbxl-sub, mode: linear, fraction: 1.0}
  - {label: Mean, mean_of: [Super 100%, Sub 100%]}
rows:
  - {group: Text, label: MERL, method: merl, published: [88.67, 84.72, 86.70]}
  - {group: Text, label: MERL (ViT), method: merl, config: {backbone: vit-tiny}, published: [85.27, 82.98, null]}
  - {group: Text, label: K-MERL, method: kmerl, published: [89.83, 88.00, 88.92]}
  - {label: Somebody, published: [50, [60.5, 0.25], null]}
"""


@pytest.fixture
def path(tmp_path) -> Path:
    path = tmp_path / "two.yaml"
    path.write_text(BOARD, encoding="utf-8")
    return path


@pytest.fixture
def board(path) -> Board:
    return read_board(path)


@pytest.fixture(scope="session")
def scored_result(make_result):
    """A function that stores a cell of ptbxl-super whose predictions are as good as ``skill`` says.

    The same predictions are scored once: most tests ask for the same three methods.
    """
    scored: dict[tuple[bytes, ...], dict] = {}

    def store(results, method, skill, *, noise=0, records=200, patients=None, **keywords) -> Result:
        keywords = {"task": "ptbxl-super", "data": "simulated", "profile": "smoke", "complete": False} | keywords
        truth = np.random.default_rng(int(digest([keywords["task"], keywords.get("fold", 0)])[:8], 16))
        both = 2 * records
        targets = (truth.random((both, 5)) < [0.5, 0.4, 0.3, 0.2, 0.1]).astype(np.uint8)
        training = keywords.get("training", 0)
        own = np.random.default_rng([noise, int(digest(method)[:8], 16), *([training] if training else [])])
        scores = skill * targets + own.normal(size=targets.shape)
        ids = np.array([str(k) for k in range(both)])
        who = ids if patients is None else patients
        half = slice(0, records), slice(records, both)
        same = targets.tobytes(), scores.tobytes(), who.tobytes()
        if same not in scored:
            scored[same] = score(
                "multilabel",
                targets[half[1]],
                scores[half[1]],
                CLASSES,
                who[half[1]],
                validation=(targets[half[0]], scores[half[0]]),
            ).to_dict()
        base = make_result(method, n_records=records, **keywords)
        config = keywords.get("config")
        name = digest([method, config] if config else method)
        inputs = {"method": name, "data": "0" * 32, "checkpoint": base.checkpoint.get("key")}
        corpus = (base.checkpoint.get("corpus") or {}).get("dataset")
        cell = base.cell
        key = digest([SCHEMA, list(cell.to_dict().values()), base.profile, base.data, list(inputs.values())])
        result = replace(
            base, key=key, inputs=inputs, score=copy.deepcopy(scored[same]), split=base.split | {"name": "ptbxl-super"},
            contamination_evidence={"corpus": corpus, "tested": records, "test_records": 0},
            counts={"train": 400, "validation": records, "test": records, "expected": None},
        )  # fmt: skip
        table = {"record_id": ids, "patient_id": who, "partition": ["validation"] * records + ["test"] * records}
        table |= {f"target_{c}": targets[:, k] for k, c in enumerate(CLASSES)}
        table |= {f"score_{c}": scores[:, k] for k, c in enumerate(CLASSES)}
        return write_result(results, result, pd.DataFrame(table))

    return store
