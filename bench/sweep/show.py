"""Show a study: a table of its trials, and plots of history, importance and each field."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna import Study
from optuna.trial import TrialState

from bench.errors import BenchError, UnknownName
from bench.storage.workspace import Workspace
from bench.sweep.storage import opened
from bench.sweep.trials import ERROR, SAME_AS, best, counted

if TYPE_CHECKING:
    from rich.table import Table

SUFFIX = ".journal"


def studies(workspace: Workspace, storage: str | None) -> list[str]:
    """The names of the studies in a storage, or in the workspace."""
    if storage is None:
        files = workspace.sweeps.glob(f"*{SUFFIX}") if workspace.sweeps.is_dir() else ()
        return sorted(path.name.removesuffix(SUFFIX) for path in files)
    with opened(storage, reading=True) as store:
        return sorted(optuna.get_all_study_names(store.storage))


@contextlib.contextmanager
def study_at(workspace: Workspace, storage: str | None, name: str) -> Iterator[Study]:
    """A study by its name, or by a beginning that no other has.

    Raises:
        UnknownName: none, or several, begin like that.
    """
    known = studies(workspace, storage)
    fitting = [known_name for known_name in known if known_name == name] or [n for n in known if n.startswith(name)]
    if len(fitting) != 1:
        raise UnknownName("study", name, fitting or known)
    url = storage or f"journal://{workspace.sweeps / fitting[0]}{SUFFIX}"
    with opened(url, reading=True) as store:
        yield optuna.load_study(study_name=fitting[0], storage=store.storage)


def table(study: Study, limit: int) -> Table:
    """Trials, best first; those that were stopped, failed or are under way at the end."""
    from rich.table import Table

    trials_table = Table(box=None, header_style="bold", pad_edge=False)
    trials = counted(study.get_trials(deepcopy=False))
    fields = list(dict.fromkeys(field for trial in trials for field in trial.params))
    for column in ("trial", study.user_attrs.get("metric", "value"), "state", *fields, "seconds"):
        trials_table.add_column(column, overflow="fold", justify="right" if column != "state" else "left")
    ranked = sorted(trials, key=lambda t: (t.state != TrialState.COMPLETE, -(t.value or 0.0), t.number))
    for trial in ranked[:limit]:
        value = "-" if trial.value is None or trial.state == TrialState.PRUNED else f"{trial.value:.4f}"
        state = trial.state.name.lower()
        if SAME_AS in trial.user_attrs:
            state += f", as {trial.user_attrs[SAME_AS]}"
        if ERROR in trial.user_attrs:
            state = "failed"
        seconds = trial.user_attrs.get("seconds")
        cells = [_written(trial.params[field]) if field in trial.params else "-" for field in fields]
        trials_table.add_row(str(trial.number), value, state, *cells, "-" if seconds is None else f"{seconds:.1f}")
    return trials_table


def _written(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def summary(study: Study) -> list[str]:
    """How many trials came to what, the best setting, and why some failed."""
    trials = counted(study.get_trials(deepcopy=False))
    states = [trial.state.name.lower() for trial in trials]
    lines = [f"{study.study_name}: " + ", ".join(f"{states.count(s)} {s}" for s in dict.fromkeys(states))]
    with contextlib.suppress(BenchError):
        chosen = best(trials)
        setting = " ".join(f"--set {field}={value}" for field, value in chosen.params.items())
        lines.append(f"best on validation data: trial {chosen.number}, {chosen.value:.4f}: {setting}")
    lines += sorted({f"failed: {trial.user_attrs[ERROR]}" for trial in trials if ERROR in trial.user_attrs})[:3]
    return lines


def as_json(study: Study) -> dict[str, Any]:
    """The study, for machines."""
    return {
        "study": study.study_name,
        **study.user_attrs,
        "trials": [
            {
                "number": trial.number,
                "state": trial.state.name.lower(),
                "value": trial.value,
                "setting": trial.params,
                "epochs": trial.intermediate_values,
                "error": trial.user_attrs.get(ERROR),
            }
            for trial in counted(study.get_trials(deepcopy=False))
        ],
    }


def pictures(study: Study, folder: Path) -> list[Path]:
    """Draw the study as PNG files; what cannot be drawn of it yet (importances of one trial) is left out."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as draw

    metric = study.user_attrs.get("metric", "value")
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    wanted: dict[str, Callable[[], Any]] = {
        "history": lambda: draw.plot_optimization_history(study, target_name=metric)
    }
    if len({trial.value for trial in complete}) > 1:
        wanted["importances"] = lambda: draw.plot_param_importances(study, target_name=metric)
        wanted["slices"] = lambda: draw.plot_slice(study, target_name=metric)
    if any(trial.intermediate_values for trial in study.get_trials(deepcopy=False)):
        wanted["epochs"] = lambda: draw.plot_intermediate_values(study)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, make in wanted.items() if complete else ():
            make()
            path = folder / f"{name}.png"
            pyplot.gcf().savefig(path, dpi=120, bbox_inches="tight")
            pyplot.close("all")
            drawn.append(path)
    return drawn
