"""``--leads``: each result states how its method treats absent leads."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(
    ("method", "settings", "message"),
    [
        ("kmerl", ("pretrain.epochs=0", "depth=1", "text.model={tiny_text}", "text.pooling=mean"), "not processed"),
        ("random-resnet", (), "zeros"),
    ],
)
def test_a_result_says_what_became_of_absent_leads(bench, tiny_text, method, settings, message):
    done = bench(
        "run", "-m", method, "-t", "ptbxl-super", "--mode", "zeroshot", "--leads", "1..2,limb", "--no-track",
        "--json", *(f"--set={one.format(tiny_text=tiny_text)}" for one in settings),
    )  # fmt: skip
    assert done.code == 0, done.err
    results = json.loads(done.out)
    assert [len(r["cell"]["leads"]) for r in results] == [1, 2, 6]
    assert {r["provenance"]["absent_leads"] for r in results} == {message}
