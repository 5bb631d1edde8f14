"""``bench run --protocol``: MERL's released probe next to ours, on the same features, with the inflation reported."""

import json
from pathlib import Path

QUICK = ("--set", "linear.epochs=3", "--set", "linear-merl-released.epochs=3", "--no-track")
RUN = ("run", "-m", "random-resnet", "-t", "ptbxl-super", "--mode", "linear", *QUICK)


def test_both_protocols_stand_in_tables_of_their_own_and_the_difference_is_told(bench, workspace):
    done = bench(*RUN, "--protocol", "ours,merl-released")
    assert done.code == 0, done.err
    said = " ".join(done.out.split())
    assert "protocol merl-released, chosen on the test set" in said
    assert "inflation: random-resnet · ptbxl-super · linear · 100% · seed 0: macro_auroc" in said
    assert len([p for p in workspace.features.iterdir() if p.is_dir()]) == 1
    ours, released = json.loads(bench(*RUN, "--protocol", "ours,merl-released", "--json").out)
    assert (ours["cell"]["mode"], released["cell"]["mode"]) == ("linear", "linear-merl-released")
    assert ours["provenance"]["protocol"] is None
    assert released["provenance"]["protocol"] == "merl-released"
    assert released["selection"]["released"].keys() == {"auroc", "f1", "accuracy"}
    written = Path(bench("leaderboard", "render", "kmerl_table1").out.strip())
    assert "chosen on the test set" not in written.read_text()


def test_a_protocol_that_fits_no_mode(bench):
    assert "expected one of ours, ecg-fm-benchmarking, merl-released" in bench(*RUN, "--protocol", "merl").err
    zeroshot = ("run", "-m", "random-resnet", "-t", "ptbxl-super", "--mode", "zeroshot", "--no-track")
    done = bench(*zeroshot, "--protocol", "merl-released")
    assert done.code == 2
    assert "is one of --mode linear; asked: zeroshot" in " ".join(done.err.split())


def test_a_protocol_for_multilabel_tasks_is_refused_for_others_before_anything_is_computed(bench, workspace):
    protocol = ("--mode", "linear", "--protocol", "merl-released", "--dry-run")
    done = bench("run", "-m", "random-resnet", "-t", "ptbxl-single", *protocol)
    assert done.code == 2
    words = (
        "linear-merl-released scores multilabel tasks only, and ptbxl-single is a multiclass task: leave out --protocol"
    )
    assert f"nothing to run: {words}" in " ".join(done.err.split())
    both = bench("run", "-m", "random-resnet", "-t", "ptbxl-single,ptbxl-super", *protocol)
    assert both.code == 0
    assert "ptbxl-super" in both.out
    assert f"left out: {words}" in " ".join(both.err.split())
