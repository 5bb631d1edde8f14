"""``bench.plot``: what is drawn of a result table."""

import pandas as pd
import pytest

import bench
from bench.errors import ConfigError


def table(fractions=(1.0,), methods=("a", "b"), tasks=("ptbxl-super",), metric="macro_auroc") -> pd.DataFrame:
    rows = [
        {
            "method": m,
            "task": t,
            "mode": "linear",
            "fraction": f,
            "metric": metric,
            "value": 0.5 + f / 4,
            "low": 0.5,
            "high": 0.9,
        }
        for t in tasks
        for m in methods
        for f in fractions
    ]
    return pd.DataFrame(rows)


def test_one_fraction_is_drawn_as_intervals():
    figure = bench.plot(table(tasks=("ptbxl-super", "csn")))
    first, second = figure.axes
    assert (first.get_title(), second.get_title()) == ("ptbxl-super · linear", "csn · linear")
    assert [text.get_text() for text in first.get_yticklabels()] == ["a", "b"]
    assert first.get_xlabel() == "macro AUROC (95 % interval)"


def test_a_notebook_gets_a_picture():
    assert bench.plot(table())._repr_png_().startswith(b"\x89PNG")


def test_several_fractions_are_drawn_as_curves():
    (axis,) = bench.plot(table((0.01, 0.1, 1.0))).axes
    assert axis.get_xscale() == "log"
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["a", "b"]
    assert list(axis.lines[0].get_xdata()) == [0.01, 0.1, 1.0]
    assert len(bench.plot(table((0.01, 1.0)), kind="intervals").axes[0].get_yticks()) == 4


def test_seeds_are_averaged_and_the_first_metric_is_drawn():
    both = pd.concat([table(methods=["a"]), table(methods=["a"]).assign(value=0.85), table(metric="macro_f1")])
    (axis,) = bench.plot(both).axes
    assert axis.lines[0].get_xdata()[0] == pytest.approx(0.8)
    assert bench.plot(both, metric="macro_f1").axes[0].get_xlabel().startswith("macro F1")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"metric": "auprc"}, "no row with a value of metric auprc; the table has: macro_auroc"),
        ({"kind": "labels"}, "needs results at several fractions"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, words):
    with pytest.raises(ConfigError, match=words):
        bench.plot(table(), **arguments)
    with pytest.raises(ConfigError, match="lacks the columns low, high"):
        bench.plot(table().drop(columns=["low", "high"]), **arguments)
