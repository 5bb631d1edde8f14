"""Results of one method on a row each, by the settings that they read."""

import dataclasses

import pytest

from bench.leaderboard.match_results import split_by_config


@pytest.fixture
def of(make_result):
    """A function that makes a result of MERL with settings; ``scratch`` has no checkpoint."""

    def make(mode, epochs=5, width=16, **keywords):
        config = {
            "width": width,
            "pretrain": {"epochs": epochs},
            "prompts": {"wording": keywords.pop("wording", "described")},
        }
        return make_result(
            "merl", mode=mode, config=config, corpus=None if mode == "scratch" else "mimic-ecg", **keywords
        )

    return make


def test_a_setting_that_one_mode_does_not_read_makes_no_second_row(of):
    """bench run --mode scratch,linear --set pretrain.epochs=2: scratch keeps the method's default."""
    results = [of("scratch"), of("linear", epochs=2)]
    assert split_by_config(results) == {"": results}
    results = [of("linear"), of("zeroshot", wording="original")]
    assert list(split_by_config(results)) == [""]


def test_settings_that_results_read_still_make_rows(of):
    two, four, scratch = of("linear", epochs=2), of("linear", epochs=4), of("scratch")
    groups = split_by_config([two, four, scratch])
    assert groups == {"pretrain.epochs 2": [two, scratch], "pretrain.epochs 4": [four, scratch]}
    wider = of("scratch", width=32)
    groups = split_by_config([two, scratch, wider])
    assert groups == {"width 16": [two, scratch], "width 32": [wider]}
    one, other = of("zeroshot", wording="original"), of("zeroshot")
    assert list(split_by_config([one, other])) == ["prompts.wording described", "prompts.wording original"]


def test_two_runs_of_one_setting_are_one_row(of):
    first = of("scratch", epochs=2)
    second = dataclasses.replace(of("scratch", epochs=4), key="another")
    assert list(split_by_config([first, second])) == [""]


def test_two_weight_files_of_one_model_are_two_rows(make_result):
    """Nothing says that they are replicates of one training."""
    both = [make_result("merl", seed=seed, corpus="mimic-iv-ecg") for seed in (0, 1)]
    for result, weights in zip(both, ("a" * 64, "b" * 64), strict=True):
        result.checkpoint.update(imported={"file": "model.pt"}, weights_sha256=weights)
    groups = split_by_config(both)
    assert sorted(map(str, groups)) == ["imported weights aaaaaaaaaaaa", "imported weights bbbbbbbbbbbb"]
    for result in both:
        result.checkpoint["weights_sha256"] = "a" * 64
    assert list(split_by_config(both)) == [""]
