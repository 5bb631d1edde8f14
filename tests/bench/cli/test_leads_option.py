"""``--leads``: which leads a method gets to see, named so that no two look alike, and said with each result."""

from __future__ import annotations

import json

import pytest

from bench.signals.leads import LEADS, PROGRESSIVE_ORDER, name_leads, parse_leads


def test_names_of_the_twelve_counts_are_distinct_short_and_read_back():
    subsets = parse_leads("1..12")
    names = [name_leads(leads) for leads in subsets]
    assert names == ["I", "I,II", "I,II,III", "4", "5", "limb", "7", "8", "9", "10", "11", "all"]
    assert [parse_leads(name) for name in names] == [[leads] for leads in subsets]
    assert subsets[3] == tuple(lead for lead in LEADS if lead in PROGRESSIVE_ORDER[:4])


@pytest.mark.parametrize(("method", "message"), [("kmerl", "not processed"), ("random-resnet", "zeros")])
def test_a_result_says_what_became_of_absent_leads(bench, method, message):
    done = bench(
        "run", "-m", method, "-t", "ptbxl-super", "--mode", "zeroshot", "--leads", "1..2,limb", "--set",
        "pretrain.epochs=0", "--no-track", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    results = json.loads(done.out)
    assert [len(r["cell"]["leads"]) for r in results] == [1, 2, 6]
    assert {r["provenance"]["absent_leads"] for r in results} == {message}
