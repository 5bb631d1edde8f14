"""Keys follow the transforms that an input passes: a changed filter, scaling, resampling or window, and exactly those."""

import pytest

from bench.signals.derived import code_of_transforms
from bench.signals.input_code import input_digest
from bench.signals.input_spec import InputSpec

SPECS = {
    "plain": (InputSpec(), 500.0),
    "resampled": (InputSpec(fs=100), 500.0),
    "minmax": (InputSpec(normalise="minmax"), 500.0),
    "zscore": (InputSpec(normalise="zscore"), 500.0),
    "zscore-lead": (InputSpec(normalise="zscore-lead"), 500.0),
    "highpass": (InputSpec(filters=("highpass:0.5/5",)), 500.0),
    "notch": (InputSpec(filters=("notch:50",)), 500.0),
    "mmcl": (InputSpec(filters=("clip:4", "als:1e7:0.3:5", "zscore-groups")), 500.0),
    "beat": (InputSpec(median_beat=True), 500.0),
}
ALL = set(SPECS)


@pytest.mark.parametrize(
    ("module", "name", "who"),
    [
        ("windows", "SignalView", ALL),
        ("windows", "EPSILON", ALL),
        ("leads", "LEADS", ALL),
        ("windows", "_minmax", {"minmax"}),
        ("windows", "_zscore", {"zscore"}),
        ("window_kernel", "_zscore_lead", {"zscore-lead"}),
        ("window_kernel", "_sums", {"zscore", "zscore-lead"}),
        ("resample", "resample", {"resampled", "beat"}),
        ("filters", "_butterworth", {"highpass"}),
        ("filters", "NOTCH_QUALITY", {"notch"}),
        ("filters", "apply_filters", {"highpass", "notch"}),
        ("filter_steps", "als_baseline", {"mmcl"}),
        ("filter_steps", "GROUPS", {"mmcl"}),
        ("filter_steps", "prepare_signal", {"highpass", "notch", "mmcl"}),
        ("median_beat", "REFRACTORY", {"beat"}),
        ("store", "SignalStore", set()),
        ("derived", "derive", set()),
        ("images", "prepare_images", set()),
    ],
)
def test_a_changed_transform_changes_the_keys_of_the_inputs_that_pass_it(changed, module, name, who):
    before = {name: input_digest(*spec) for name, spec in SPECS.items()}
    changed(f"bench.signals.{module}", name)
    assert {name for name, spec in SPECS.items() if input_digest(*spec) != before[name]} == who


@pytest.mark.parametrize(
    ("module", "name", "counts"),
    [
        ("bench.signals.resample", "resample", True),
        ("bench.signals.median_beat", "REFRACTORY", True),
        ("bench.signals.store_writer", "stored", True),
        ("bench.signals.store", "SignalStore", False),
        ("bench.signals.derived", "derive", False),
        ("bench.errors", "", False),
        ("bench.renamed", "", False),
    ],
)
def test_cached_signals_are_made_again_after_a_change_of_the_transforms_alone(changed, module, name, counts):
    before = code_of_transforms()
    changed(module, name)
    assert (code_of_transforms() != before) == counts
