"""``bench sweep`` as typed."""

import json
import re

import pytest

ARGUMENTS = (
    "sweep", "-m", "random-resnet", "-t", "ptbxl-super", "--mode", "linear", "--set", "linear.epochs=3", "--no-track",
)  # fmt: skip


def test_a_sweep_ends_with_a_table_and_is_shown_with_pictures(bench, tmp_path):
    done = bench(*ARGUMENTS, "--trials", "4", "--vary", "linear.lr=log:1e-4..1e-1", "--pruner", "median")
    assert done.code == 0, done.err
    said = re.findall(r"^trial (\d+): linear\.lr \S+: (\S+) \((\d) of 4\)$", done.err, re.M)
    assert [(number, place) for number, _, place in said] == [("0", "1"), ("1", "2"), ("2", "3"), ("3", "4")]
    assert "chosen linear.lr=" in done.out
    assert "Chosen on validation data" in done.out
    name = bench("sweep", "show").out.strip()
    assert name.startswith("random-resnet-ptbxl-super-linear-")
    shown = bench("sweep", "show", "random-resnet", "--out", str(tmp_path / "pictures"))
    assert shown.code == 0, shown.err
    assert "4 complete" in shown.out
    assert "best on validation data" in shown.out
    pictures = {path.stem: path.stat().st_size for path in (tmp_path / "pictures").glob("*.png")}
    assert set(pictures) == {"history", "importances", "slices", "epochs"}
    assert min(pictures.values()) > 5000
    (known,) = [json.loads(bench("sweep", "show", name, "--json").out)]
    assert [trial["state"] for trial in known["trials"]] == ["complete"] * 4
    assert [(str(trial["number"]), f"{trial['value']:.4f}") for trial in known["trials"]] == [t[:2] for t in said]
    assert known["space"] == {"linear.lr": "log:0.0001..0.1"}
    again = bench(*ARGUMENTS, "--trials", "4", "--vary", "linear.lr=log:1e-4..1e-1", "--pruner", "median", "--json")
    (study,) = json.loads(again.out)["studies"]
    assert study["study"] == name
    assert study["setting"] == max(known["trials"], key=lambda trial: trial["value"])["setting"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sweep", "-m", "kmerl"), "--task, --mode missing"),
        ((*ARGUMENTS, "--sampler", "tpr"), "expected one of tpe, grid, cmaes, random"),
        ((*ARGUMENTS, "--storage", "sqlite:///studies.db", "--workers", "2"), "SQLite locks its whole file"),
        (("sweep", "show", "absent"), "unknown study 'absent'"),
    ],
)
def test_what_cannot_be_is_refused_with_the_cure(bench, arguments, message):
    done = bench(*arguments)
    assert done.code == 2
    assert message in done.err.replace("\n", " ")


@pytest.mark.parametrize("traceback", ["", "1"])
def test_a_password_is_nowhere_to_be_read(bench, monkeypatch, workspace, traceback):
    monkeypatch.setenv("BENCH_TRACEBACK", traceback)
    monkeypatch.setenv("BENCH_SWEEP_STORAGE", "postgresql://lab:hunter2@127.0.0.1:1/studies")
    try:
        done = bench(*ARGUMENTS, "--trials", "2")
        message = done.out + done.err
        assert done.code == 2
        assert "postgresql+psycopg://***@127.0.0.1:1/studies failed" in done.err
    except Exception as error:  # BENCH_TRACEBACK lets it through
        import traceback as library

        message = "".join(library.format_exception(error))
        assert "failed" in message
    assert "hunter2" not in message
    assert not [path for path in workspace.root.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
