"""``bench splits verify`` over a folder of datasets."""

from __future__ import annotations

import json


def test_simulated_data_are_said_not_to_be_compared(bench):
    done = bench("splits", "verify", "ptbxl-super")
    assert (done.code, "published counts and digests are of real recordings" in done.err) == (0, True)
    assert "ptbxl-super on ptbxl-super: simulated" in done.out


def test_the_command_goes_on_after_a_dataset_that_cannot_be_read(bench, tmp_path):
    (tmp_path / "cpsc2018").mkdir()
    assert bench("data", "simulate", "csn", str(tmp_path / "csn"), "--records", "240").code == 0
    done = bench("splits", "verify", "cpsc2018,csn", "--data-root", str(tmp_path))
    assert done.code == 0, done.err
    assert "cpsc2018 on cpsc2018: not checked" in done.out
    assert "csn on csn: subset" in done.out
    assert "bench splits import merl" in done.out  # how the released lists come to hand
    message = json.loads(bench("splits", "verify", "csn", "--data-root", str(tmp_path), "--json").out)
    assert [(one["split"], one["verdict"]) for one in message] == [("csn", "subset"), ("csn-merl", "not checked")]
