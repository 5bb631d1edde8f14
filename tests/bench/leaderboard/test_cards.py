"""Result cards: what was exported is accepted, and what was edited or invented is rejected with the reason."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from bench.cells.result import SCHEMA
from bench.cli.main import app
from bench.errors import ConfigError, DataError
from bench.leaderboard.board import Board, Column, Row, load_board
from bench.leaderboard.cards import card_of, export, read_card, read_cards
from bench.leaderboard.collect import collect
from bench.leaderboard.validation.validate import check
from bench.splitting.split import load_split
from bench.storage.artifacts import digest

BOARD = Board(
    name="b", title="B", metric="macro_auroc",
    columns=[Column(label="super", task="ptbxl-super", mode="linear")],
    rows=[Row(label="kmerl", method="kmerl"), Row(label="merl", method="merl")],
)  # fmt: skip


@pytest.fixture(scope="module")
def result(tmp_path_factory, scored_result):
    return scored_result(tmp_path_factory.mktemp("cells"), "kmerl", 1.0, records=80)


@pytest.fixture
def card(tmp_path, result):
    (path,) = export(BOARD, [result], tmp_path / "cards")
    return path


def edited(path, *place, to, forged=True):
    """The card with one field changed; a forger also brings the digest up to date."""
    value = json.loads(path.read_text())
    target = value
    for name in place[:-1]:
        target = target[name]
    assert target[place[-1]] != to
    target[place[-1]] = to
    if forged:
        value["digest"] = digest({name: one for name, one in value.items() if name != "digest"})
    path.write_text(json.dumps(value))
    return path


def test_an_exported_card_is_accepted_and_its_metrics_come_out_again(card, result):
    assert check(read_card(card), result.folder / "predictions.parquet") == []
    (table,) = collect(BOARD, read_cards(card.parent))
    assert table.lines[0].summaries[0].value == result.metric("macro_auroc")["value"]


@pytest.mark.parametrize(
    ("place", "to"),
    [
        (("score", "metrics", "macro_auroc", "value"), 0.99),
        (("provenance", "git_commit"), "1" * 40),
        (("contamination",), "test records"),
        (("config", "method", "backbone"), "resnet50"),
    ],
)
def test_any_edit_shows_in_the_digest(card, place, to):
    assert any(line.startswith("digest:") for line in check(read_card(edited(card, *place, to=to, forged=False))))


@pytest.mark.parametrize(
    ("place", "to", "reason"),
    [
        (("score", "metrics", "macro_auroc", "value"), 0.81, "the classes' values average"),
        (("score", "metrics", "macro_f1", "value"), 1.4, "not within 0 and 1"),
        (("score", "metrics", "macro_accuracy", "low"), 0.999, "outside its interval"),
        (("score", "n_records"), 2158, "counts.test is 80"),
        (("score", "n_clusters"), 81, "81 patients in 80 records"),
        (("score", "metrics", "macro_f1"), {"value": 0.9, "low": 0.85, "high": 0.95}, "the classes' values average"),
        (("score", "per_class"), {}, "lacks CD, HYP, MI, NORM, STTC"),
        (("score", "per_class", "NORM", "f1"), 42.0, "score.per_class.NORM.f1: 42 is not within 0 and 1"),
        (("score", "left_out"), ["NORM"], "NORM, which has positive and negative test records"),
        (("score", "bootstrap"), 0, "score.bootstrap: 0"),
        (("score", "support", "NORM"), 300, "300 positives of NORM"),
        (("score", "kind"), "multiclass", "ptbxl-super is multilabel"),
        (("cell", "fraction"), 0.01, "key:"),
        (("cell", "method"), "merl", "key:"),
        (("profile",), "paper", "key:"),
        (("inputs", "method"), "0" * 32, "key:"),
        (("key",), "0" * 32, "key:"),
        (("dataset", "name"), "csn", "ptbxl-super is on ptbxl"),
        (("split", "name"), "ptbxl-sub", "is split by ptbxl-super"),
        (("split", "fold"), 3, "the cell's is 0"),
        (("result_schema",), SCHEMA + 1, "run the cell again"),
    ],
)
def test_what_a_forger_changes_contradicts_the_rest(card, place, to, reason):
    assert any(reason in line for line in check(read_card(edited(card, *place, to=to))))


def test_a_consistent_lie_is_found_by_the_predictions(card, result):
    path = edited(card, "score", "metrics", "macro_ece", to={"value": 0.01, "low": 0.005, "high": 0.02})
    assert check(read_card(path)) == []
    (message, *_) = check(read_card(path), result.folder / "predictions.parquet")
    assert message == "score.metrics.macro_ece.value is not what the predictions give"


def test_other_predictions_are_refused(card, tmp_path, scored_result):
    other = scored_result(tmp_path / "other", "kmerl", 2.0, records=80)
    (message,) = check(read_card(card), other.folder / "predictions.parquet")
    assert "its SHA-256 is not the one that the card states" in message


@pytest.mark.parametrize(
    ("place", "to", "field"),
    [
        (("score", "metrics"), {}, "score.metrics"),
        (
            ("score", "metrics", "macro_auroc"),
            {"value": "high", "low": 0, "high": 1},
            "score.metrics.macro_auroc.value",
        ),
        (("data",), "synthetic", "data"),
        (("split", "digest"), "abc", "split.digest"),
        (("surprise",), 1, "surprise"),
    ],
)
def test_a_malformed_card_names_the_field(card, place, to, field):
    value = json.loads(card.read_text())
    value.setdefault("surprise", None) if field == "surprise" else None
    card.write_text(json.dumps(value))
    with pytest.raises(DataError, match=field):
        read_card(edited(card, *place, to=to))


def test_a_real_complete_result_is_held_to_the_split_file(result):
    whole = load_split("ptbxl-super").content.complete
    parts = whole.partitions
    expected = {name: parts[name].records for name in parts}
    counts = expected | {"expected": expected}
    stated = digest(["ptbxl-super", [[n, parts[n].digest] for n in ("train", "validation", "test")]])
    test = parts["test"]
    score = result.score | {"n_records": test.records, "n_clusters": test.patients or 1, "support": dict(test.classes)}
    inputs = result.inputs
    key = digest([SCHEMA, list(result.cell.to_dict().values()), "paper", "real", list(inputs.values())])
    honest = replace(
        result, key=key, profile="paper", data="real", counts=counts, score=score,
        split=result.split | {"complete": True, "digest": stated},
    )  # fmt: skip

    def wrong(one):
        from bench.leaderboard.card_form import Card

        return check(Card.model_validate(card_of(one)))

    assert wrong(honest) == []
    assert any("split.digest" in line for line in wrong(replace(honest, split=honest.split | {"digest": "0" * 32})))
    assert any("counts.test" in line for line in wrong(replace(honest, counts=counts | {"test": test.records - 1})))
    fewer = score | {"support": score["support"] | {"HYP": 1}}
    assert any("positives of HYP" in line for line in wrong(replace(honest, score=fewer)))


def test_secrets_do_not_travel(result):
    leaky = replace(
        result, provenance=result.provenance | {"overrides": ["kmerl.entities.endpoint=http://me:pass@host/"]}
    )
    assert "pass" not in json.dumps(card_of(leaky)["provenance"])


def test_a_method_of_another_package_gets_its_card(tmp_path, scored_result):
    guest = scored_result(tmp_path / "cells", "strangers-net", 1.0, records=20)
    (path,) = export(BOARD, [guest], tmp_path / "cards")
    assert read_card(path).key == guest.key


def test_a_folder_of_cards_is_validated_card_by_card(card):
    def bench(*words):
        return CliRunner().invoke(app, ["leaderboard", "validate", *map(str, words)], catch_exceptions=False)

    message = bench(card.parent)
    assert (message.exit_code, f"{card}: accepted" in message.output) == (0, True)
    assert "accepted, level schema" in message.output
    (card.parent / "other.json").write_text("{}")
    message = bench(card.parent)
    assert (message.exit_code, "other.json: rejected" in message.output, f"{card}: accepted" in message.output) == (
        1,
        True,
        True,
    )


def test_a_board_without_results_exports_nothing(tmp_path):
    with pytest.raises(DataError, match="bench run --board b"):
        export(BOARD, [], tmp_path)


def test_a_board_of_differences_has_no_cards_and_says_so(tmp_path):
    with pytest.raises(ConfigError, match="no card.*render protocol_inflation"):
        export(load_board("protocol_inflation"), [], tmp_path)
