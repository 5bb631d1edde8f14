"""A table states which prompts asked for the classes, and on what they were chosen."""

from bench.leaderboard.footnotes import footnotes


def prompted(make_result, **prompts):
    result = make_result("kmerl", mode="zeroshot")
    result.config["method"] = {"prompts": prompts}
    return result


def test_each_wording_is_stated_with_its_rows(make_result):
    used = {
        "A": [prompted(make_result, kind="names", wording="original")],
        "B": [prompted(make_result, kind="template", wording="described", template="this is {name}")],
        "C": [prompted(make_result, kind="file", sha256="12" * 32)],
        "D": [make_result("merl", mode="linear")],
    }
    stated = [note for note in footnotes(used) if note.startswith("Zero-shot prompts")]
    assert len(stated) == 3
    assert any("that the dataset publishes: A." in note for note in stated)
    assert any("validation fold 9), in 'this is {name}': B." in note for note in stated)
    assert any("a file of prompts (sha256 121212121212)" in note and note.endswith(": C.") for note in stated)
