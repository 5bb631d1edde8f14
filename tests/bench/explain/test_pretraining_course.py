"""``bench explain CHECKPOINT``: a pretraining epoch by epoch, with the verdict on its representations."""

import json

import pandas as pd
import pytest

from bench.errors import ConfigError
from bench.explain.figure import save
from bench.explain.pretraining import draw_pretraining, epochs_of, lines_of

FACTS = {"key": "0123", "method": "simclr", "weights_sha256": "0", "corpus": {}, "records": {"train": 1282}}


@pytest.fixture
def checkpoint(tmp_path):
    def make(ranks, accuracy=0.5):
        folder = tmp_path / "simclr-0123"
        folder.mkdir(exist_ok=True)
        rows = [
            {
                "epoch": i + 1, "lr": 0.1, "nt_xent": 4 / (i + 1), "validation_nt_xent": 5 / (i + 1), "seconds": 1.0,
                "centred_rank": rank, "untrained_rank": 40.0, "feature_sd": 0.1, "contrast_accuracy": accuracy,
                "contrast_chance": 1 / 64, "probe": 0.8 if i % 2 else None,
            }
            for i, rank in enumerate(ranks)
        ]  # fmt: skip
        pd.DataFrame(rows).to_csv(folder / "history.csv", index=False)
        (folder / "provenance.json").write_text(json.dumps(FACTS))
        return folder

    return make


def test_a_course_is_a_table_with_the_first_and_last_epoch_and_a_verdict(checkpoint):
    folder = checkpoint([40 - i for i in range(30)])
    lines = list(lines_of(folder))
    assert lines[0] == "simclr, checkpoint simclr-0123: 30 epochs, 1,282 recordings"
    rows = [line.split() for line in lines[2:14]]
    assert [row[0] for row in rows][::11] == ["1", "30"]
    assert rows[0][1:4] == ["4", "5", "40"]
    assert "chance" in lines[1]
    assert "The representations have not collapsed." in lines
    assert "in 50% of the cases; chance is 1.6%" in lines[-1]
    epoch = epochs_of(folder)[1]
    assert (epoch["loss"], epoch["validation_loss"], epoch["probe"]) == (2.0, 2.5, 0.8)


def test_a_collapse_is_stated_with_both_ranks(checkpoint):
    text = "\n".join(lines_of(checkpoint([30, 10, 1.1])))
    assert "simclr-0123: the representations have collapsed" in text
    assert "is 1.1, and was 40.0 before" in text


def test_the_course_is_drawn_and_an_imported_checkpoint_refused(checkpoint, tmp_path):
    folder = checkpoint([40, 30])
    figure = draw_pretraining(folder)
    assert [axis.get_title() for axis in figure.axes] == [
        "loss", "rank of centred features", "contrast", "probe on validation records"
    ]  # fmt: skip
    assert all(path.stat().st_size > 1000 for path in save(figure, tmp_path / "out", "pretraining"))
    (folder / "history.csv").unlink()
    with pytest.raises(ConfigError, match="simclr-0123 has no history.csv: it was imported"):
        epochs_of(folder)
