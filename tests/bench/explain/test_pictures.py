"""Pictures hold what they should: paper at scale, every lead, groups, numbers at risk."""

import numpy as np
import pytest
import torch

from bench.explain.ecg_paper import GAIN, SPEED, draw_beats, draw_recording, draw_window
from bench.explain.explain import as_function
from bench.explain.figure import save
from bench.explain.groups import draw_groups, draw_lead_attention
from bench.explain.outcomes import draw_kaplan_meier, draw_predicted_measured, draw_similarity
from bench.signals.leads import LEADS
from bench.training.linear_head import LinearHead

FS = 500


@pytest.fixture(scope="module")
def signal():
    return np.sin(2 * np.pi * np.arange(10 * FS) / FS) * np.linspace(0.2, 1, 12)[:, None]


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_paper_is_at_scale(signal):
    figure = draw_recording(signal, FS, "a record")
    axes = figure.axes[0]
    width, height = figure.get_size_inches() * 25.4
    box = axes.get_position()
    across, down = np.diff(axes.get_xlim())[0], np.diff(axes.get_ylim())[0]
    assert box.width * width == pytest.approx(across, rel=1e-6)  # one unit is one millimetre of paper
    assert box.height * height == pytest.approx(down, rel=1e-6)
    strip = max((line for line in axes.lines), key=lambda line: len(line.get_xdata()))
    assert np.ptp(strip.get_xdata()) == pytest.approx(SPEED * 10, abs=0.1)
    assert np.ptp(strip.get_ydata()) == pytest.approx(GAIN * np.ptp(signal[LEADS.index("II")]), rel=1e-3)


def test_tall_waves_are_drawn_whole(signal):
    tall = signal * 2.6  # mV in V6, whose row would end at 1.5
    axes = draw_recording(tall, FS, "a record").axes[0]
    for drawn in (axes, draw_beats(tall[:, :600], FS, "a beat").axes[0]):  # V6 is in the last row of the beats
        assert max(line.get_ydata().max() for line in drawn.lines) < drawn.get_ylim()[1]
        assert min(line.get_ydata().min() for line in drawn.lines) > drawn.get_ylim()[0]
    v6 = max((line.get_ydata() for line in axes.lines if len(line.get_xdata()) == 2.5 * FS), key=np.ptp)
    assert np.ptp(v6) == pytest.approx(2 * 2.6 * GAIN, rel=1e-3)


def test_every_lead_is_named_and_the_rhythm_strip_again(signal):
    assert sorted(texts(draw_recording(signal, FS, "a record"))) == sorted([*LEADS, "II"])
    assert sorted(texts(draw_beats(signal[:, :600], FS, "a beat"))) == sorted(LEADS)


def test_activation_is_drawn_where_it_is_given(signal):
    activation = np.zeros((12, 5 * FS))  # of the first half alone
    assert len(draw_recording(signal, FS, "a record", activation).axes[0].images) == 7  # 6 leads and half the strip
    assert not draw_recording(signal, FS, "a record").axes[0].images


def test_a_short_window_is_drawn_whole_in_every_lead(signal):
    axes = draw_window(signal, FS, "five seconds", np.ones((12, 5 * FS))).axes[0]
    assert len(axes.images) == 12
    assert sorted(text.get_text() for text in axes.texts) == sorted(LEADS)
    traces = [line for line in axes.lines if len(line.get_xdata()) > 100]
    assert {round(np.ptp(line.get_xdata())) for line in traces} == {125}


def test_numbers_at_risk_are_those_of_the_data():
    draw = np.random.default_rng(0)
    risk, times = draw.normal(size=200), draw.uniform(0.1, 5, 200)
    events = draw.random(200) < 0.2
    figure = draw_kaplan_meier(times, events.astype(float), risk, "people")
    message = texts(figure)
    first = next(int(text) for text in message if text.isdigit())
    assert first == 200 - int(np.ceil(100 * events.mean()) / 100 * 200)
    assert any(text.startswith("log-rank p") for text in message)


def test_nobody_with_an_event_still_gives_a_picture():
    draw_kaplan_meier(np.linspace(1, 5, 30), np.zeros(30), np.arange(30.0), "nobody")


def test_panels_tell_the_correlation():
    measured = np.random.default_rng(0).normal(size=(50, 7))
    figure = draw_predicted_measured(measured, measured * 2 + 1, [f"t{i}" for i in range(7)], "targets")
    assert texts(figure).count("r = 1.00") == 7
    draw_predicted_measured(np.ones((9, 1)), measured[:9, :1], ["constant"], "targets")


def test_groups_and_matrices_are_drawn_and_saved_the_same_again(tmp_path):
    draw = np.random.default_rng(0)
    matrix = draw.dirichlet(np.ones(12), 12)
    low, high = draw.normal(size=(2, 9, 12, 600))
    for name, make in {
        "lead": lambda: draw_lead_attention([("low", matrix), ("difference", matrix - matrix.T)], "attention"),
        "groups": lambda: draw_groups(low, high, FS, "mV", "groups", (low[0], high[0])),
        "similarity": lambda: draw_similarity(np.ones((3, 64, 64)), matrix[:4, :4], "similarity"),
    }.items():
        first = [path.read_bytes() for path in save(make(), tmp_path / "a", name)]
        again = [path.read_bytes() for path in save(make(), tmp_path / "b", name)]
        assert first == again
        assert first[0].startswith(b"\x89PNG")
        assert b"<svg" in first[1][:800]


def test_the_head_of_linear_is_read_as_a_module_is():
    head = LinearHead(5, 2, "binary", torch.Generator().manual_seed(0))
    encoded = torch.randn(4, 5)
    read = as_function(head, encoded.device)(encoded)
    np.testing.assert_allclose(read.numpy(), head.outputs(encoded).numpy(), atol=1e-6)


def test_unknown_values_are_not_drawn():
    measured = np.array([[1.0, np.nan], [2, np.nan], [np.nan, np.nan], [4, np.nan]])
    predicted = np.array([[1.0, 0], [2, 1], [-90, 2], [4, 3]])
    figure = draw_predicted_measured(measured, predicted, ["a", "b"], "values")
    first, second = figure.axes[:2]
    assert len(first.lines[0].get_xdata()) == 3
    assert [text.get_text() for text in first.texts] == ["r = 1.00"]
    assert not second.lines and second.get_title(loc="left") == "b"
