"""Forged cards: each kind is refused, or shown at the level of proof that it has; honest ones are accepted.

Every forger here knows the code of bench and brings digests, keys and metrics up to date.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bench.cli.main import app
from bench.leaderboard.card_form import Card
from bench.leaderboard.cards import judge_card, judge_cards
from bench.leaderboard.validation.replays import ReplayRecord, record_replay
from bench.leaderboard.validation.validate import Judged, compared_with_each_other
from bench.leaderboard.validation.verdict import Verdict
from bench.runner.replay_from_corpus import SAME, replay_from_corpus
from bench.storage.workspace import Workspace

CLASSES = ["HYP", "NORM", "MI", "CD", "STTC"]
TARGETS = [f"target_{name}" for name in CLASSES]


def test_rows(table):
    return table.index[table.partition == "test"]


test_rows.__test__ = False


def dropped(forged):
    rows = test_rows(forged.table)
    forged.table = forged.table.drop(index=rows[:2]).reset_index(drop=True)
    return forged.scored_again()


def repeated(forged):
    rows = test_rows(forged.table)
    forged.table.loc[rows[0]] = forged.table.loc[rows[1]]
    return forged.scored_again()


def added(forged):
    extra = forged.table.loc[[test_rows(forged.table)[0]]].assign(record_id="999999", patient_id="999999")
    forged.table = pd.concat([forged.table, extra], ignore_index=True)
    return forged.scored_again()


def of_training(forged):
    """The first test record is one of the training part, with its labels."""
    forged.table.loc[test_rows(forged.table)[0], ["record_id", "patient_id"]] = ["1", "1"]
    return forged.scored_again()


def of_validation(forged):
    rows = test_rows(forged.table)
    forged.table.loc[rows[0]] = forged.table.iloc[0].to_dict() | {"partition": "test"}
    return forged.scored_again()


def invented(forged, **more):
    forged.table["record_id"] = [f"x{i}" for i in range(len(forged.table))]
    forged.table["patient_id"] = forged.table["record_id"]
    for name, value in more.items():
        forged.card["split"][name] = value
    return forged.scored_again()


def incomplete(forged):
    """Not all records, so that the split's file states nothing about them."""
    forged.card["split"]["complete"] = False
    forged.card["dataset"]["version"] = "1.0.3 (some records)"
    return forged


def labels_fit(forged, partition="test"):
    rows = forged.table.index[forged.table.partition == partition]
    scores = forged.table.loc[rows, [f"score_{name}" for name in CLASSES]].to_numpy()
    forged.table.loc[rows, TARGETS] = (scores > np.median(scores, axis=0)).astype(np.uint8)
    return forged.scored_again()


def patients_permuted(forged):
    rows = test_rows(forged.table)
    forged.table.loc[rows, "patient_id"] = np.roll(forged.table.loc[rows, "patient_id"].to_numpy(), 1)
    return forged.scored_again()


def own_patients(forged):
    rows = test_rows(forged.table)
    forged.table.loc[rows, "patient_id"] = [f"p{i}" for i in range(len(rows))]
    return forged.scored_again()


def invented_scores(forged):
    rows = test_rows(forged.table)
    truth = forged.table.loc[rows, TARGETS].to_numpy()
    noise = np.random.default_rng(0).normal(size=truth.shape)
    forged.table.loc[rows, [f"score_{name}" for name in CLASSES]] = truth + 0.5 * noise
    return forged.scored_again()


def columns_swapped(forged, prefix):
    first, second = f"{prefix}_HYP", f"{prefix}_NORM"
    order = {first: second, second: first}
    forged.table = forged.table[[order.get(name, name) for name in forged.table]]
    return forged.scored_again()


def seen(forged, similarity=0.99, is_seen=False):
    facts = {name: {"seen": is_seen, "nearest": name, "similarity": similarity} for name in CLASSES}
    forged.card["seen"] = {"similarity_above": 0.95, "concepts": 5, "classes": facts}
    return forged.scored_again()


def another_commit(forged):
    forged.card["provenance"]["git_commit"] = "1" * 40
    return forged


def another_method(forged):
    return forged.set("cell", "method", to="byol").keyed_again()


def coordinates(forged, **more):
    for name, value in more.items():
        forged.set("cell", name, to=value)
    return forged.keyed_again()


def corpus(forged, name="mimic-iv-ecg"):
    forged.set("checkpoint", "corpus", "dataset", to=name)
    forged.card["contamination_evidence"]["corpus"] = name
    return forged.set("contamination", to="none")


def metric(forged, **values):
    forged.card["score"]["metrics"]["macro_f1"] |= values
    return forged


def class_and_mean(forged):
    """One class is better, and the mean with it."""
    per_class, left_out = forged.card["score"]["per_class"], forged.card["score"]["left_out"]
    counted = [name for name in per_class if name not in left_out]
    per_class[counted[0]]["auroc"] = 1.0
    values = [per_class[name]["auroc"] for name in counted]
    mean = float(np.mean(values))
    forged.card["score"]["metrics"]["macro_auroc"] = {"value": mean, "low": mean - 0.01, "high": min(1.0, mean + 0.01)}
    return forged


REFUSED = {
    "real-called-simulated": lambda f: incomplete(f).set("data", to="simulated").keyed_again(),
    "smoke-called-paper": lambda f: f.set("profile", to="paper").keyed_again(),
    "contamination-none": lambda f: f.set("contamination", to="none"),
    "contamination-none-no-evidence": lambda f: f.set("contamination", to="none").set("contamination_evidence", to={}),
    "contamination-milder": lambda f: f.set("contamination_evidence", "test_records", to=5),
    "contamination-untested": lambda f: f.set("contamination_evidence", "tested", to=None).set(
        "contamination_evidence", "test_records", to=None
    ),
    "corpus-renamed": corpus,
    "corpus-simulated": lambda f: f.set("checkpoint", "corpus", "data", to="simulated").set("contamination", to="none"),
    "checkpoint-removed": lambda f: (
        f.set("checkpoint", to={}).set("inputs", "checkpoint", to=None).set("contamination", to="none").keyed_again()
    ),
    "checkpoint-key": lambda f: f.set("checkpoint", "key", to="1" * 32),
    "checkpoint-key-in-both": lambda f: (
        f.set("checkpoint", "key", to="1" * 32).set("inputs", "checkpoint", to="1" * 32).keyed_again()
    ),
    "checkpoint-name": lambda f: f.set("checkpoint", "name", to="../../evil"),
    "method-another": another_method,
    "method-another-inputs": lambda f: f.set("cell", "method", to="byol").inputs_again().keyed_again(),
    "method-name": lambda f: f.set("cell", "method", to="../../evil").keyed_again(),
    "config-edited": lambda f: f.set("config", "method", "temperature", to=0.05),
    "config-edited-with-inputs": lambda f: (
        f.set("config", "method", "temperature", to=0.05).inputs_again().keyed_again()
    ),
    "config-of-mode": lambda f: f.set("config", "linear", "lr", to=0.5).inputs_again().keyed_again(),
    "config-field": lambda f: f.set("config", "method", "secret", to=1),
    "overrides-hidden": lambda f: f.set("provenance", "overrides", to=[]),
    "inputs-code": lambda f: f.set("inputs", "code", to="1" * 32).keyed_again(),
    "inputs-transforms": lambda f: f.set("inputs", "transforms", to="1" * 32).keyed_again(),
    "recordings-others": lambda f: f.set("dataset", "digest", to="1" * 32),
    "started-2099": lambda f: f.set("provenance", "started", to="2099-01-01T00:00:00+00:00"),
    "finished-2099": lambda f: f.set("checkpoint", "finished", to="2099-01-01T00:00:00+00:00"),
    "started-someday": lambda f: f.set("provenance", "started", to="yesterday"),
    "split-digest": lambda f: f.set("split", "digest", to="1" * 32).inputs_again().keyed_again(),
    "split-another-task": lambda f: f.set("split", "name", to="ptbxl-sub"),
    "split-incomplete-claim": lambda f: f.set("split", "complete", to=False),
    "fold-another": lambda f: coordinates(f, fold=3),
    "lead-unknown": lambda f: f.set("cell", "leads", to=["X9"]),
    "lead-twice": lambda f: coordinates(f, leads=["I", "I"]),
    "fraction-without-count": lambda f: coordinates(f, fraction=0.1),
    "mode-another": lambda f: coordinates(f, mode="finetune"),
    "mode-of-protocol": lambda f: coordinates(f, mode="linear-merl-released"),
    "training-count": lambda f: f.set("counts", "train", to=17),
    "ids-invented": invented,
    "record-dropped": dropped,
    "record-repeated": repeated,
    "record-added": added,
    "record-of-training": of_training,
    "record-of-validation": of_validation,
    "labels-fit": labels_fit,
    "labels-of-validation-fit": lambda f: labels_fit(f, "validation"),
    "patients-permuted": patients_permuted,
    "patients-own": own_patients,
    "columns-of-targets-swapped": lambda f: columns_swapped(f, "target"),
    "columns-of-scores-swapped": lambda f: columns_swapped(f, "score"),
    "seen-called-unseen": seen,
    "metric-better": lambda f: metric(f, value=0.9, low=0.85, high=0.95),
    "interval-narrower": lambda f: metric(f, low=f.card["score"]["metrics"]["macro_f1"]["value"]),
    "class-better": class_and_mean,
    "thresholds-edited": lambda f: f.set("score", "thresholds", to=dict.fromkeys(CLASSES, 0.123)),
    "patients-of-score": lambda f: f.set("score", "n_clusters", to=1),
}
SHOWN = {
    # what only a replay can tell: the card contradicts nothing
    "scores-invented": (invented_scores, "rescored"),
    "leads-fewer": (lambda f: coordinates(f, leads=["I", "II"]), "rescored"),
    # what nobody could verify here
    "ids-invented-incomplete": (lambda f: invented(incomplete(f)), "schema"),
    "labels-fit-incomplete": (lambda f: labels_fit(incomplete(f)), "schema"),
    "simulated-called-real": (incomplete, "schema"),
    "method-another-commit": (lambda f: another_commit(another_method(f)), "schema"),
}


def test_an_honest_card_is_accepted_and_shown_as_rescored(forge, honest, tmp_path):
    path = forge().write(tmp_path)
    for source in (None, honest.source):
        verdict = judge_card(path, source=source).verdict
        assert (verdict.problems, verdict.level) == ([], "rescored"), verdict.checks
    (tmp_path / "card.parquet").unlink()
    assert judge_card(path).verdict.level == "schema"


def test_a_card_of_an_older_commit_is_rescored_if_the_code_of_its_method_is_the_same(forge, tmp_path):
    verdict = judge_card(another_commit(forge()).write(tmp_path)).verdict
    assert (verdict.problems, verdict.level) == ([], "rescored"), verdict.checks
    changed = another_commit(forge().set("inputs", "code", to="1" * 32).keyed_again())
    verdict = judge_card(changed.write(tmp_path)).verdict
    assert (verdict.problems, verdict.level) == ([], "schema"), verdict.checks


@pytest.mark.parametrize("name", REFUSED)
def test_a_forged_card_is_refused(name, forge, tmp_path):
    verdict = judge_card(REFUSED[name](forge()).write(tmp_path)).verdict
    assert verdict.problems, verdict.checks


@pytest.mark.parametrize("name", SHOWN)
def test_a_forgery_that_cannot_be_told_has_the_level_of_what_was_checked(name, forge, tmp_path):
    change, level = SHOWN[name]
    verdict = judge_card(change(forge()).write(tmp_path)).verdict
    assert (verdict.problems, verdict.level) == ([], level)


@pytest.mark.parametrize("name", ["ids-invented-incomplete", "labels-fit-incomplete"])
def test_data_in_the_workspace_tell_what_the_splits_file_cannot(name, forge, honest, tmp_path):
    change, _ = SHOWN[name]
    verdict = judge_card(change(forge()).write(tmp_path), source=honest.source).verdict
    assert any("are not those of the" in problem for problem in verdict.problems)


def test_a_seed_called_another_and_a_card_that_comes_twice_are_refused(forge, tmp_path):
    forge().write(tmp_path, "a")
    coordinates(forge(), seed=1).write(tmp_path, "b")
    forge().write(tmp_path, "c")
    first, seed, twice = (entry.verdict.problems for entry in judge_cards(tmp_path))
    assert first == []
    assert len(seed) == 1 and "under another seed" in seed[0]
    assert len(twice) == 1 and "a cell has one card" in twice[0]


def test_equal_predictions_under_several_seeds_are_honest_where_nothing_is_drawn(forge):
    def judged(method, seed):
        card = Card.model_validate(forge().card)
        cell = card.cell | {"method": method, "mode": "scratch", "seed": seed}
        return Judged(Path(f"{seed}.json"), card.model_copy(update={"cell": cell, "key": f"{seed}"}), Verdict(()))

    def refused(method):
        _, second = compared_with_each_other([judged(method, 0), judged(method, 1)])
        return bool(second.verdict.problems)

    assert [refused(method) for method in ("cox-ecg", "wavelet-nn")] == [False, True]


def test_one_bad_card_does_not_end_the_check_of_the_others(forge, tmp_path):
    forge().write(tmp_path, "honest")
    (tmp_path / "nan.json").write_text('{"card": NaN}')
    (tmp_path / "deep.json").write_text("[" * 10_000 + "]" * 10_000)
    (tmp_path / "lists.json").write_text(json.dumps(forge().card | {"cell": []}))
    forge().write(tmp_path, "table")
    (tmp_path / "table.parquet").write_bytes(b"PAR1")
    answer = CliRunner().invoke(app, ["leaderboard", "validate", str(tmp_path)], catch_exceptions=False)
    assert answer.exit_code == 1
    assert answer.output.count("rejected") == 4 and "honest.json: accepted, level rescored" in answer.output


def test_the_answer_does_not_help_the_forger(forge, honest, tmp_path):
    """It says that a key, a digest or a metric is wrong, and not what would be right."""
    forged = forge().set("provenance", "started", to="2026-02-02T00:00:00+00:00")
    right = forged.write(tmp_path)
    digest = json.loads(right.read_text())["digest"]
    edited = json.loads(right.read_text()) | {"digest": "1" * 32, "key": "2" * 32}
    right.write_text(json.dumps(edited))
    problems = " ".join(judge_card(right).verdict.problems)
    assert "digest" in problems and "key" in problems
    assert digest not in problems and honest.card["key"] not in problems
    path = metric(forge(), value=0.9, low=0.85, high=0.95).write(tmp_path, "metric")
    value = honest.card["score"]["metrics"]["macro_f1"]["value"]
    assert f"{value:.3g}" not in " ".join(judge_card(path).verdict.problems)


def test_only_a_replay_in_this_workspace_makes_a_card_replayed(forge, honest, tmp_path):
    forged = forge().set("provenance", "level", to="replayed")
    path = forged.write(tmp_path)
    shutil.copytree(honest.source.workspace.root / "stores", tmp_path / "w" / "stores")
    source = replace(honest.source, workspace=Workspace(tmp_path / "w"))
    assert judge_card(path, source=source).verdict.level == "rescored"
    card = judge_card(path).card
    record_replay(ReplayRecord(card.digest, False, "it differs"), source.workspace)
    assert judge_card(path, source=source).verdict.level == "rescored"
    record_replay(ReplayRecord(card.digest, True, "bit for bit"), source.workspace)
    assert judge_card(path, source=source).verdict.level == "replayed"
    assert judge_card(path).verdict.level == "rescored"


def test_an_honest_card_is_replayed_from_its_corpus_and_invented_scores_are_not(honest, forge, tmp_path):
    path = forge().write(tmp_path)
    card = judge_card(path).card
    checkpoints = sorted(honest.source.workspace.checkpoints.iterdir())
    repeated = replay_from_corpus(card.result(), honest.source)
    assert repeated.accepted and len(repeated.values) == 1, repeated.reason
    assert sorted(honest.source.workspace.checkpoints.iterdir()) == checkpoints
    assert not list(honest.source.workspace.root.glob(".replay-*"))
    source = replace(honest.source, workspace=Workspace(tmp_path / "w"))
    record_replay(ReplayRecord(card.digest, repeated.accepted, repeated.reason), source.workspace)
    assert judge_card(path, source=source).verdict.level == "replayed"

    forged = judge_card(invented_scores(forge()).write(tmp_path, "forged"), source=source)
    assert forged.verdict.level == "rescored"
    stated = forged.card.score.metrics["macro_auroc"].value
    assert abs(stated - repeated.values[0]) > SAME


def test_seeds_of_a_mode_that_draws_nothing_may_have_the_same_predictions(forge):
    def problems(mode, config):
        entries = []
        for seed in (0, 1):
            card = forge().card | {"key": str(seed) * 32, "digest": "0" * 32}
            card["cell"] |= {"mode": mode, "seed": seed}
            card["config"] |= {mode: config}
            entries.append(Judged(Path(str(seed)), Card.model_validate(card), Verdict(())))
        return [problem for entry in compared_with_each_other(entries) for problem in entry.verdict.problems]

    assert problems("knn", {}) == problems("linear", {"solver": "exact"}) == []
    assert len(problems("linear", {})) == 1
