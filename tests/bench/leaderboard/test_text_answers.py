"""Tables of retrieval, from answers that are kept."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from bench.leaderboard.text_answers import FOLDER, retrieval_tables
from bench.storage import artifacts
from bench.storage.artifacts import digest, once, write_json


def test_of_two_answers_to_one_question_the_newer_counts(store_result, tmp_path, monkeypatch):
    result = store_result(tmp_path / "results", method="merl", mode="zeroshot", task="ptbxl-super", data="simulated")
    patients = [str(k) for k in range(20)]
    for year, texts, rank in ((2024, "of an earlier version", 2.0), (2025, "of this one", 1.0)):
        inputs = {"result": result.key, "what": "retrieval", "text": "report", "texts": texts, "records": "all"}

        def make(folder, rank=rank):
            np.save(folder / "ranks.npy", np.full((2, 20), rank))
            write_json(folder / "facts.json", {"text": "report", "distinct": 20, "patients": patients})

        clock = type("Clock", (), {"now": lambda zone, year=year: datetime(year, 1, 1, tzinfo=UTC)})
        monkeypatch.setattr(artifacts, "datetime", clock)
        once(tmp_path / FOLDER / f"{result.key}-retrieval-{digest(inputs)[:8]}", make, "retrieval", inputs)
    ((row,),) = [table.rows for table in retrieval_tables([result])]
    assert row.replicates == 1
    assert not retrieval_tables([replace(result, level="rescored")])  # answers next to cards are not checked
    assert {metrics["mrr"][0] for metrics in row.values.values()} == {1.0}
