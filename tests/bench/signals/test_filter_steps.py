from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.errors import ConfigError, UnknownName
from bench.signals.derived import Transform
from bench.signals.filter_steps import MMCL, als_baseline, check, prepare_signal
from bench.signals.leads import LEADS

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="module")
def stored():
    with np.load(GOLDEN / "mmcl_preprocessing.npz", allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("baseline_lead1_lam1e7_p0_3_n5", (1e7, 0.3, 5)),
        ("baseline_lead1_defaults_lam1e8_p0_01_n10", (1e8, 0.01, 10)),
    ],
)
def test_the_baseline_is_that_of_the_release(stored, key, values):
    np.testing.assert_allclose(
        als_baseline(stored["raw"][1], *values), stored[key], atol=1e-7 * np.abs(stored[key]).max()
    )


def test_mmcls_cleaning_is_that_of_the_release(stored):
    np.testing.assert_allclose(
        prepare_signal(stored["raw"], 500, MMCL), stored["processed"], atol=1e-7 * np.abs(stored["processed"]).max()
    )


def test_a_batch_is_cleaned_record_by_record(stored):
    two = np.stack([stored["raw"], 3 * stored["raw"][:, ::-1]])
    whole = prepare_signal(two, 500, MMCL)
    for record, found in zip(two, whole, strict=True):
        np.testing.assert_allclose(prepare_signal(record, 500, MMCL), found, atol=1e-10 * np.abs(found).max())


def test_absent_leads_take_no_part(stored):
    present = np.array([lead in ("I", "V1", "V5") for lead in LEADS])
    disturbed = np.where(present[:, None], stored["raw"], 50.0 * stored["raw"][::-1])
    found = prepare_signal(stored["raw"], 500, MMCL, present)
    np.testing.assert_array_equal(prepare_signal(disturbed, 500, MMCL, present), found)
    assert not found[~present].any()
    np.testing.assert_allclose(found[0].std(), 1, atol=1e-6)  # alone in its group


def test_steps_mix_with_filters_and_flat_recordings_stay_finite(stored):
    names = ("highpass:0.5", "clip:4", "zscore-groups")
    assert np.isfinite(prepare_signal(np.zeros((12, 600)), 500, names)).all()
    assert prepare_signal(stored["raw"].astype(np.float32), 500, names).dtype == np.float32


def test_one_cached_store_serves_all_leads_unless_a_step_looks_across_them():
    assert Transform(500.0, ("highpass:0.5",), leads=("I",)) == Transform(500.0, ("highpass:0.5",))
    assert Transform(500.0, ("clip:4",), leads=("I",)) != Transform(500.0, ("clip:4",))


@pytest.mark.parametrize(
    "name", ["clip", "clip:-1", "als:1e7:0.3", "als:1e7:2:5", "als:1e7:0.3:2.5", "zscore-groups:1"]
)
def test_wrong_numbers_are_refused(name):
    with pytest.raises(ConfigError, match="expected"):
        check(name, 500)


def test_an_unknown_step_is_refused():
    with pytest.raises(UnknownName):
        check("sharpen:1", 500)
