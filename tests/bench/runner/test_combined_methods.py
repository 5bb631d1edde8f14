"""A method that combines others reads their finished results, in the same coordinates, and trains nothing."""

import numpy as np
import pytest

from bench.data.source import DataSource
from bench.errors import ConfigError, UnknownName
from bench.runner import execute
from bench.runner.plan import RunOptions

METHODS = """
    import numpy as np
    from bench.method import Method, MethodConfig
    from bench.signals.input_spec import InputSpec

    class Drawn(Method):
        input = InputSpec(fs=100, seconds=1)
        trainings = 0
        fails = False

        def fit(self, train, validation):
            if self.fails:
                raise RuntimeError("asked to fail")
            type(self).trainings += 1
            return self

        def predict(self, data):
            return np.random.default_rng(len(self.name)).random((len(data.targets), data.n_outputs))

    class Left(Drawn):
        name = "left"

    class Longer(Drawn):
        name = "longer"

    class Mean(Method):
        name = "mean-of-them"

        class Config(MethodConfig):
            members: tuple[str, ...] = ("left", "longer")

        @classmethod
        def members(cls, config):
            return config.members

        def combine(self, scores):
            return np.mean(scores, axis=0)
"""


@pytest.fixture
def drawn(plugin):
    plugin("drawnmethods", METHODS)
    import drawnmethods

    drawnmethods.Left.trainings = drawnmethods.Longer.trainings = 0
    drawnmethods.Left.fails = False
    return drawnmethods


def run(workspace, **options):
    defaults = {"methods": ["mean-of-them"], "tasks": ["ptbxl-super"], "modes": ["scratch"], "track": False}
    return execute.run(RunOptions(**(defaults | options)), DataSource(workspace, simulated_records=120))


def scores(result):
    return result.predictions().filter(like="score_").to_numpy()


def test_members_run_first_and_their_predictions_are_combined(workspace, drawn):
    report = run(workspace)
    assert [r.cell.method for r in report.results] == ["left", "longer", "mean-of-them"]
    left, longer, mean = report.results
    np.testing.assert_allclose(scores(mean), (scores(left) + scores(longer)) / 2)
    assert list(mean.predictions().record_id) == list(left.predictions().record_id)
    assert mean.counts == left.counts


def test_ranks_among_the_test_records_are_refused(workspace, drawn, monkeypatch):
    monkeypatch.setattr(drawn.Mean, "combine", lambda self, scores: np.mean(scores, axis=0).argsort(axis=0) / 100)
    (message,) = run(workspace).failures.values()
    assert "mean-of-them.combine answers differently for a test recording alone and together with others" in message


def test_finished_members_are_not_trained_again(workspace, drawn):
    run(workspace, methods=["left"])
    assert run(workspace).computed == 2
    assert (drawn.Left.trainings, drawn.Longer.trainings) == (1, 1)
    assert run(workspace).computed == 0
    assert run(workspace, overrides=["mean-of-them.members=[left]"]).computed == 1  # other members: another result


def test_a_member_that_failed_is_named(workspace, drawn):
    drawn.Left.fails = True
    report = run(workspace)
    assert [r.cell.method for r in report.results] == ["longer"]
    assert (
        "mean-of-them needs the result of left"
        in report.failures["mean-of-them · ptbxl-super · scratch · 100% · seed 0"]
    )


def test_members_that_cannot_be_are_refused(workspace, drawn):
    with pytest.raises(UnknownName, match="lefft"):
        run(workspace, overrides=["mean-of-them.members=[lefft]"])
    with pytest.raises(ConfigError, match="mean-of-them cannot be one of its members"):
        run(workspace, overrides=["mean-of-them.members=[mean-of-them]"])
