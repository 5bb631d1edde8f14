"""From Python as from the command line: the same cells and keys, tidy tables, frozen encoders in a scikit-learn pipeline."""

import contextlib
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import bench
from bench.api import COLUMNS, FailedCells, _failures
from bench.data.source import DataSource
from bench.errors import BenchError, ConfigError, DataError, UnknownName
from bench.runner.execute import RunReport
from bench.runner.plan import RunOptions
from bench.signals.leads import LEADS

QUICK = {"linear.epochs": 2, "random-resnet.width": 4}


@pytest.fixture
def here(workspace, monkeypatch):
    monkeypatch.setenv("BENCH_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("BENCH_SIMULATED_RECORDS", "120")
    return workspace


def test_importing_bench_is_light():
    code = (
        "import sys, bench; assert 'run' in dir(bench); "
        "heavy = {'torch', 'pandas', 'numpy', 'mlflow', 'sklearn'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        bench.nothing  # noqa: B018


def test_a_run_is_a_tidy_table_and_the_command_lines_own_cells(here, capsys, monkeypatch):
    table = bench.run(
        methods="random-resnet", tasks="ptbxl-super", modes="linear", fractions=[0.5, 1], settings=QUICK, track=False
    )
    assert tuple(table.columns) == COLUMNS
    assert sorted(table.fraction.unique()) == [0.5, 1.0]
    auroc = table[table.metric == "macro_auroc"]
    assert len(auroc) == 2
    assert ((auroc.low <= auroc.value) & (auroc.value <= auroc.high)).all()
    assert set(auroc.data) == {"simulated"}
    from bench.cli.main import main

    settings = [part for field, value in QUICK.items() for part in ("--set", f"{field}={value}")]
    arguments = ["-m", "random-resnet", "-t", "ptbxl-super", "--mode", "linear", "--fraction", "50%,1", "--no-track"]
    monkeypatch.setattr(sys, "argv", ["bench", "run", *arguments, "--json", *settings])
    capsys.readouterr()
    with contextlib.suppress(SystemExit):
        main()
    assert {r["key"] for r in json.loads(capsys.readouterr().out)} == set(table.key)
    stored, message = (t.sort_values(["key", "metric"], ignore_index=True) for t in (bench.results(), table))
    pd.testing.assert_frame_equal(stored, message, check_like=True)


BOARD = """
title: two ways to use one random encoder
metric: macro_auroc
columns:
  - {label: probe, task: ptbxl-super, mode: linear}
rows:
  - {label: narrow, method: random-resnet, config: {width: 4}}
  - {label: wide, method: random-resnet, config: {width: 8}}
"""


def test_a_board_is_run_from_python_and_names_its_own_methods(here, tmp_path):
    board = tmp_path / "mine.yaml"
    board.write_text(BOARD)
    table = bench.run(board=str(board), settings={"linear.epochs": 2}, track=False)
    assert table.key.nunique() == 2 * 3  # replicates under the smoke profile
    assert set(bench.board(str(board)).row) >= {"narrow", "wide"}
    with pytest.raises(ConfigError, match="leave out methods"):
        bench.run("merl", board=str(board))
    for own in ({"fractions": 0.1}, {"leads": "limb"}, {"protocols": "merl-released"}):
        with pytest.raises(ConfigError, match="fractions and leads"):
            bench.run(board=str(board), **own)
    with pytest.raises(ConfigError, match="modes is missing"):
        bench.run("merl", "ptbxl-super")


def test_names_are_lists_and_wrong_ones_are_told(here):
    assert {"kmerl", "merl"} <= set(bench.methods("*merl").index)
    assert "zeroshot" in bench.methods().loc["kmerl", "modes"]
    assert bench.tasks("ptbxl-super").loc["ptbxl-super", "dataset"] == "ptbxl"
    with pytest.raises(UnknownName, match="Did you mean 'kmerl'"):
        bench.encoder("kmrel")
    with pytest.raises(ConfigError, match="expected one of ours"):
        bench.run("kmerl", "ptbxl-super", "linear", protocols="theirs")


@pytest.mark.parametrize(("fractions", "message"), [("ten", "'ten' is not a share"), ("150%", "--fraction 1.5")])
def test_fractions_are_shares_or_per_cents(fractions, message):
    with pytest.raises(ConfigError, match=message):
        bench.run(methods="random-resnet", tasks="ptbxl-super", modes="linear", fractions=fractions)


FAILS = """
    from bench.method import Method
    class Fails(Method):
        '''Takes no signals. Source: this test.'''
        name = "fails"
        def encode(self, batch):
            raise RuntimeError("the net does not take signals")
"""


def test_failed_cells_cause_a_warning_and_are_named(here, plugin):
    plugin("takes_no_signals", FAILS)
    with pytest.warns(FailedCells, match="1 of the cells failed"):
        table = bench.run("fails", "ptbxl-super", "linear", track=False)
    assert table.empty
    assert "does not take signals" in next(iter(table.attrs["failures"].values()))


@pytest.fixture(scope="module")
def recordings(simulated_workspace):
    store = DataSource(simulated_workspace, simulated_records=120).store("ptbxl")
    return store, store.read(np.arange(20))


def resnet(**settings):
    return bench.encoder("random-resnet", fs=500, profile="smoke", settings={"width": 4}, **settings)


def test_an_encoder_gives_what_the_linear_mode_sees(here, recordings):
    bench.run("random-resnet", "ptbxl-super", "linear", settings=QUICK, track=False)
    (folder,) = (f for f in here.features.iterdir() if f.is_dir())
    seen = np.load(folder / "features.npy")[:20]
    store, signals = recordings
    assert store.fs == 500
    vectors = resnet().transform(signals)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, seen, atol=1e-3 * np.abs(seen).max())  # the store of resampled signals is int16


def test_arrays_lists_and_frames_alike(recordings):
    _, signals = recordings
    encoder = resnet()
    whole = encoder.transform(signals)
    np.testing.assert_array_equal(encoder.transform(list(signals)), whole)
    frame = pd.DataFrame(
        {lead: list(signals[:, i]) for i, lead in reversed(list(enumerate(LEADS)))}, index=[f"r{i}" for i in range(20)]
    )
    found = encoder.transform(frame)
    assert list(found.index) == list(frame.index)
    assert list(found.columns) == list(encoder.get_feature_names_out())
    np.testing.assert_allclose(found.to_numpy(), whole, atol=1e-5)
    limb = resnet(leads=LEADS[:6]).transform(signals[:, :6])
    zeroed = signals.copy()
    zeroed[:, 6:] = 0
    assert limb.shape == whole.shape
    assert not np.allclose(limb, whole)
    ragged = encoder.transform([signals[0], signals[1][:, :3000]])
    np.testing.assert_allclose(ragged[0], whole[0], atol=1e-5)


def test_in_a_pipeline(recordings):
    _, signals = recordings
    labels = np.arange(20) % 2
    model = make_pipeline(resnet(), LogisticRegression(max_iter=200))
    assert model.fit(signals, labels).predict(signals).shape == (20,)
    assert list(model[:-1].get_feature_names_out())[:2] == ["random-resnet_0", "random-resnet_1"]
    copy = clone(model[0])
    assert copy.get_params()["settings"] == {"width": 4}
    named = copy.set_output(transform="pandas").fit(signals).transform(signals)
    assert isinstance(named, pd.DataFrame)
    import pickle

    again = pickle.loads(pickle.dumps(resnet().fit(signals)))
    np.testing.assert_array_equal(again.transform(signals), resnet().transform(signals))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s[0], r"shape \[12, 5000\]; expected \[record, lead, time\]"),
        (lambda s: s[:, :8], r"record 0 has shape \[8, 5000\]; expected \[12, time\]"),
        (lambda s: s * 1000, "expected millivolts. Divide by 1000"),
        (lambda s: np.where(np.arange(5000) == 7, np.nan, s), "record 0, lead I, holds a value that is not finite"),
        (lambda s: s[:0], "no recordings were given"),
    ],
)
def test_wrong_recordings_are_told(recordings, change, words):
    with pytest.raises(DataError, match=words):
        resnet().transform(change(recordings[1]))


def test_a_pretrained_method_needs_its_checkpoint(here, recordings):
    _, signals = recordings
    with pytest.raises(ConfigError, match="holds no checkpoint of simclr. Make one: bench pretrain simclr"):
        bench.encoder("simclr").transform(signals)
    small = {"pretrain.epochs": 1, "simclr.width": 4, "linear.epochs": 1}
    bench.run("simclr", "ptbxl-super", "linear", settings=small, track=False)
    vectors = bench.encoder("simclr").transform(signals)
    assert vectors.shape[0] == 20
    bench.run("simclr", "ptbxl-super", "linear", settings=small | {"simclr.width": 2}, track=False)
    with pytest.raises(ConfigError, match="there are 2 checkpoints of simclr: .*Name one with checkpoint="):
        bench.encoder("simclr").transform(signals)
    names = sorted(f.name for f in here.checkpoints.glob("simclr-*"))
    chosen = [bench.encoder("simclr", checkpoint=name).transform(signals) for name in names]
    assert any(np.array_equal(v, vectors) for v in chosen)
    with pytest.raises(BenchError, match="leave settings out"):
        bench.encoder("simclr", settings={"width": 3}, checkpoint=names[0]).transform(signals)


def test_a_board_is_a_table(here):
    bench.run("random-resnet", "ptbxl-super", "zeroshot", settings={"random-resnet.width": 4}, track=False)
    table = bench.board("zeroshot")
    assert "random" in " ".join(table.row.astype(str)).lower()
    assert {"column", "value", "published"} <= set(table.columns)


def test_failures_of_two_rows_with_one_label_are_listed_separately():
    rows = [RunOptions(["kmerl"], ["t"], ["linear"], overrides=[f"kmerl.depth={n}"], of_board=True) for n in (3, 4)]
    failures = _failures(rows, [RunReport(failures={"a cell": "first"}), RunReport(failures={"a cell": "second"})])
    assert failures == {"a cell": "first", "a cell · kmerl.depth=4": "second"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"profile": "fast"}, "profile = 'fast': .*'paper', 'small' or 'smoke'"),
        ({"executor": "slurm"}, "executor = 'slurm': .*'local' or 'ray'"),
        ({"limit": -1}, "limit = -1: .*greater than or equal to 1"),
        ({"jobs": 0}, "jobs = 0: .*greater than or equal to 1"),
        ({"seeds": 1.5}, r"seeds = 1\.5: .*integer"),
        ({"seeds": []}, r"seeds = \[\]: .*at least 1 item"),
        ({"seeds": iter([1])}, "seeds is a list_iterator, which can be read once; give a list"),
        ({"replicates": 1.5}, "replicates = 1.5"),
        ({"simulated_records": 10}, "simulated_records = 10: .*greater than or equal to 50"),
        ({"on_bad_record": "ignore"}, "on_bad_record = 'ignore': .*'error', 'skip' or 'keep'"),
        ({"fraction_rule": "strat"}, "fraction_rule = 'strat'"),
        ({"settings": "linear.lr=0.1"}, "settings = 'linear.lr=0.1': .*dictionary"),
        ({"settings": {"linear.lr": object()}}, "settings: linear.lr = .*expected a number, a text"),
        ({"leads": 2}, "leads = 2"),
        ({"fractions": []}, r"fractions = \[\]"),
        ({"checkpoints": "abc"}, "checkpoints = 'abc'"),
        ({"methods": None}, "methods = None"),
        ({"methods": [5]}, "methods: 5 is neither the name of a method nor an encoder"),
        ({"tasks": 5}, "tasks = 5"),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_expected(here, arguments, words):
    wanted = {"methods": "simple-statistics", "tasks": "ptbxl-super", "modes": "linear"} | arguments
    with pytest.raises(ConfigError, match=words):
        bench.run(**wanted)
    assert not here.results.exists()


def test_numbers_of_numpy_are_numbers(here):
    arguments = {"methods": "simple-statistics", "tasks": "ptbxl-super", "modes": "linear", "track": False}
    table = bench.run(
        **arguments, seeds=np.arange(2), settings={"linear.epochs": np.int64(1), "linear.lr": np.float32(0.5)}
    )
    assert sorted(set(table["seed"])) == [0, 1]


def test_a_listing_of_nothing_is_empty(here):
    assert bench.methods("").empty
