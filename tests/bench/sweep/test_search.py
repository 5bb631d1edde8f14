"""A study promises: the same under a seed, nothing twice, nothing lost, whichever worker dies."""

import json
import threading

import optuna
import pytest

from bench.errors import BenchError, ConfigError
from bench.method.search_space import parse_vary
from bench.sweep import search as search_module
from bench.sweep.samplers import pruner_for, sampler_for
from bench.sweep.search import Search, search
from bench.sweep.storage import StorageError, opened
from bench.sweep.trials import ERROR, RETRY_OF, best, counted, done, retry

LR = ["lr=log:1e-5..1e-1", "depth=int:1..9"]


def study_of(url, evaluate, trials=12, vary=LR, sampler="tpe", pruner="none", seed=0, retry_failed=False):
    """Run a study to its end (or to what ``evaluate`` raises) and tell its settings and values."""
    what = Search("a", parse_vary(vary), trials, sampler, pruner, seed, epochs=9)
    with opened(url) as store:
        study = search(what, store, evaluate, retry_failed)
        return counted(study.get_trials(deepcopy=False))


def settings(trials):
    return [(trial.params, trial.value) for trial in trials]


def hill(setting, report=None):
    """Best at lr 1e-3 and depth 4."""
    import math

    return -abs(math.log10(setting["lr"]) + 3) - abs(setting["depth"] - 4) / 10


@pytest.fixture
def url(tmp_path):
    return f"journal://{tmp_path / 'a.journal'}"


@pytest.mark.parametrize("sampler", ["tpe", "random", "cmaes"])
def test_the_same_seed_tries_the_same_and_another_does_not(tmp_path, sampler):
    first, second = (
        study_of(f"journal://{tmp_path / name}", hill, sampler=sampler, trials=15) for name in ("one", "two")
    )
    assert settings(first) == settings(second)
    other = study_of(f"journal://{tmp_path / 'three'}", hill, sampler=sampler, trials=15, seed=1)
    assert settings(first) != settings(other)


def test_tpe_finds_the_hill_and_the_best_is_the_highest(url):
    trials = study_of(url, hill, trials=40)
    assert abs(best(trials).value) < 0.5
    assert best(trials).value == max(trial.value for trial in trials)


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_study_stopped_anywhere_ends_like_an_undisturbed_one(tmp_path, url, sampler):
    calls = []

    def disturbed(setting, report):
        calls.append(setting)
        if len(calls) in (3, 11):  # within a trial, as Ctrl-C comes
            raise KeyboardInterrupt
        return hill(setting)

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            study_of(url, disturbed, sampler=sampler, trials=14)
    trials = study_of(url, disturbed, sampler=sampler, trials=14)
    assert len(calls) == 14 + 2  # nothing that was finished was computed again
    assert sum(RETRY_OF in trial.user_attrs for trial in trials) == 2
    calm = study_of(f"journal://{tmp_path / 'calm'}", hill, sampler=sampler, trials=14)
    assert settings(trials) == settings(calm)
    assert study_of(url, disturbed, sampler=sampler, trials=14)
    assert len(calls) == 16


def test_what_a_dead_worker_was_at_is_tried_again_with_the_same_setting(url):
    study_of(url, hill, trials=3)
    with opened(url, reading=True) as store:
        study = optuna.load_study(study_name="a", storage=store.storage)
        lost = study.ask()  # of a worker that names itself, and is killed
        lost.set_user_attr("worker", "1-dead")
        lost.suggest_float("lr", 1e-5, 1e-1, log=True)
    seen = []
    trials = study_of(url, lambda setting, report: (seen.append(setting), hill(setting))[1], trials=5)
    assert len(seen) == 2
    assert seen[0]["lr"] == lost.params["lr"]
    assert [trial.number for trial in trials] == [0, 1, 2, 4, 5]


def test_what_a_living_worker_is_at_is_left_to_it_and_waited_for(url, monkeypatch):
    monkeypatch.setattr(search_module, "POLL", 0.01)
    study_of(url, hill, trials=1)
    with opened(url) as other:
        theirs = optuna.load_study(study_name="a", storage=other.storage)
        trial = theirs.ask()
        trial.set_user_attr("worker", other.worker)
        finish = threading.Timer(0.4, lambda: theirs.tell(trial.number, 0.5))
        finish.start()
        trials = study_of(url, hill, trials=3)
        finish.join()
    assert [t.number for t in trials] == [0, 1, 2]
    assert trials[1].value == 0.5


@pytest.mark.parametrize("reports", [False, True])
def test_a_worker_that_was_taken_for_dead_goes_on_and_its_stand_in_counts(url, reports):
    seen = []

    def evaluate(setting, report):
        seen.append(setting)
        if len(seen) == 2:  # an outage: another worker gives its trial up meanwhile
            with opened(url, reading=True) as store:
                study = optuna.load_study(study_name="a", storage=store.storage)
                (mine,) = study.get_trials(states=(optuna.trial.TrialState.RUNNING,))
                study.tell(mine.number, state=optuna.trial.TrialState.FAIL)
                retry(study, mine)
        if reports:
            report(1, hill(setting))
        return hill(setting)

    trials = study_of(url, evaluate, trials=4, pruner="median" if reports else "none")
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 4
    assert len(seen) == 5
    assert seen[1] == seen[2]


def test_several_workers_share_a_study_to_the_last_trial(url, monkeypatch):
    monkeypatch.setattr(search_module, "POLL", 0.01)
    seen, errors = [], []

    def work():
        try:
            study_of(
                url,
                lambda setting, report: (seen.append(json.dumps(setting)), hill(setting))[1],
                trials=20,
                sampler="random",
            )
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(study_of(url, None, trials=20, sampler="random")) == 20
    assert len(seen) == len(set(seen)) == 20


def test_a_grid_is_walked_once_and_its_end_is_the_end(tmp_path):
    grid = ["lr=1e-4,1e-3,1e-2", "depth=int:3..5"]
    seen = []
    url = f"journal://{tmp_path / 'grid'}"
    trials = study_of(url, lambda s, report: (seen.append(tuple(s.values())), hill(s))[1], 9, grid, "grid")
    assert len(seen) == len(set(seen)) == 9
    assert best(trials).params == {"lr": 1e-3, "depth": 4}
    other = study_of(f"journal://{tmp_path / 'other'}", hill, 9, grid, "grid", seed=3)
    assert best(other).params == best(trials).params


def test_of_equals_the_same_is_chosen_whoever_was_quicker(tmp_path):
    grid = ["lr=1e-4,1e-3,1e-2"]
    chosen = {
        best(study_of(f"journal://{tmp_path / str(seed)}", lambda s, report: 0.5, 3, grid, "grid", seed=seed)).params[
            "lr"
        ]
        for seed in range(4)
    }
    assert len(chosen) == 1


def test_a_setting_drawn_twice_is_computed_once(url):
    seen = []
    trials = study_of(url, lambda s, report: (seen.append(s["lr"]), s["lr"])[1], 8, ["lr=0.1,0.2"], "random")
    assert sorted(seen) == [0.1, 0.2]
    assert len(trials) == 8
    assert all(trial.value == trial.params["lr"] for trial in trials)


def test_a_failure_is_told_counted_and_tried_again_only_when_asked(url):
    fails = True

    def evaluate(setting, report):
        if fails and setting["depth"] > 5:
            raise BenchError("out of memory at postgresql://lab:hunter2@host/db")
        return hill(setting)

    trials = study_of(url, evaluate, trials=10)
    failed = [trial for trial in trials if ERROR in trial.user_attrs]
    assert 0 < len(failed) < 10
    assert len(done(trials)) == 10
    assert failed[0].user_attrs[ERROR] == "out of memory at postgresql://***@host/db"
    assert "hunter2" not in json.dumps(failed[0].user_attrs)
    fails = False
    assert study_of(url, evaluate, trials=10) == trials
    again = study_of(url, evaluate, trials=10, retry_failed=True)
    assert len(again) == 10
    assert all(trial.value is not None for trial in again)
    assert {json.dumps(t.params) for t in again} == {json.dumps(t.params) for t in trials}


def test_an_undefined_value_is_a_failure_and_nothing_is_chosen_of_failures_alone(url):
    trials = study_of(url, lambda setting, report: float("nan"), trials=2)
    with pytest.raises(BenchError, match="no trial was completed: the validation metric is undefined"):
        best(trials)


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_a_setting_that_will_not_win_is_stopped_and_never_chosen(url, pruner):
    epochs = []

    def evaluate(setting, report):
        value = hill(setting)
        for epoch in range(1, 10):
            epochs.append(epoch)
            report(epoch, value * (1 - epoch / 100))
        return value

    trials = study_of(url, evaluate, trials=30, pruner=pruner, sampler="random")
    states = [trial.state.name for trial in trials]
    assert states.count("PRUNED") > 3
    assert len(epochs) < 30 * 9
    assert best(trials).state.name == "COMPLETE"


def test_samplers_and_pruners_say_what_they_cannot():
    with pytest.raises(ConfigError, match="depth has listed values"):
        sampler_for("cmaes", parse_vary(["lr=log:1e-3..1", "depth=2,4"]), 0)
    with pytest.raises(ConfigError, match="there is one field"):
        sampler_for("cmaes", parse_vary(["lr=log:1e-3..1"]), 0)
    with pytest.raises(ConfigError, match="use --pruner none"):
        pruner_for("median", None)


def test_sqlite_is_for_one_worker(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    assert len(study_of(url, hill, trials=3)) == 3
    with pytest.raises(ConfigError, match="SQLite locks its whole file"), opened(url, workers=2):
        pass
    with opened(url), pytest.raises(ConfigError, match="has a worker already"), opened(url):
        pass


def test_a_storage_that_is_none_or_does_not_answer_is_told_without_its_password(tmp_path, closed_port):
    with pytest.raises(ConfigError, match="expected journal:///FILE") as refused, opened("redis://lab:hunter2@host/0"):
        pass
    assert "hunter2" not in str(refused.value)
    url = f"postgresql://lab:hunter2@127.0.0.1:{closed_port}/studies"
    with pytest.raises(StorageError, match="storage at postgresql") as refused, opened(url):
        pass
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_what_a_full_disk_left_of_a_line_is_dropped(tmp_path, url):
    study_of(url, hill, trials=4)
    path = tmp_path / "a.journal"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code": 5, "worker')
    assert len(study_of(url, hill, trials=6)) == 6
