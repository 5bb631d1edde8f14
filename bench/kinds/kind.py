"""The base class of task kinds: the only place that knows how kinds differ."""

from __future__ import annotations

import importlib
from abc import ABC
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from bench.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from bench.scoring.bootstrap import Scale

CHUNK = 65_536
"""Examples whose targets are looked at together."""


class Kind(ABC):
    """One kind of task. A new kind is a subclass of this and two things that it names: how heads are trained, how scored.

    ::

        class Count(Kind):
            '''How often something happens.'''

            name = "count"
            metrics = {"mae": "log"}
            objective = "mypackage.training:CountObjective"
            measure = "mypackage.scoring:counts"
            targets = "float64 [example, target]"
            target_dimensions, target_letter, scored_as = 2, "f", "float64"

    registered in ``pyproject.toml``::

        [project.entry-points."bench.kinds"]
        count = "mypackage.kinds:Count"

    The class itself is light: listing commands import it, so that nothing heavy may be imported here. ``objective`` names a
    subclass of :class:`bench.training.objective.Objective`; the keys of results cover its code, and that of no other kind.
    ``measure`` names a function of :mod:`bench.scoring.kinds`; a change in it, or in anything written here, recomputes
    nothing, as stored predictions can be scored again.
    """

    name: ClassVar[str]
    metrics: ClassVar[dict[str, Scale]]
    """What is reported, the metric of selection first, and the scale on which the metric's interval is symmetric."""
    grouped_metrics: ClassVar[tuple[str, ...]] = ()
    """Those that are also reported for groups of classes or targets."""
    objective: ClassVar[str]
    """``module:class`` of what a head learns: outputs, loss and scores."""
    measure: ClassVar[str]
    """``module:function`` of what is measured: (targets, scores, clusters, classes, validation, wanted) -> Measured."""

    targets: ClassVar[str]
    """What :attr:`bench.task.Examples.targets` holds, in words."""
    target_dimensions: ClassVar[int]
    target_letter: ClassVar[Literal["u", "i", "f"]]
    """NumPy's letter for the type of the targets. Targets of which some are unknown are floats in any case."""
    scored_as: ClassVar[str | None] = None
    """The type to which targets are converted before they are scored; None for as they are."""

    unknown_targets: ClassVar[bool] = False
    """Whether single targets may be unknown (NaN): training, selection and scores leave them out one by one. A recording
    whose only target is unknown takes no part, and its task leaves it out."""

    least_classes: ClassVar[int] = 0
    """The fewest classes that a task must list."""
    has_classes: ClassVar[bool] = False
    """Whether it is asked for classes in words: these can be prompted for, and one without a positive is left out."""
    several_at_once: ClassVar[bool] = False
    """Whether any number of the classes may hold in one recording."""
    one_class_each: ClassVar[bool] = False
    """Whether each recording has exactly one class, so that the classes' counts add up to the recordings."""
    same_patients: ClassVar[bool] = False
    """Whether the patients asked about in the test part are those of the training part, in other recordings."""
    follow_up: ClassVar[bool] = False
    """Whether the targets are (years, event), of which survival curves can be drawn."""
    measured_values: ClassVar[bool] = False
    """Whether the targets are numbers in units, which can be drawn against the predicted ones."""

    @property
    def selection_metric(self) -> str:
        """The metric by which weights are chosen on validation data and which a board shows unless it says otherwise."""
        return next(iter(self.metrics))

    def target_shape(self, records: int, columns: int) -> tuple[int, ...]:
        """The shape of the targets of so many records and classes."""
        return (records, columns) if self.target_dimensions > 1 else (records,)

    def score_shape(self, records: int, columns: int) -> tuple[int, ...]:
        """The shape of the scores of so many records and classes."""
        return (records, columns)

    def target_columns(self, classes: Sequence[str]) -> list[str]:
        """What the columns of the targets are called."""
        return list(classes)

    def class_names(self, classes: Sequence[str], targets: np.ndarray) -> list[str]:
        """What the columns of the scores are called."""
        return list(classes)

    def wrong_targets(self, targets: np.ndarray, columns: int) -> tuple[np.ndarray, str] | None:
        """Where targets of the right shape have values that no such task can have, and what is expected in words."""
        return None

    def check_targets(
        self, targets: np.ndarray, columns: int, examples: Sequence[str] | np.ndarray, names: Sequence[str]
    ) -> None:
        """Refuse targets that no such task can have.

        Args:
            targets: of all examples.
            columns: classes or values; 0 where the task names none.
            examples: the record of each example, and ``names``, of the columns of the targets: for the message.

        Raises:
            DataError: a wrong type or shape, or the first wrong value.
        """
        import numpy as np

        letters = {self.target_letter, "f"} if self.unknown_targets else {self.target_letter}
        if targets.dtype.kind not in letters or targets.ndim != self.target_dimensions or len(targets) != len(examples):
            raise DataError(
                f"targets are {targets.dtype} {list(targets.shape)} for {len(examples)} examples; expected {self.targets}."
            )
        if columns and targets.shape != self.target_shape(len(examples), columns):
            raise DataError(f"targets have {targets.shape[1]} columns for {columns} classes; expected {self.targets}.")
        for first in range(0, len(targets), CHUNK):
            part = targets[first : first + CHUNK]
            wrong, expected = np.zeros(part.shape, bool), ""
            if columns and (refused := self.wrong_targets(part, columns)) is not None:
                wrong, expected = refused
            if part.dtype.kind == "f" and not wrong.any():
                wrong = np.isinf(part) if self.unknown_targets else ~np.isfinite(part)
                expected = "a finite number" + (", or NaN where it is unknown" if self.unknown_targets else "")
            if wrong.any():
                at = tuple(int(k) for k in np.argwhere(wrong)[0])
                column = f", {names[at[1]]}" if len(at) > 1 and at[1] < len(names) else ""
                raise DataError(
                    f"the target of record {examples[first + at[0]]}{column} is {part[at]}; expected {expected}. "
                    f"Leave examples whose only target is unknown out."
                )

    def absent_classes(self, classes: Sequence[str], targets: np.ndarray) -> list[str]:
        """The classes that none of the training targets has."""
        return []

    def load_objective(self) -> Any:
        """The class that :attr:`objective` names."""
        return _named(self.objective)

    def load_measure(self) -> Any:
        """The function that :attr:`measure` names."""
        return _named(self.measure)


def _named(reference: str) -> Any:
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def lacking(classes: Sequence[str], present: np.ndarray) -> list[str]:
    """The classes that are not present [class]."""
    return [name for name, is_present in zip(classes, present, strict=True) if not is_present]


def outside_classes(targets: np.ndarray, columns: int) -> tuple[np.ndarray, str]:
    """Where targets [record] are no class index."""
    import numpy as np

    wrong = (targets != np.floor(targets)) | (targets < 0) | (targets >= columns)
    return wrong, f"a class index from 0 to {columns - 1}"
