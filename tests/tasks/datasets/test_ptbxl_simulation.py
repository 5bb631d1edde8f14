"""The simulated PTB-XL: files that the publisher's readers accept, labels that the waveforms carry."""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb

from bench.errors import ConfigError, DataError
from bench.simulate.digitise import decimate
from tasks.datasets.simulated.ptbxl import COLUMNS, simulate_ptbxl

N = 400
SUPERCLASSES = ["NORM", "MI", "STTC", "CD", "HYP"]


def digest(root: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        whole.update(str(path.relative_to(root)).encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("simulated") / "ptbxl"
    simulate_ptbxl(root, n_records=N, seed=0)
    return root


@pytest.fixture(scope="module")
def table(root: Path) -> pd.DataFrame:
    table = pd.read_csv(root / "ptbxl_database.csv", index_col="ecg_id")
    table["codes"] = table["scp_codes"].map(ast.literal_eval)
    return table


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    """Labels and folds of the default cohort of 2,000, without its signals."""
    from tasks.datasets.simulated.ptbxl_cohort import assign_folds, draw_people

    rng = np.random.default_rng([0, 0])
    people = draw_people(2000, rng)
    folds = assign_folds(people, rng)
    return pd.DataFrame(
        [
            {"patient": person.patient_id, "fold": fold, "codes": visit, "age": person.age, "sex": person.sex}
            for person, fold in zip(people, folds.tolist(), strict=True)
            for visit in person.visits
        ]
    )


@pytest.fixture(scope="module")
def statements(root: Path) -> pd.DataFrame:
    return pd.read_csv(root / "scp_statements.csv", index_col=0)


def classes(codes: dict, statements: pd.DataFrame, group: str) -> set[str]:
    flag = {"diagnostic_class": "diagnostic", "diagnostic_subclass": "diagnostic"}.get(group, group)
    chosen = [c for c in codes if statements.loc[c, flag] == 1]
    return {statements.loc[c, group] if group != flag else c for c in chosen}


def signals(root: Path, names: pd.Series) -> np.ndarray:
    return np.stack([np.fromfile(root / f"{n}.dat", "<i2").reshape(-1, 12).T for n in names])


def test_wfdb_reads_the_records_and_their_checksums(root: Path, table: pd.DataFrame):
    for column, fs, samples in (("filename_hr", 500, 5000), ("filename_lr", 100, 1000)):
        for name in table[column].iloc[[0, 57, N - 1]]:
            record = wfdb.rdrecord(str(root / name))
            assert (record.fs, record.sig_len, record.n_sig) == (fs, samples, 12)
            assert record.sig_name == ["I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"]
            assert record.units == ["mV"] * 12
            assert record.adc_gain == [1000.0] * 12
            assert record.fmt == ["16"] * 12
            digital = record.adc()
            assert record.checksum == (digital.astype(int).sum(axis=0) % 65536).tolist()
            assert record.init_value == digital[0].tolist()
            assert 0.1 < np.abs(record.p_signal).max() < 8  # mV


def test_limb_relations_hold_to_quantisation(root: Path, table: pd.DataFrame):
    one, two, three, avr, avl, avf = signals(root, table["filename_hr"][:50]).astype(int).transpose(1, 0, 2)[:6]
    assert np.abs(three - (two - one)).max() <= 2  # microvolts; three rounded values
    assert np.abs(2 * avr + one + two).max() <= 3
    assert np.abs(2 * avl - 2 * one + two).max() <= 3
    assert np.abs(2 * avf - 2 * two + one).max() <= 3


def test_the_table_has_the_publishers_columns_and_names_every_file(root: Path, table: pd.DataFrame):
    header = (root / "ptbxl_database.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == ",".join(COLUMNS)
    assert len(COLUMNS) == 28
    assert len(table) == N
    assert table.index.is_monotonic_increasing
    for name in (*table["filename_lr"], *table["filename_hr"]):
        assert (root / f"{name}.hea").is_file()
        assert (root / f"{name}.dat").is_file()
    first = table.iloc[0]
    assert first["filename_lr"] == "records100/00000/00001_lr"
    assert table["recording_date"].is_monotonic_increasing
    assert table["validated_by_human"].dtype == bool
    assert table.loc[table["strat_fold"] >= 9, "validated_by_human"].all()
    assert set(table["sex"]) == {0, 1}
    assert table["age"].between(16, 300).all()
    paced = table["codes"].map(lambda c: "PACE" in c)
    assert (table["pacemaker"].eq("ja, pacemaker") == paced).all()


def test_columns_and_statements_are_those_of_the_real_files(statements: pd.DataFrame):
    real = Path(__file__).parents[4] / "shared" / "data" / "ptbxl"
    if not real.is_dir():
        pytest.skip(f"no real PTB-XL at {real}")
    assert (real / "ptbxl_database.csv").read_text(encoding="utf-8").splitlines()[0] == ",".join(COLUMNS)
    published = pd.read_csv(real / "scp_statements.csv", index_col=0)
    ours = [c for c in published if statements[c].notna().any()]
    assert ours == list(published.columns[:8])
    pd.testing.assert_frame_equal(statements[ours], published[ours])
    assert list(statements.columns) == list(published.columns)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        simulate_ptbxl(tmp_path / name, n_records=70, seed=seed)
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")
    simulate_ptbxl(tmp_path / "low", n_records=70, seed=3, fs_high=False)
    assert not (tmp_path / "low" / "records500").exists()
    assert digest(tmp_path / "low" / "records100") == digest(tmp_path / "a" / "records100")


def test_superclasses_are_as_common_as_in_ptbxl(cohort: pd.DataFrame, statements: pd.DataFrame):
    found = cohort["codes"].map(lambda c: classes(c, statements, "diagnostic_class"))
    published = {"NORM": 0.436, "MI": 0.251, "STTC": 0.240, "CD": 0.224, "HYP": 0.122}  # label tables, folds 1-8
    for name, share in published.items():
        assert found.map(lambda f, n=name: n in f).mean() == pytest.approx(share, abs=0.035), name
    assert found.map(len).gt(1).mean() == pytest.approx(0.23, abs=0.05)
    rhythm = cohort["codes"].map(lambda c: len(classes(c, statements, "rhythm")) > 0)
    assert 0.93 < rhythm.mean() < 0.995


@pytest.mark.parametrize(
    ("group", "at_least"), [("diagnostic_class", 5), ("diagnostic_subclass", 22), ("form", 18), ("rhythm", 11)]
)
def test_classes_are_present_in_every_partition(cohort, statements, group: str, at_least: int):
    found = cohort["codes"].map(lambda c: classes(c, statements, group))
    for partition in (cohort["fold"] <= 8, cohort["fold"] == 9, cohort["fold"] == 10):
        assert len(set().union(*found[partition])) >= at_least


def test_folds_are_even_and_no_patient_is_in_two(cohort: pd.DataFrame):
    assert cohort.groupby("patient")["fold"].nunique().max() == 1
    sizes = cohort["fold"].value_counts()
    assert set(sizes.index) == set(range(1, 11))
    assert sizes.min() > 175
    assert sizes.max() < 225
    repeated = 1 - cohort["patient"].nunique() / len(cohort)
    assert 0.09 < repeated < 0.17


def test_the_fold_of_a_patient_holds_in_the_files(table: pd.DataFrame):
    assert table.groupby("patient_id")["strat_fold"].nunique().max() == 1
    assert table["patient_id"].duplicated().any()


def test_reports_agree_with_statements(table: pd.DataFrame):
    reports = table["report"]
    for code, words in {
        "AFIB": "atrial fibrillation|vorhofflimmern",
        "CLBBB": "left bundle branch block|linksschenkelblock",
        "LVH": "left ventricular hypertrophy|linkshypertrophie",
        "IMI": "inferior myocardial infarction|inferiorer infarkt",
        "PACE": "pacemaker|pacing|schrittmacher",
    }.items():
        holds = table["codes"].map(lambda c, k=code: k in c)
        assert holds.any(), code
        assert reports[holds].str.contains(words).all(), code
    fibrillation = table["codes"].map(lambda c: "AFIB" in c)
    assert not reports[~fibrillation].str.contains("atrial fibrillation|vorhofflimmern").any()
    german = reports.str.contains("sinusrhythmus|ekg|vorhof|schenkelblock|infarkt")
    assert 0.12 < german.mean() < 0.4


def test_rates_in_the_files_are_those_of_the_statements(root: Path, table: pd.DataFrame):
    def beats(name: str) -> int:
        signal = np.fromfile(root / f"{name}.dat", "<i2").reshape(-1, 12).T.astype(float)
        speed = np.convolve((np.diff(signal, axis=1) ** 2).sum(0), np.ones(8), "same")
        up = np.flatnonzero(speed > 0.3 * np.percentile(speed, 97))
        return int((np.diff(up) > 20).sum() + 1)

    count: dict[str, list[int]] = {
        code: [beats(n) for n in table["filename_lr"][table["codes"].map(lambda c, k=code: set(c) == {"NORM", k})]]
        for code in ("SR", "SBRAD", "STACH")
    }
    # Beats in ten seconds; one more or less for where the recording starts.
    assert max(count["SBRAD"]) <= 10
    assert min(count["STACH"]) >= 16
    assert 9 <= np.percentile(count["SR"], 5) <= np.percentile(count["SR"], 95) <= 17


def test_the_low_rate_is_the_decimated_high_rate(root: Path, table: pd.DataFrame):
    high, low = (signals(root, table[c][:5]).astype(np.float32) for c in ("filename_hr", "filename_lr"))
    assert np.abs(decimate(high, 5) - low).max() <= 2  # microvolts
    t = np.arange(5000) / 500
    inside, outside = (decimate(np.sin(2 * np.pi * f * t)[None].astype(np.float32), 5)[0] for f in (10.0, 70.0))
    np.testing.assert_allclose(inside[50:-50], np.sin(2 * np.pi * 10 * t[::5])[50:-50], atol=2e-3)
    assert np.abs(outside[50:-50]).max() < 0.02  # nothing folds back


def test_superclasses_can_be_learnt_from_simple_features(root: Path, table: pd.DataFrame, statements: pd.DataFrame):
    """A linear model on the average beat already beats chance on every superclass."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = []
    for signal in signals(root, table["filename_lr"]).astype(float) / 1000:
        speed = np.convolve((np.diff(signal, axis=1) ** 2).sum(0), np.ones(5), "same")
        up = np.flatnonzero(speed > 0.3 * np.percentile(speed, 97))
        starts = up[np.r_[True, np.diff(up) > 20]]
        starts = starts[(starts > 30) & (starts < 940)]
        beat = np.median([signal[:, s - 30 : s + 55] for s in starts], axis=0)
        features.append((beat - beat[:, :5].mean(1, keepdims=True))[[0, 1, 6, 7, 8, 9, 10, 11]].ravel())
    x = np.array(features)
    found = table["codes"].map(lambda c: classes(c, statements, "diagnostic_class"))
    train = (table["strat_fold"] % 2 == 0).to_numpy()
    for name in SUPERCLASSES:
        y = found.map(lambda f, n=name: n in f).to_numpy()
        model = make_pipeline(StandardScaler(), PCA(20, random_state=0), LogisticRegression(C=0.05, max_iter=500))
        score = model.fit(x[train], y[train]).predict_proba(x[~train])[:, 1]
        truth = y[~train]
        draws = np.random.default_rng(0).integers(0, len(truth), (200, len(truth)))
        low = np.percentile([roc_auc_score(truth[d], score[d]) for d in draws], 2.5)
        assert low > 0.5, name


def test_nothing_is_left_behind_when_refused_or_interrupted(tmp_path: Path, monkeypatch):
    with pytest.raises(ConfigError, match="0 recordings"):
        simulate_ptbxl(tmp_path / "none", n_records=0)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept.txt").write_text("mine")
    with pytest.raises(DataError, match="not an empty folder"):
        simulate_ptbxl(tmp_path / "full", n_records=3)

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tasks.datasets.simulated.ptbxl.write_wfdb16", full_disk)
    with pytest.raises(DataError, match="No space left"):
        simulate_ptbxl(tmp_path / "new", n_records=3)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["full", "kept.txt"]


def test_small_cohorts_and_every_statement_work(tmp_path: Path, statements: pd.DataFrame):
    from tasks.datasets.simulated.ptbxl import _CONDITIONS
    from tasks.datasets.simulated.ptbxl_cohort import draw_statements

    simulate_ptbxl(tmp_path / "one", n_records=1)
    assert len(pd.read_csv(tmp_path / "one" / "ptbxl_database.csv")) == 1
    rng = np.random.default_rng(0)
    drawn = Counter(c for _ in range(12_000) for c in draw_statements(rng))
    assert set(drawn) == set(statements.index) == {*_CONDITIONS, "NORM", "SR"}
