"""``--text``: which of the corpus's texts a method is pretrained on."""

import json


def test_the_text_is_chosen_and_kept_with_the_checkpoint(bench, tiny_text, workspace):
    tiny = ("--set", f"text.model={tiny_text}", "--set", "text.pooling=mean", "--set", "width=4")
    done = bench("pretrain", "etp", "--text", "report-english", "--set", "pretrain.epochs=0", *tiny)
    assert done.code == 0, done.err
    assert "have no report-english and are left out of pretraining" in done.err
    (folder,) = workspace.checkpoints.glob("etp-*")
    corpus = json.loads((folder / "provenance.json").read_text())["corpus"]
    assert corpus["text"] == "report-english"


def test_a_text_that_is_not_there_is_answered_with_those_that_are(bench):
    done = bench("pretrain", "etp", "--text", "french")
    assert done.code == 2
    assert "ptbxl offers report, statements, likelihoods, english" in done.err


def test_a_wrong_text_is_answered_with_the_texts_of_the_corpus_in_use(bench):
    done = bench("run", "-m", "merl", "-t", "ptbxl-super", "--mode", "zeroshot", "--text", "german", "--dry-run")
    assert done.code == 2
    assert "ptbxl offers report, statements" in done.err
    assert "mimic" not in done.err
