"""The PTB-XL reader on files in the publisher's format: simulated, spoiled and, where available, real."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench import registry
from bench.errors import DataError
from bench.signals.build_store import prepare
from bench.splitting.split import load_split
from tasks.datasets.ptbxl import DATABASE, PTBXL
from tasks.datasets.ptbxl_statements import STATEMENTS
from tasks.datasets.simulated.ptbxl import simulate_ptbxl
from tasks.ptbxl import PTBXLAll, PTBXLDiagnostic, PTBXLForm, PTBXLRhythm, PTBXLSubclass, PTBXLSuperclass

SHARED = Path(__file__).parents[3] / "shared" / "data"
TASKS = (PTBXLSuperclass, PTBXLSubclass, PTBXLForm, PTBXLRhythm, PTBXLDiagnostic, PTBXLAll)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("ptbxl") / "root"
    simulate_ptbxl(root, n_records=60, seed=1)
    return root


@pytest.fixture
def root(simulated, tmp_path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(simulated, tmp_path / "ptbxl"))


def spoil(root: Path, change) -> PTBXL:
    table = pd.read_csv(root / DATABASE, dtype=str)
    change(table).to_csv(root / DATABASE, index=False)
    return PTBXL(root)


def real(name: str) -> PTBXL:
    if not (SHARED / name).is_dir():
        pytest.skip(f"no real recordings: ../shared/data/{name} is absent")
    return PTBXL(SHARED / name)


# -- reading ----------------------------------------------------------------------------------------------------------


def test_records_have_what_tasks_and_texts_need(simulated):
    dataset = PTBXL(simulated)
    dataset.check()
    records = dataset.records()
    assert len(records) == 60
    assert records.index.name == "record_id"
    table = pd.read_csv(simulated / DATABASE)
    row = records.iloc[0]
    assert row.name == str(table["ecg_id"][0])
    assert json.loads(row["scp_codes"]) == ast.literal_eval(table["scp_codes"][0])
    for group in ("superclass", "subclass", "diagnostic", "form", "rhythm", "all", "statements"):
        assert isinstance(row[group], list)
    assert not any(name.startswith("_") or name.endswith("_") for names in records["all"] for name in names)


def test_a_statement_counts_whatever_its_likelihood(root):
    dataset = spoil(root, lambda t: t.assign(scp_codes="{'IMI': 0.0, 'NST_': 100.0, '1AVB': 15.0, 'SR': 0.0}"))
    row = dataset.records().iloc[0]
    assert row["superclass"] == ["MI", "STTC", "CD"]
    assert row["subclass"] == ["IMI", "NST", "AVB"]
    assert row["diagnostic"] == ["IMI", "NST", "1AVB"]
    assert row["form"] == ["NST"]
    assert row["rhythm"] == ["SR"]
    assert row["all"] == ["IMI", "NST", "1AVB", "SR"]


def test_texts(root):
    dataset = spoil(root, lambda t: t.assign(scp_codes="{'SR': 0.0, 'IMI': 100.0}", report="sinusrhythmus"))
    records = dataset.records()
    assert PTBXL.text(records, "statements")[0] == "inferior myocardial infarction. sinus rhythm."
    assert PTBXL.text(records, "report")[0] == "sinusrhythmus"


@pytest.mark.parametrize(("rate", "fs"), [(None, 500), (500, 500), (100, 100)])
def test_either_rate_is_read(simulated, rate, fs):
    dataset = PTBXL(simulated)
    files = dataset.files(dataset.records(), rate)
    recording = PTBXL.read(files[3])
    assert (recording.fs, recording.signal.shape) == (fs, (12, fs * 10))


def test_another_rate_is_resampled_from_the_best(simulated, tmp_path):
    store = prepare(PTBXL(simulated), tmp_path / "store", rate=250)
    assert (store.fs, store.uniform_length) == (250, 2500)


def test_a_copy_with_100_hz_alone_serves(root):
    shutil.rmtree(root / "records500")
    dataset = PTBXL(root)
    dataset.check()
    assert PTBXL.read(dataset.files(dataset.records())[0]).fs == 100


def test_optional_columns_may_be_absent(root):
    dataset = spoil(root, lambda t: t[["ecg_id", "patient_id", "scp_codes", "strat_fold", "filename_lr"]])
    records = dataset.records()
    assert records["age"].isna().all()
    assert (records["report"] == "").all()
    assert PTBXL.read(dataset.files(records)[0]).fs == 100


def test_pretraining_sees_folds_1_to_9_only(simulated):
    records = PTBXL(simulated).records()
    masks = PTBXL.pretraining_partition(records)
    np.testing.assert_array_equal(masks["train"], records["strat_fold"] <= 8)
    np.testing.assert_array_equal(masks["validation"], records["strat_fold"] == 9)


def test_versions_are_told_by_the_records(root):
    assert PTBXL(root).version() == "1.0.1 to 1.0.3 (60 records of it)"
    rows = [str(i) for i in range(1, 21838)]
    older = spoil(root, lambda t: pd.DataFrame({"ecg_id": rows}).assign(patient_id=1, scp_codes="{}", strat_fold=1))
    assert older.version() == "1.0.1 or 1.0.2"
    from tasks.datasets.file_constants import PTBXL_WITHDRAWN

    assert len(PTBXL_WITHDRAWN) == 38
    newest = spoil(root, lambda t: t[~t["ecg_id"].isin(PTBXL_WITHDRAWN)])
    assert newest.version() == "1.0.3"


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [DATABASE, STATEMENTS])
def test_a_missing_index_file_names_where_to_get_it(root, name):
    (root / name).unlink()
    with pytest.raises(DataError, match=rf"{name} is missing.*https://physionet.org"):
        PTBXL(root).check()


def test_missing_signals_are_told(root):
    shutil.rmtree(root / "records500")
    shutil.rmtree(root / "records100")
    with pytest.raises(DataError, match="neither records500/ nor records100/"):
        PTBXL(root).check()


@pytest.mark.parametrize("column", ["ecg_id", "patient_id", "scp_codes", "strat_fold"])
def test_a_missing_column_is_named(root, column):
    with pytest.raises(DataError, match=f"column {column} is missing; found"):
        spoil(root, lambda t: t.drop(columns=column)).records()


def test_no_file_name_column_is_told(root):
    with pytest.raises(DataError, match="neither column filename_lr nor filename_hr"):
        spoil(root, lambda t: t.drop(columns=["filename_lr", "filename_hr"])).records()


@pytest.mark.parametrize("column", ["description", "diagnostic_class"])
def test_a_missing_statement_column_is_named(root, column):
    table = pd.read_csv(root / STATEMENTS, index_col=0)
    table.drop(columns=column).to_csv(root / STATEMENTS)
    with pytest.raises(DataError, match=f"{STATEMENTS}: column {column} is missing"):
        PTBXL(root).records()


def test_duplicated_ids_are_refused(root):
    with pytest.raises(DataError, match="is in 3 rows"):
        spoil(root, lambda t: pd.concat([t, t.iloc[[4]], t.iloc[[4]]])).records()


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("strat_fold", "11", "strat_fold '11'; expected a fold from 1 to 10"),
        ("strat_fold", "two", "strat_fold 'two'"),
        ("patient_id", "?", "patient_id '?'"),
        ("patient_id", "inf", "patient_id 'inf'"),
        ("scp_codes", None, "column scp_codes: cannot read 'nan'"),
        ("scp_codes", "{'NORM': 1e999}", "NORM has the likelihood inf; expected a percentage from 0 to 100"),
        ("scp_codes", "{'NORM': 'nan'}", "NORM has the likelihood nan"),
        ("scp_codes", "{'NORM': -1}", "NORM has the likelihood -1.0"),
        ("scp_codes", "{'NORM': 1" + "0" * 400 + "}", "column scp_codes: cannot read"),
        ("scp_codes", "__import__('os').system('true')", "column scp_codes: cannot read"),
        ("scp_codes", "{'NORM': 'much'}", "column scp_codes: cannot read"),
        ("scp_codes", "['NORM']", "column scp_codes: cannot read"),
        ("scp_codes", "{" * 5000, "column scp_codes: cannot read"),
        ("scp_codes", "{'NOVEL': 100.0}", "'NOVEL' is not a statement"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_its_record_which_may_be_left_out(
    root, tmp_path, column, value, said
):
    def change(table):
        table.loc[5, column] = value
        return table

    dataset = spoil(root, change)
    with pytest.raises(DataError) as error:
        prepare(dataset, tmp_path / "store")
    assert said in str(error.value)
    assert DATABASE in str(error.value)
    (skipped,) = prepare(dataset, tmp_path / "store", on_bad_record="skip").manifest["skipped"]
    assert said in skipped["reason"]


def test_a_record_without_an_id_is_refused(root):
    def change(table):
        table.loc[5, "ecg_id"] = None
        return table

    with pytest.raises(DataError, match="has no ecg_id"):
        spoil(root, change).records()


def test_ages_and_sizes_that_are_no_numbers_are_left_empty_and_named(root):
    def change(table):
        table.loc[5, "age"], table.loc[6, "age"], table.loc[7, "height"] = "inf", "old", "1e999"
        return table

    dataset = spoil(root, change)
    records = dataset.records()
    assert records["age"].isna().sum() >= 2
    assert np.isfinite(records["height"].dropna()).all()
    assert [(one.words.split(" (")[0], len(one.records)) for one in dataset.findings.remarks] == [
        ("2 recordings without a usable age", 2),
        ("1 recording without a usable height", 1),
    ]


def test_a_file_that_is_not_utf_8_is_refused(root):
    text = (root / DATABASE).read_text(encoding="utf-8")
    (root / DATABASE).write_bytes(text.replace("sinus", "sünus", 1).encode("latin-1") + b"\xfc")
    with pytest.raises(DataError, match="is not UTF-8"):
        PTBXL(root).records()


@pytest.mark.parametrize("content", [b"", b'ecg_id,patient_id\n1,"2\n', b"ecg_id,patient_id,scp_codes,strat_fold\n"])
def test_an_empty_or_torn_table_is_refused(root, content):
    (root / DATABASE).write_bytes(content)
    with pytest.raises(DataError, match=DATABASE):
        PTBXL(root).records()


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "records500/../../x", ""])
def test_file_names_that_leave_the_root_are_refused(root, name):
    def change(table):
        table.loc[7, "filename_hr"] = name
        return table

    dataset = spoil(root, change)
    with pytest.raises(DataError, match=r"ecg_id \d+, column filename_hr names the file"):
        dataset.files(dataset.records())


def test_one_missing_signal_is_named_with_the_way_to_get_it(root, tmp_path):
    victim = sorted((root / "records500").rglob("*.dat"))[20]
    victim.unlink()
    with pytest.raises(DataError) as error:
        prepare(PTBXL(root), tmp_path / "store")
    for said in (f"{victim} is missing", "ptbxl record", "https://physionet.org/content/ptb-xl/1.0.3/"):
        assert said in str(error.value)
    assert not (tmp_path / "store").exists()
    store = prepare(PTBXL(root), tmp_path / "store", on_bad_record="skip")
    assert store.manifest["n_skipped"] == 1
    assert len(store) == 59


# -- tasks ------------------------------------------------------------------------------------------------------------


def test_every_task_is_registered_and_asks_what_the_statements_say(simulated):
    records = PTBXL(simulated).records()
    for task, n_classes in zip(TASKS, (5, 23, 19, 12, 44, 71), strict=True):
        assert registry.load(registry.TASKS, task.name) is task
        assert len(task.classes) == n_classes
        data = task().examples(records)
        kept = [i for i, names in enumerate(records[task.column]) if set(names) & set(task.classes)]
        np.testing.assert_array_equal(data.record_ids, records.index[kept].to_numpy(dtype=str))
        for row, i in enumerate(kept):
            positive = {name for name, one in zip(task.classes, data.targets[row], strict=True) if one}
            assert positive == set(records[task.column].iloc[i])


def test_classes_are_those_of_the_publisher_s_statements(simulated):
    kinds = PTBXL(simulated)._statements().values()
    for task in TASKS:
        assert set(task.classes) == {kind[task.column] for kind in kinds if kind[task.column]}


def test_prompts_are_distinct_words(simulated):
    for task in TASKS:
        prompts = list(task.classes.values())
        assert len(set(prompts)) == len(prompts)
        assert not any(name in prompt.split() for name, prompt in task.classes.items() if name not in ("ST",))


def test_simulated_partitions_are_disjoint_by_patient(simulated):
    records = PTBXL(simulated).records()
    data = PTBXLSuperclass().examples(records)
    partition = load_split("ptbxl-super").partition(data)
    assert sum(len(rows) for _, rows in partition.items()) == len(data)


# -- real recordings --------------------------------------------------------------------------------------------------


def test_real_recordings_are_prepared_as_published(tmp_path):
    import wfdb

    dataset = real("ptbxl")
    store = prepare(dataset, tmp_path / "store", rate=100)
    assert (len(store), store.fs) == (500, 100)
    assert store.manifest["version"] == "1.0.1 or 1.0.2 (500 records of it)"
    files = dataset.files(dataset.records(), 100)
    for row in range(0, 500, 50):
        expected = wfdb.rdrecord(str(files[row].path)).p_signal.T
        np.testing.assert_allclose(store.read(np.array([row]))[0], expected, atol=1e-6)
    data = PTBXLSuperclass().examples(store.records)
    report = load_split("ptbxl-super").verify(data, complete=False)
    assert {name: facts.records for name, facts in report.found.items()} == {"train": 352, "validation": 72, "test": 64}


def test_real_recordings_at_100_hz_alone(tmp_path):
    dataset = real("ptbxl-z")
    records = dataset.records()
    report = load_split("ptbxl-super").verify(PTBXLSuperclass().examples(records), complete=False)
    assert {name: facts.records for name, facts in report.found.items()} == {
        "train": 1282,
        "validation": 160,
        "test": 183,
    }
    assert PTBXL.read(dataset.files(records)[0]).fs == 100


def test_labels_of_real_recordings_are_the_released_ones():
    """The reader's labels against MERL's label files, for the recordings that are in both."""
    merl = SHARED / "merl-splits" / "ptbxl"
    records = real("ptbxl").records()
    for task, folder in (
        (PTBXLSuperclass, "super_class"),
        (PTBXLSubclass, "sub_class"),
        (PTBXLForm, "form"),
        (PTBXLRhythm, "rhythm"),
    ):
        tables = [pd.read_csv(path, dtype={"ecg_id": str}) for path in sorted((merl / folder).glob("*.csv"))]
        released = pd.concat([t[["ecg_id", *task.classes]] for t in tables]).set_index("ecg_id")
        data = task().examples(records)
        shared = np.isin(data.record_ids, released.index)
        assert shared.sum() > 0.95 * len(data)
        np.testing.assert_array_equal(data.targets[shared], released.loc[data.record_ids[shared]].to_numpy())
