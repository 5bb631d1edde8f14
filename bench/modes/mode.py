"""The class of modes: the only place that knows the differences between modes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pydantic import BaseModel

    from bench.kinds.kind import Kind
    from bench.modes.mode_io import ModeInput, ModeOutput


class Mode:
    """One mode of downstream training: a subclass of this, registered under ``bench.modes`` (docs/how-to/new-mode.md).

    All but ``Config`` and ``run`` are literals: listings and plans read them from the source and import nothing heavy. The
    keys of results cover ``Config`` and ``run``, and what these reach of the modes, of ``bench.training`` and of the package
    they lie in. The built-in modes write them outside the class, so that a change of its other attributes changes no key.
    """

    name: ClassVar[str]
    needs_one_of: ClassVar[tuple[str, ...]]
    """Functions of a method; a method that defines one of them offers the mode."""
    offered_with: ClassVar[str | None] = None
    """A mode: a method that limits its modes (``only_modes``) to others and this one offers the new mode too."""
    trains: ClassVar[bool] = False
    """Whether the method's weights are trained downstream."""
    reads_features: ClassVar[bool] = False
    """Whether it reads frozen representations, which cells share."""
    uses_checkpoint: ClassVar[bool] = True
    """Whether it starts from a pretrained checkpoint, of a method that has one."""
    uses_labels: ClassVar[bool] = True
    """Whether it reads labelled training recordings. Without them there is one cell for all fractions and, with a checkpoint,
    for all seeds."""
    names_classes: ClassVar[bool] = False
    """Whether the method is given the classes in words, which only some tasks have."""
    needs_several_at_once: ClassVar[bool] = False
    """Whether it scores only tasks whose kind has several classes at once, which are called multilabel."""
    counts_positives: ClassVar[bool] = False
    """Whether it scores only tasks with classes, whose positive recordings can be counted."""
    chooses: ClassVar[str] = ""
    """What it chooses on validation data in each run, so that a sweep has nothing to vary."""
    gives_head: ClassVar[bool] = False
    """Whether it returns the trained head, through which ``bench explain`` follows a score back to the recording."""
    released_protocol: ClassVar[str | None] = None
    """The released protocol that it repeats: ``--protocol`` asks for it. Its results are stamped and never share a table with
    others."""
    looks_at_test: ClassVar[bool] = False
    """Whether the released protocol chooses on the test set. Such a mode is given the test targets, no other is."""
    replaces: ClassVar[str | None] = None
    """The mode whose place it takes under that protocol."""

    representation: ClassVar[Any] = None
    """What ``reads_features`` reads of a frozen encoder where it is not ``encode``: a function of the method and its first
    batch, which gives a function of a batch to float [record, dim]. Keys of the features cover its code."""

    Config: ClassVar[type[BaseModel]]
    """Settings: ``--set MODE.FIELD=VALUE``. It may have ``smoke`` and ``small`` (fields of these profiles), ``space`` (what
    a sweep varies) and ``presets`` (name of a protocol -> its fields)."""

    @property
    def honest(self) -> str:
        """The mode that a repeated protocol takes the place of; of any other mode its own name."""
        return self.replaces or self.name

    @property
    def whole_model(self) -> bool:
        """Whether it needs more of a pretrained model than the encoder."""
        return "encode" not in self.needs_one_of

    def cannot_score(self, task: str, kind: Kind, has_classes: bool) -> str:
        """Why the mode cannot score a task, as a clause; empty if it can.

        Args:
            has_classes: whether the task lists classes in words.
        """
        if self.names_classes and not (kind.has_classes and has_classes):
            return f"{task} is a {kind.name} task without the classes in words that {self.name} needs"
        if self.needs_several_at_once and not kind.several_at_once:
            fix = f": leave out --protocol {self.released_protocol}" if self.released_protocol else ""
            return f"{self.name} scores multilabel tasks only, and {task} is a {kind.name} task{fix}"
        if self.counts_positives and not kind.has_classes:
            return f"{self.name} counts the positives of each class, and {task} is a {kind.name} task"
        return ""

    def depends_on_seed(self, config: Any) -> bool:
        """Whether another seed of the same checkpoint and labels gives other predictions, with these settings of the mode."""
        return True

    def run(self, cell: ModeInput) -> ModeOutput:
        """Train as the mode does; score the validation and test recordings of a cell."""
        raise TypeError(f"{self.name} does not train; these are the facts that its source states")
