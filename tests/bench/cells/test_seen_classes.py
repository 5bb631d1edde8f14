"""Seen and unseen classes: from what pretraining said to the metrics of a zero-shot result."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from bench.cells.seen_classes import seen_classes
from bench.errors import DataError
from bench.method import Corpus, Method
from bench.training.checkpoint_files import read_concepts
from methods.text.encoder import TextEncoderConfig
from methods.text.tower import TextTower

REPORTS = ["Sinus rhythm. Left bundle branch block.", "sinus rhythm.", "anterior infarct", ""]


@pytest.fixture(scope="module")
def tower():
    tower = TextTower(TextEncoderConfig())
    tower.read(Corpus("made-up", pd.DataFrame(), np.array([True, True, False, True]), np.zeros(4, bool), REPORTS))
    return tower


class Reader(Method):
    """Compares words, and no more. Source: this test."""

    name = "reader"

    def build(self, config):
        self.encoder = torch.nn.Identity()

    def nearest_concepts(self, class_names, concepts):
        return self.tower.nearest(class_names, concepts)


def test_statements_are_those_of_the_training_reports_each_once(tower):
    assert tower.statements == ("sinus rhythm", "left bundle branch block")


def test_a_class_is_seen_if_its_name_is_said_in_any_case(tower, tmp_path):
    (tmp_path / "concepts.json").write_text(json.dumps(tower.statements))
    method = Reader()
    method.tower = tower
    labels, words = ["SR", "AMI"], ["Sinus Rhythm", "anterior myocardial infarction"]
    found = seen_classes(method, tmp_path, labels, words)
    assert found.groups == {"seen": ["SR"], "unseen": ["AMI"]}
    kept = found.to_dict()
    assert kept["classes"]["SR"] == {"seen": True, "nearest": "sinus rhythm", "similarity": pytest.approx(1, abs=1e-3)}
    assert kept["classes"]["AMI"]["similarity"] < 0.95
    assert (kept["concepts"], kept["similarity_above"]) == (2, 0.95)


def test_without_words_nothing_is_claimed(tmp_path):
    assert seen_classes(Reader(), None, ["SR"], ["sinus rhythm"]).to_dict() == {}
    assert seen_classes(Reader(), tmp_path, ["SR"], ["sinus rhythm"]).groups == {"seen": [], "unseen": []}
    (tmp_path / "concepts.json").write_text('{"a": 1}')
    with pytest.raises(DataError, match="pretrain again"):
        read_concepts(tmp_path)
