import json
import re

import numpy as np
import pandas as pd

from bench import registry


def test_a_leak_is_listed_and_the_exit_code_says_so(bench, monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_SIMULATED_RECORDS", "240")  # more test records than the table shows
    ptbxl = registry.load(registry.DATASETS, "ptbxl")
    monkeypatch.setattr(ptbxl, "pretraining_partition", classmethod(lambda cls, r: {
        "train": np.ones(len(r), bool), "validation": np.zeros(len(r), bool)}))  # fmt: skip
    done = bench("audit", "simclr", "ptbxl-super", "--csv", str(tmp_path / "leak.csv"))
    assert done.code == 3
    assert "contamination test records" in done.out
    leaked = pd.read_csv(tmp_path / "leak.csv", dtype=str)
    assert len(leaked) > 10
    assert "more; all of them" not in done.out
    assert set(leaked.by) == {"record id"}


def test_without_a_leak_it_ends_well_and_says_what_was_checked(bench):
    done = bench("audit", "simclr", "ptbxl-super", "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert found["contamination"] == "same dataset"
    assert found["checked"] == ["declarations", "ids", "fingerprints"]


def test_unknown_names_are_refused(bench):
    assert bench("audit", "simclr", "ptbxl-supr").code == 2
    assert bench("audit", "simclr", "ptbxl-super", "--corpus", "ptbxxl").code == 2


def test_help_teaches(bench):
    done = bench("audit", "--help")
    assert "bench audit kmerl ptbxl-super" in " ".join(done.out.split())
    assert "3 test recordings were found" in " ".join(done.out.split())


def test_the_text_ceiling_of_each_text_is_printed(bench):
    done = bench("audit", "text", "ptbxl", "ptbxl-super", "--text", "statements")
    assert done.code == 0
    assert re.search(r"^statements  (1\.000|0\.9\d\d) \[", done.out, re.MULTILINE)
    assert "text states the labels" in done.out
    done = bench("audit", "text", "ptbxl", "ptbxl-super", "--json")
    assert {text["text"]: text["states_labels"] for text in json.loads(done.out)["texts"]}["statements"] is True


def test_texts_of_other_records_cannot_be_compared(bench):
    done = bench("audit", "text", "mimic-iv-ecg", "ptbxl-super")
    assert done.code == 0
    assert "cannot be computed: the texts of mimic-iv-ecg and the labels of ptbxl" in done.out
    assert bench("audit", "text", "ptbxl", "ptbxl-super", "--text", "reprot").code == 2


def test_the_word_method_may_be_left_out(bench):
    assert bench("audit", "method", "simclr", "ptbxl-super", "--json").out == bench(
        "audit", "simclr", "ptbxl-super", "--json"
    ).out  # fmt: skip
