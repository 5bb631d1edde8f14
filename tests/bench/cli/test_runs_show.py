"""``bench runs show``: a zero-shot result class by class, from pretraining to the CSV file."""

import csv
import io
import json
from collections import Counter

import pytest


def test_a_zero_shot_result_class_by_class(bench, tmp_path):
    ran = bench(
        "run", "-m", "etp", "-t", "ptbxl-single", "--mode", "zeroshot", "--set", "pretrain.epochs=0", "--set",
        "width=4", "--no-track", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    (result,) = json.loads(ran.out)
    assert result["score"]["metrics"].keys() >= {"macro_auroc_seen", "macro_auroc_unseen", "accuracy", "macro_f1"}
    message = bench("runs", "show", result["key"][:8], "--classes")
    assert message.code == 0, message.err
    for word in (
        "etp · ptbxl-single · zeroshot",
        "macro_auroc_unseen",
        "accuracy",
        "nearest",
        "of 5 classes were seen",
    ):
        assert word in message.out
    path = tmp_path / "classes.csv"
    assert bench("runs", "show", result["key"], "--csv", str(path)).code == 0
    rows = {row["class"]: row for row in csv.DictReader(io.StringIO(path.read_text()))}
    assert list(rows) == list(result["score"]["per_class"])
    assert rows["NORM"]["seen"] == "True"
    assert rows["NORM"]["nearest"] == "normal ecg"
    for name in ("auroc", "f1", "accuracy"):
        assert float(rows["NORM"][name]) == pytest.approx(result["score"]["per_class"]["NORM"][name])


def test_results_are_named_by_the_beginning_of_their_key(bench, workspace, store_result):
    first, *others = [store_result(workspace.results, seed=seed) for seed in range(17)]  # two begin with the same digit
    digits = Counter(result.key[0] for result in (first, *others))
    assert str(first.cell) in bench("runs", "show", first.key[:12]).out
    ambiguous = bench("runs", "show", digits.most_common(1)[0][0])
    assert (ambiguous.code, "results in" in ambiguous.err) == (2, True)
    unknown = bench("runs", "show", "nothing")
    assert (unknown.code, "bench runs --verbose" in unknown.err) == (2, True)
    listed = bench("runs")
    assert str(first.cell).split(" · ")[1] in listed.out
