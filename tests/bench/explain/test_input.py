"""``bench explain NAME --input``: the steps in words, and the array of the last step, which is what the method is given."""

from dataclasses import replace

import numpy as np
import pytest

from bench import registry
from bench.data.batches import BatchSource
from bench.data.source import DataSource
from bench.errors import ConfigError, DataError
from bench.explain.input_picture import LEAD, draw_steps, input_steps, recording_of
from bench.method.input_words import input_words
from bench.reading.as_published import as_published
from bench.signals.leads import LEADS
from bench.signals.windows import SignalView

RELEASED = sorted(n for n, e in registry.entries(registry.METHODS).items() if "published_weights" in e.attributes)


@pytest.fixture
def source(workspace):
    return DataSource(workspace, simulated_records=120)


def of(name, **settings):
    cls = registry.load(registry.METHODS, name)
    return cls, cls.Config(**settings)


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("st-mem-released", ["as recorded", "resampled (fft)", "window"]),
        ("ecgfounder", ["as recorded", "filtered", "window", "scaled (zscore)"]),
        ("hubert-ecg-small", ["as recorded", "filtered", "window"]),
        ("heartlang", ["as recorded", "resampled (fft)", "filtered", "window"]),
        ("merl-released", ["as recorded", "window", "scaled (minmax)"]),
        ("llm-dan", ["as recorded", "median beat", "scaled (zscore-lead)"]),
    ],
)
def test_the_last_step_is_what_the_method_is_given_in_a_batch(source, name, steps):
    store, row, words = recording_of(source, "ptbxl", None, print)
    cls, config = of(name)
    spec = cls.input_for(config)
    made = input_steps(store, row, spec)
    assert [step.name for step in made if step.name != "resampled (polyphase)"] == steps
    batch = BatchSource(SignalView(store, spec, cache=source.workspace.cache)).batch(np.array([row]))
    np.testing.assert_array_equal(made[-1].signal, batch.ecg[0].numpy())
    assert made[-1].fs == spec.fs
    figure = draw_steps(made, words)
    last = figure.axes[-2].lines[0]
    np.testing.assert_array_equal(last.get_ydata(), batch.ecg[0, LEADS.index(LEAD)].numpy())
    assert [axes.get_ylabel() for axes in figure.axes[::2]] == [step.unit or "no unit" for step in made]


def test_filters_at_the_recorded_rate_come_before_resampling(source):
    store, row, _ = recording_of(source, "ptbxl", None, print)
    spec = of("hubert-ecg-small")[0].input
    names = [step.name for step in input_steps(store, row, replace(spec, fs=100))]
    assert names == ["as recorded", "filtered", "resampled (fft)", "window"]


def test_a_record_is_named_or_refused(source):
    store, _, _ = recording_of(source, None, None, print)
    named = str(store.records.index[3])
    assert recording_of(source, None, named, print)[1:] == (3, f"{named} of ptbxl")
    with pytest.raises(DataError, match="--record absent: ptbxl has no such record"):
        recording_of(source, None, "absent", print)


def words_of(name, **settings):
    return list(input_words(registry.entries(registry.METHODS)[name], *of(name, **settings)))


def test_the_steps_in_words():
    assert words_of("st-mem-released")[1:4] == [
        "  1. resampling: to 250 Hz by Fourier transform; recordings at 250 Hz stay as they are",
        "  2. filters: none",
        "  3. window: the first 10 s, 2,500 samples; a shorter recording is padded with zeros after scaling",
    ]
    assert any("three crops of 9 s" in line for line in words_of("st-mem-released"))
    assert words_of("hubert-ecg-small")[1].startswith("  1. filters: at the recorded rate, in this order: fir:0.05:47")
    assert any("the weights learned I, II, III, aVR, aVF, aVL" in line for line in words_of("merl-released"))
    assert "notch:50/scipy, bandpass:0.67:40/4/scipy, median:0.4" in words_of("ecgfounder")[2]
    assert words_of("ecgfounder", preparation="unfiltered")[2] == "  2. filters: none"
    assert "not stated; see encode in methods.merl" in words_of("merl")[-1]
    with pytest.raises(ConfigError, match="needs --set path="):
        words_of("encoder")


@pytest.mark.parametrize("name", RELEASED)
def test_every_released_model_states_what_precedes_its_network(name):
    assert as_published(registry.entries(registry.METHODS)[name]).encode


def test_another_input_than_the_trained_one_is_said():
    words = words_of("ecgfounder", inputs="raw-windows")
    assert "inputs: raw-windows, not as trained" in words[-1]
    assert any("scaling: none" in line for line in words)
