"""The simulated UK Biobank through its real reader, and the six tasks on it."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.batch import ECGBatch
from bench.data.batches import BatchSource
from bench.data.source import DataSource
from bench.errors import ConfigError, DataError
from bench.runner.plan import RunOptions, plan
from bench.scoring.classification import auroc
from bench.signals.build_store import prepare
from bench.signals.images import altered_images, prepare_images
from bench.signals.input_spec import InputSpec
from bench.signals.store import DamagedStore
from bench.signals.windows import SignalView
from bench.splitting.split import load_split
from bench.storage.workspace import Workspace
from tasks import ukb
from tasks.datasets.simulated.ukb import simulate_ukb
from tasks.datasets.simulated.ukb_hearts import draw_participant, patient_of, true_risks
from tasks.datasets.ukb import UKBiobank
from tasks.datasets.ukb_phenotypes import GROUPS, PHENOTYPES, read_phenotypes

TASKS = [
    ukb.HypertensionHeartFailure,
    ukb.InfarctionHeartFailure,
    ukb.CoronaryArteryDisease,
    ukb.AtrialFibrillation,
    ukb.DiabetesMellitus,
    ukb.CardiacPhenotypes,
]


@pytest.fixture(scope="module")
def root(source):
    return source.dataset("ukb").root


@pytest.fixture(scope="module")
def records(root):
    return UKBiobank(root).records()


@pytest.fixture(scope="module")
def store(source):
    return source.store("ukb")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """For prepared images."""
    return tmp_path_factory.mktemp("images")


def test_records_hold_people_devices_and_histories(root, records):
    files = sorted(path.name for path in (root / "20205").iterdir())
    assert [f"{one}_0.xml".replace("_2_", "_20205_2_") for one in records.index] == files
    assert records["age"].between(45, 83).all() and set(records["sex"]) == {"male", "female"}
    assert records["height"].between(135, 205).all() and records["weight"].between(35, 160).all()
    assert records["ecg_qrs_duration"].between(50, 250).all()
    assert records["ecg_qrs_duration"].between(50, 200).mean() > 0.95
    assert records["ecg_date"].between("2014-05-01", "2020-05-01").all()
    assert records["imaged"].mean() > 0.9 and 0.6 < records["LVEF"].notna().mean() < 0.95
    assert set(records["mmcl_partition"]) == {"train", "validation", "test", ""}
    assert (records.loc[~records["imaged"], "mmcl_partition"] == "").all()
    later = records["heart_failure_date"] > records["ecg_date"]
    assert 0.05 < later.mean() < 0.5
    # who has it sooner is who was at risk
    assert (
        records.loc[later, "simulated_true_heart_failure"].mean() > records["simulated_true_heart_failure"].mean() + 0.5
    )


def test_a_survival_model_is_planned_for_survival_tasks_alone():
    planned = plan(RunOptions(["cox-ecg"], ["ukb-cad", "ukb-hyp-hf"], ["scratch"]))
    assert {cell.task for cell in planned.cells} == {"ukb-hyp-hf"}
    assert planned.left_out == ["cox-ecg answers survival tasks, and ukb-cad is a multilabel task"]
    with pytest.raises(ConfigError, match="nothing to run: cox-ecg answers survival tasks, and ukb-phenotypes is"):
        plan(RunOptions(["cox-ecg"], ["ukb-phenotypes"], ["scratch"]))


def test_the_simulators_own_risks_are_calibrated_and_tell_who_falls_ill():
    rng = np.random.default_rng(0)
    message, ill = [], []
    for _ in range(1500):
        person = draw_participant(rng)
        message.append(list(true_risks(person, patient_of(person, rng)).values())[1:])
        ill.append([person.coronary, person.fibrillation, person.diabetes])
    odds, ill = np.array(message), np.array(ill)
    chance = 1 / (1 + np.exp(-odds))
    assert (ill[:, 0] == (chance[:, 0] > 0.5)).all()  # a coronary heart always shows
    for disease in (1, 2):
        high = chance[:, disease] > np.median(chance[:, disease])
        for half in (high, ~high):
            assert ill[half, disease].mean() == pytest.approx(chance[half, disease].mean(), abs=0.04)
        assert auroc(ill[:, [disease]], odds[:, [disease]])[0] > 0.7


def test_the_same_seed_writes_the_same_bytes_and_both_spellings_read_alike(tmp_path):
    for name, spelling in (("a", "dispensary"), ("b", "dispensary"), ("c", "rap")):
        simulate_ukb(tmp_path / name, 12, seed=1, spelling=spelling)

    def content(name):
        folder = tmp_path / name
        return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    assert content("a") == content("b")
    pd.testing.assert_frame_equal(
        UKBiobank(tmp_path / "a").records(), UKBiobank(tmp_path / "c").records(), check_dtype=False
    )


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_tasks_have_their_targets_splits_and_flow_charts(records, task):
    examples = task().examples(records)
    split = load_split(task.split)
    assert examples.cohort.left == len(examples) == len(examples.targets)
    assert len(set(examples.patient_ids)) == len(examples)
    partition = split.partition(examples, split.folds[-1])
    assert sum(len(rows) for _, rows in partition.items()) == len(examples)
    if task.kind == "multilabel":
        found = examples.targets[partition.train]
        assert found.shape[1] == 1 and found.mean() == 0.5  # balanced
        assert 0 < examples.targets[partition.test].mean() < 0.5  # as in the population
    if task.kind == "survival":
        assert len(split.folds) == 10
        assert examples.targets[:, 0].min() >= 2 and set(examples.targets[:, 1]) == {0.0, 1.0}
        events = [examples.targets[split.partition(examples, k).test, 1].sum() for k in (0, 1)]
        assert abs(events[0] - events[1]) <= 1  # stratified
        assert any("ceiling" in note for note in examples.cohort.notes)
    if task.kind == "regression":
        assert examples.targets.shape[1] == 61


def test_training_negatives_are_always_the_same(records):
    first, again = (
        ukb.DiabetesMellitus().examples(found) for found in (records, records.sample(frac=1, random_state=0))
    )
    assert set(first.record_ids) == set(again.record_ids)


def test_the_groups_of_phenotypes():
    assert {name: len(members) for name, members in GROUPS.items()} == {
        "LV": 6,
        "RV": 4,
        "WT": 17,
        "Ecc": 17,
        "Err": 17,
    }
    assert len(PHENOTYPES) == 61
    assert [name for names in ukb.CardiacPhenotypes.groups.values() for name in names] == list(
        ukb.CardiacPhenotypes.classes
    )


def test_pretraining_sees_nobody_whom_the_partition_tests(records):
    later = records.iloc[:3].assign(instance=3, mmcl_partition="")
    later.index = [one.replace("_2", "_3") for one in later.index]
    both = pd.concat([records, later])
    masks = UKBiobank.pretraining_partition(both)
    seen = set(both["patient_id"][masks["train"]])
    assert not seen & set(records["patient_id"][records["mmcl_partition"].isin(["test", "validation"])])
    assert set(records["patient_id"][records["mmcl_partition"] == "train"]) <= seen


def test_batches_bring_images_tabular_data_and_the_recorder_s_beats(root, store, place):
    dataset = UKBiobank(root)
    images = prepare_images(dataset, store, place / "cache", 70, workers=2)
    again = prepare_images(dataset, store, place / "cache", 70)
    assert images.key == again.key and images.pixels.shape[1:] == (3, 70, 70)
    np.testing.assert_array_equal(images.available, store.records["image_path"] != "")
    view = SignalView(store, InputSpec(median_beat=True, seconds=1.2), cache=place / "cache")
    tabular = UKBiobank.tabular(store.records)
    rows = np.flatnonzero(images.available)[:5]
    batch = BatchSource(view, images=images, tabular=tabular).batch(rows)
    assert isinstance(batch, ECGBatch) and batch.image.shape == (5, 3, 70, 70)
    assert batch.tabular.shape == (5, 4) and set(tabular[:, 1]) == {0.0, 1.0}
    np.testing.assert_allclose(batch.ecg.numpy(), store.recorder_beats(rows), atol=2e-4)
    without = np.flatnonzero(~images.available)[:1]
    with pytest.raises(DataError, match="have no image"):
        images.batch(without)
    # two leads alone must not profit from a beat that all twelve were aligned for
    two = SignalView(store, InputSpec(median_beat=True, seconds=1.2), leads=("I", "II")).batch(rows[:1])[0][0]
    assert np.abs(two[0] - store.recorder_beats(rows[:1])[0, 0]).max() > 0


def test_an_altered_image_is_never_read_and_made_again(tmp_path):
    few = DataSource(Workspace(tmp_path / "workspace"), simulated_records=12)
    root, store, altered = few.dataset("ukb").root, few.store("ukb"), tmp_path / "altered"
    images = prepare_images(UKBiobank(root), store, altered, 20)
    rows = np.flatnonzero(images.available)
    whole = images.batch(rows)
    path = images.folder / "images.npy"
    content = bytearray(path.read_bytes())
    content[200] ^= 1  # in the first image
    path.write_bytes(bytes(content))
    assert "1 images were altered" in altered_images(images.folder)
    damaged = prepare_images(UKBiobank(root), store, altered, 20)
    np.testing.assert_array_equal(damaged.batch(rows[1:]), whole[1:])
    with pytest.raises(DamagedStore, match="image 0 was altered since it was stored"):
        damaged.batch(rows)
    np.testing.assert_array_equal(prepare_images(UKBiobank(root), store, altered, 20).batch(rows), whole)
    (images.folder / "rows.npy").write_bytes(b"")
    np.testing.assert_array_equal(prepare_images(UKBiobank(root), store, altered, 20).batch(rows), whole)


def test_an_interrupted_preparation_of_images_goes_on(root, store, place, monkeypatch):
    from bench.signals import images as module

    monkeypatch.setattr(module, "CHUNK", 16)
    read, calls = UKBiobank.read_image, []

    def failing(file, size):
        calls.append(file.record_id)
        if len(calls) == 40:
            raise KeyboardInterrupt
        return read(file, size)

    monkeypatch.setattr(UKBiobank, "read_image", staticmethod(failing))
    with pytest.raises(KeyboardInterrupt):
        prepare_images(UKBiobank(root), store, place / "interrupted", 20)
    done = len(calls)
    resumed = prepare_images(UKBiobank(root), store, place / "interrupted", 20)
    assert len(calls) - done == int(resumed.available.sum()) - 32  # two whole chunks were kept
    monkeypatch.setattr(UKBiobank, "read_image", staticmethod(read))
    whole = prepare_images(UKBiobank(root), store, place / "whole", 20)
    np.testing.assert_array_equal(resumed.pixels, whole.pixels)


# -- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path):
    simulate_ukb(tmp_path / "ukb", 8, seed=2, cine="none")
    return tmp_path / "ukb"


def table(root: Path) -> pd.DataFrame:
    return pd.read_csv(root / "ukb00000.csv", dtype=str)


def test_an_ecg_of_somebody_unknown_is_refused(copy):
    table(copy).iloc[1:].to_csv(copy / "ukb00000.csv", index=False)
    with pytest.raises(DataError, match="1 participants with an ECG have no row in the main data set"):
        UKBiobank(copy).records()


def test_a_participant_without_ecg_takes_no_part(copy):
    before = UKBiobank(copy).records()
    next((copy / "20205").iterdir()).unlink()
    assert len(UKBiobank(copy).records()) == len(before) - 1


def test_headings_are_read_as_copies_write_them(copy):
    before = UKBiobank(copy).records()
    for path in (copy / "ukb00000.csv", copy / "phenotypes.csv"):
        first, _, rest = path.read_text().partition("\n")
        path.write_text("\ufeff" + ",".join(f'"{name.upper()} "' for name in first.split(",")) + f"\n{rest}")
    pd.testing.assert_frame_equal(UKBiobank(copy).records(), before)


def test_withdrawn_participants_are_left_out(copy):
    records = UKBiobank(copy).records()
    (copy / "w12345_20240101.csv").write_text(records["patient_id"].iloc[0] + "\n")
    assert records.index[0] not in UKBiobank(copy).records().index


def test_a_damaged_ecg_is_named_or_skipped(copy, tmp_path):
    bad = sorted((copy / "20205").iterdir())[0]
    bad.write_text(bad.read_text()[:5000])
    with pytest.raises(DataError, match=rf"{bad.name}.*not well-formed"):
        prepare(UKBiobank(copy), tmp_path / "store")
    kept = prepare(UKBiobank(copy), tmp_path / "store", on_bad_record="skip")
    assert kept.manifest["n_skipped"] == 1


def test_the_end_of_follow_up_can_be_set(copy):
    assert str(UKBiobank(copy).records()["end_of_follow_up"].iloc[0].date()) == "2023-01-05"
    (copy / "follow_up.yaml").write_text("end: 2022-10-31\n")
    assert str(UKBiobank(copy).records()["end_of_follow_up"].iloc[0].date()) == "2022-10-31"
    (copy / "follow_up.yaml").write_text("finish: soon\n")
    with pytest.raises(ConfigError, match="end: 2022-10-31"):
        UKBiobank(copy).records()


def test_missing_parts_say_what_and_where_to_get_it(copy, tmp_path):
    (copy / "ukb00000.csv").unlink()
    with pytest.raises(DataError, match="no table of the main data set"):
        UKBiobank(copy).check()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no resting ECG.*ukbiobank"):
        UKBiobank(tmp_path / "empty").check()


def test_no_events_and_no_phenotypes_are_told(copy, records):
    with pytest.raises(DataError, match="none of the .* participants has an event"):
        ukb.HypertensionHeartFailure().examples(records.assign(heart_failure_date=pd.NaT))
    with pytest.raises(DataError, match="no table of phenotypes"):
        ukb.CardiacPhenotypes().examples(records.drop(columns=["LVEF"]))
    lines = (copy / "phenotypes.csv").read_text().splitlines()
    (copy / "phenotypes.csv").write_text("\n".join([lines[0].replace(" (%)", ""), lines[1]]))
    assert read_phenotypes(copy / "phenotypes.csv").shape == (1, 61)
    (copy / "phenotypes.csv").write_text("\n".join([lines[0], lines[1].replace(lines[1].split(",")[4], "high")]))
    with pytest.raises(DataError, match="LVEF: 'high' is not a number"):
        read_phenotypes(copy / "phenotypes.csv")


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e400", "12345678901234567890", "'5'"])
def test_phenotypes_that_cannot_be_are_refused_by_participant(copy, value):
    path = copy / "phenotypes.csv"
    lines = path.read_text().splitlines()
    fields = lines[1].split(",")
    path.write_text("\n".join([lines[0], ",".join([fields[0], value, *fields[2:]])]))
    with pytest.raises(DataError, match=rf"phenotypes\.csv: eid {fields[0]}, LVEDV: .* is not a number up to 10,000"):
        read_phenotypes(path)


def test_phenotypes_without_a_value_are_missing_and_eids_may_be_floats(copy):
    path = copy / "phenotypes.csv"
    lines = path.read_text().splitlines()
    fields = lines[1].split(",")
    path.write_text("\n".join([lines[0], ",".join([f"{fields[0]}.0", "", "NA", *fields[3:]])]))
    found = read_phenotypes(path)
    assert found.index.tolist() == [fields[0]]
    assert found.isna().sum().sum() == 2
    path.write_text("\n".join([lines[0], ",".join(["inf", *fields[1:]])]))
    with pytest.raises(DataError, match=r"line 2 has the eid 'inf'; expected a number"):
        read_phenotypes(path)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("21003-2.0", "inf", "field 21003, instance 2 is 'inf'; expected a number"),
        ("50-2.0", "tall", "field 50, instance 2 is 'tall'; expected a number"),
        ("21002-2.0", "12345678901234567890", "expected a number"),
        ("53-2.0", "2019-13-45", "field 53, instance 2 is '2019-13-45'; expected a date such as 2014-05-01"),
        ("53-2.0", "99999-01-01", "expected a date such as 2014-05-01"),
    ],
)
def test_fields_that_cannot_be_are_refused_by_participant(copy, column, value, words):
    found = table(copy)
    found.loc[0, column] = value
    found.to_csv(copy / "ukb00000.csv", index=False)
    with pytest.raises(DataError) as error:
        UKBiobank(copy).records()
    assert words in str(error.value) and f"eid {found.loc[0, 'eid']}" in str(error.value)


def test_a_recording_under_another_name_is_reported_as_unread(copy):
    path = sorted(copy.rglob("*_20205_*.xml"))[0]
    dataset = UKBiobank(copy)
    assert dataset.unread_files([]) == []
    path.rename(path.with_suffix(".XML"))
    assert dataset.unread_files([]) == [path.with_suffix(".XML")]


def test_a_second_recording_of_a_visit_is_reported_as_unread_unless_its_participant_has_withdrawn(copy):
    first, other = sorted(copy.rglob("*_20205_*.xml"))[:2]
    second = [shutil.copy(path, path.with_stem(path.stem[:-1] + "1")) for path in (first, other)]
    assert UKBiobank(copy).unread_files([]) == second
    (copy / "w12345_20240101.csv").write_text(first.name.partition("_")[0])
    assert UKBiobank(copy).unread_files([]) == second[1:]


def test_a_table_without_fields_is_reported_as_unread(copy):
    lines = (copy / "ukb00000.csv").read_text().splitlines()
    (copy / "titles.csv").write_text(f"Participant ID,Sex\n{lines[1].partition(',')[0]},Male\n")
    dataset = UKBiobank(copy)
    dataset.records()
    assert [(remark.words, remark.records) for remark in dataset.findings.remarks] == [
        (f"not read, since no heading is a field such as 31-0.0 or p31: 1 table in {copy}", ("titles.csv",))
    ]
