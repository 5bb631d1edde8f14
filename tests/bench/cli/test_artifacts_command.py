"""``bench artifacts``, ``bench replay`` and ``bench rescore`` from the terminal."""

import json

RUN = ("run", "-m", "small", "-t", "ptbxl-super", "--mode", "linear", "--set", "linear.epochs=2", "--no-track")


def test_from_a_run_to_its_artifacts_and_back(bench, small, workspace, monkeypatch):
    assert bench(*RUN).code == 0
    listed = bench("artifacts", "list").out
    assert "small · ptbxl-super · linear" in listed
    (features,) = json.loads(bench("artifacts", "list", "--kind", "features", "--json").out)
    assert features["inputs"]["dataset"] == "ptbxl"
    assert json.loads(bench("artifacts", "show", features["key"][:20]).out)["kind"] == "features"
    (result,) = json.loads(bench("artifacts", "list", "--kind", "result", "--json").out)
    monkeypatch.setenv("COLUMNS", "80")
    narrow = bench("artifacts", "list").out.split()
    assert {result["key"], features["key"], "ptbxl-super"} <= set(narrow)  # whole, not folded
    done = bench("replay", result["key"][:8])
    assert (done.code, "bit for bit" in done.out) == (0, True), done.err
    old = bench("recompute")
    assert "bench recompute is now bench rescore" in old.err
    assert old.out == bench("rescore").out == "1 result, 0 with other metrics than stored\n"
    assert bench("artifacts", "verify", "--kind", "result,features,store").code == 0

    (workspace.features / features["key"] / "features.npy").write_bytes(b"x")
    damaged = bench("artifacts", "verify")
    assert damaged.code == 1
    assert "features.npy has 1 bytes" in damaged.out
    assert "would remove features" in bench("artifacts", "prune", "--kind", "features").out
    assert len(list(workspace.features.glob("small*"))) == 1
    assert "removed features" in bench("artifacts", "prune", "--kind", "features", "--yes").out
    assert list(workspace.features.glob("small*")) == []

    (workspace.results / result["key"] / "predictions.parquet").write_bytes(b"x")
    left_out = bench("rescore")
    assert (left_out.code, "1 that cannot be scored again" in left_out.out) == (1, True)
    assert "predictions.parquet: missing or altered" in left_out.err


def test_wrong_words_are_answered(bench, small):
    assert "name the artifacts to remove" in bench("artifacts", "prune").err
    assert "expected one of" in bench("artifacts", "list", "--kind", "weights").err
    assert "no result" in bench("replay", "abc").err
    assert "expected one of missing, always, never, collect; the option is now --retry-failed" in " ".join(
        bench(*RUN, "--resume", "sometimes").err.split()
    )
    assert "--executor ray" in bench(*RUN, "--address", "auto").err
