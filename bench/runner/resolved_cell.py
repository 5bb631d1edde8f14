"""A resolved cell: a cell with everything that its coordinates name, each looked up once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import kinds, modes
from bench.cells.cell import Cell
from bench.data.batches import BatchSource
from bench.errors import ConfigError, DataError
from bench.method import Method, MethodConfig
from bench.runner.keys import cell_inputs, key_of, transforms_part
from bench.runner.task_data import TaskData
from bench.runner.transferred_data import TransferredData
from bench.seeding import derive
from bench.signals.input_spec import InputSpec
from bench.signals.joined_view import JoinedView
from bench.signals.windows import SignalView
from bench.splitting.rules import Partition
from bench.storage.artifacts import digest
from bench.storage.large_array import return_free_memory
from bench.training.checkpoint import CheckpointSpec, seeded_method
from bench.training.checkpoint_files import load_weights, read_provenance
from bench.training.import_checkpoint import imported_facts

if TYPE_CHECKING:
    from bench.kinds.kind import Kind
    from bench.modes.mode import Mode
    from bench.runner.session import Session


@dataclass(frozen=True, eq=False)
class ResolvedCell:
    """A cell of a session; :meth:`bench.runner.session.Session.resolve` makes it.

    Everything but the method and its config is computed when it is first used: planning a hundred thousand cells needs
    little of it. A session that forgets (a store was damaged) leaves resolved cells behind: resolve the cell again.

    Attributes:
        method: the class.
        config: of the method, under the session's profile and overrides.
    """

    cell: Cell
    session: Session
    method: type[Method]
    config: MethodConfig

    def __str__(self) -> str:
        return str(self.cell)

    # -- what the coordinates name ------------------------------------------------------------------------------------

    @property
    def mode(self) -> Mode:
        return modes.load(self.cell.mode)

    @cached_property
    def mode_config(self) -> Any:
        name = ("mode config", self.cell.mode, self.cell.method)
        return self.session.remembered(name, lambda: self.session.mode_config(self.cell.mode, self.method))

    @cached_property
    def input(self) -> InputSpec:
        """What the method reads under its config."""
        return self.method.input_for(self.config)

    @cached_property
    def data(self) -> TaskData:
        return self.session.task_data(self.cell.task)

    @property
    def dataset(self) -> str:
        """The name of the task's dataset; of a transferred task that of the train task."""
        return self.data.task.dataset

    @cached_property
    def parts(self) -> list[tuple[ResolvedCell, np.ndarray]]:
        """Of a transferred task: the cells of its two tasks, and the rows of their examples that it reads; else none."""
        if not isinstance(self.data, TransferredData):
            return []
        if self.input.downstream:
            raise ConfigError(
                f"{self}: {self.cell.method} also reads {', '.join(self.input.downstream)}; only methods that read the "
                f"recording alone are tested on another dataset."
            )
        return [
            (
                PartOfTransfer(replace(self.cell, task=data.task.name), self.session, self.method, self.config, self),
                rows,
            )
            for data, rows in self.data.parts
        ]

    @property
    def kind(self) -> Kind:
        """The kind of the task."""
        return kinds.load(self.data.task.kind)

    @cached_property
    def partition(self) -> Partition:
        """Rows of the task's examples in each part of the cell's fold."""
        return self.data.partition(self.cell.fold)

    @cached_property
    def spec(self) -> CheckpointSpec | None:
        """What determines the checkpoint that the cell starts from; None where it starts from initial weights."""
        if not self.mode.uses_checkpoint:  # it does not matter whether the method could be pretrained here
            return None
        make, training = self.session.checkpoint_spec, self.cell.training
        return self.session.remembered(
            ("spec", self.cell.method, self.dataset, training), lambda: make(self.method, self.dataset, training)
        )

    @cached_property
    def members(self) -> list[ResolvedCell]:
        """The cells whose results a method that combines others reads.

        Raises:
            ConfigError: a member cannot answer in this mode, or combines others itself. UnknownName: nobody registered it.
        """
        cell, members = self.cell, []
        for name in self.session.remembered(("members", cell.method), lambda: list(self.method.members(self.config))):
            member = self.session.resolve(replace(cell, method=name))
            if member.cell.training and member.spec is None:
                member = self.session.resolve(replace(member.cell, training=0))
            if member.method.implements("combine") or cell.mode not in member.method.modes():
                raise ConfigError(
                    f"{cell.method}: {name} cannot be one of its members, as it has no separate {cell.mode}."
                )
            members.append(member)
        return members

    @property
    def draws_weights(self) -> bool:
        """Whether the method has weights to draw: not where it offers no mode that starts from them."""
        return not all(modes.facts(mode).uses_checkpoint for mode in self.method.modes())

    @property
    def seed(self) -> int:
        """The seed of everything the cell draws, from its seed and fold alone."""
        return derive("cell", self.cell.seed, self.cell.fold)

    # -- its key ------------------------------------------------------------------------------------------------------

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """The digest of each part of what determines the cell's predictions; see :mod:`bench.runner.keys`."""
        return cell_inputs(self)

    @cached_property
    def key(self) -> str:
        """Digest of everything that determines the cell's predictions."""
        return key_of(self)

    @property
    def folder(self) -> Path:
        """The folder of its result."""
        return self.session.source.workspace.results / self.key

    @property
    def transforms(self) -> str:
        """Digest of the code that the recordings pass on their way into the method."""

        if self.parts:
            return digest([part.transforms for part, _ in self.parts])
        return self.session.remembered(
            ("transforms", self.cell.method, self.dataset),
            lambda: transforms_part(self.input, self.data.store.fs, self.dataset),
        )

    # -- what it reads and starts from --------------------------------------------------------------------------------

    def batches(self, targets: np.ndarray) -> BatchSource:
        """The task's examples as the method reads them."""
        if self.parts:
            views = [part.batches_of(part.data.rows[rows], *part.windows(rows)).view for part, rows in self.parts]
            return BatchSource(JoinedView(views), targets=targets)  # type: ignore[arg-type]
        data = self.data
        return self.batches_of(data.rows, data.examples.start, data.examples.seconds, targets)

    def windows(self, rows: np.ndarray) -> tuple[np.ndarray | None, float | None]:
        """Start and length of some examples in their recordings, in seconds; None where they are whole recordings."""
        examples = self.data.examples
        return None if examples.start is None else examples.start[rows], examples.seconds

    def batches_of(
        self,
        rows: np.ndarray,
        start: np.ndarray | None = None,
        seconds: float | None = None,
        targets: np.ndarray | None = None,
    ) -> BatchSource:
        """Rows of the dataset's store, or windows of them, with the images and tabular data that the method reads downstream.

        Raises:
            DataError: a row has no image. ConfigError: the dataset has no images, or no tabular data.
        """
        view = SignalView(
            self.session.shown_store(self.dataset),
            self.input,
            leads=self.cell.leads,
            rows=rows,
            cache=self.session.source.workspace.cache,
            start=start,
            seconds=seconds,
        )
        more: dict[str, Any] = {}
        if "image" in self.input.downstream:
            more["images"] = self.session.images(self.dataset, self.input.image_size).take(rows)
            missing = int((~more["images"].available).sum())
            if missing:
                raise DataError(
                    f"{self.cell.method} reads images, and {missing:,} of {len(rows):,} recordings of {self.dataset} have "
                    f"none that can be read."
                )
        if "tabular" in self.input.downstream:
            more["tabular"] = self.session.tabular(self.dataset)[rows]
        return BatchSource(view, targets=targets, **more)

    def starting_method(self) -> Method:
        """The method as the mode starts from it: with its checkpoint, or with weights drawn from the cell's seed."""
        seed = self.cell.seed
        if self.mode.reads_features and not self.draws_weights:
            seed = 0  # its features are kept for all seeds, no matter which comes first
        return_free_memory()  # of an earlier cell's network
        method = seeded_method(self.method, self.config, seed)
        if self.spec is not None:
            folder = self.session.checkpoint(self.spec)
            if self.mode.whole_model and not imported_facts(read_provenance(folder)).get("whole", True):
                raise ConfigError(
                    f"{folder.name} was imported from an encoder alone, so that its other weights are random: it cannot "
                    f"answer {self.mode.name}. Import the whole model, or run linear or finetune."
                )
            load_weights(method, folder)
        method.use_cache(self.session.source.workspace.cache)
        return method

    def checkpoint_facts(self) -> dict[str, Any]:
        """What a result keeps of the checkpoint; empty where the cell starts from initial weights."""
        if self.spec is None:
            return {}
        folder = self.session.checkpoint(self.spec)
        facts = read_provenance(folder)
        names = ("key", "weights_sha256", "corpus", "records", "batch_size", "steps", "seconds", "parameters", "notes")
        imported = imported_facts(facts)
        source = {"imported": {k: v for k, v in imported.items() if k != "names"}} if imported else {}
        # the mark of a correction goes by it
        finished = {"finished": facts["finished"]} if facts.get("finished") else {}
        optional = {name: facts[name] for name in ("energy_kwh", "ran_on", "collapsed") if facts.get(name)}
        return {"name": folder.name} | {k: facts[k] for k in names} | optional | finished | source


@dataclass(frozen=True, eq=False)
class PartOfTransfer(ResolvedCell):
    """One side of a transferred cell: its task, with the checkpoint of the whole."""

    whole: ResolvedCell

    @cached_property
    def spec(self) -> CheckpointSpec | None:
        return self.whole.spec
