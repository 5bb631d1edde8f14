"""Resources shared by the cells of one run: prepared stores, checkpoints and frozen features, each made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import modes, registry
from bench.cells.cell import Cell, Profile
from bench.data.batches import BatchSource
from bench.data.shown_records import shown_columns, shown_records
from bench.data.source import DataSource
from bench.errors import ConfigError, foreign_code
from bench.method import Corpus, Method, MethodConfig
from bench.progress import say
from bench.reading.method_files import typed
from bench.runner.overrides import Override, check_offer, method_config, mode_config, profile_note
from bench.runner.probe import Probe, ProbeOptions
from bench.runner.resolved_cell import ResolvedCell
from bench.runner.task_data import TaskData, checked_examples
from bench.runner.transferred_data import TransferredData
from bench.signals.images import Images, prepare_images
from bench.signals.leads import LEADS
from bench.signals.windows import SignalView
from bench.splitting.released_partitions import with_imported
from bench.splitting.split import Split
from bench.storage.artifacts import digest
from bench.training.checkpoint import CheckpointSpec, pretrain
from bench.training.checkpoint_files import discard_if_altered, read_config, read_provenance
from bench.training.devices import Devices, make_fabric
from bench.training.distributed import ranks
from bench.training.made_elsewhere import made_elsewhere
from bench.transfer import TransferredTask

if TYPE_CHECKING:
    import pandas as pd

    from bench.contamination.audit import Audit
    from bench.signals.store import SignalStore


@dataclass
class Session:
    """One run over one data source, with one profile and one set of overrides."""

    source: DataSource
    profile: Profile
    overrides: Sequence[Override] = ()
    corpus: str | None = None
    allow_pretraining: bool = True
    checkpoints: Mapping[str, Path] = field(default_factory=dict)  # method -> the folder to use, whatever made it
    sweep: Mapping[str, Any] | None = None  # what chose the overrides on validation data: study, trial, space
    devices: Devices = field(default_factory=Devices)  # what pretraining is spread over
    board: str = ""  # whose cells these are
    probe: ProbeOptions | None = None  # what a pretraining is measured by while it goes on
    _remembered: dict[tuple, Any] = field(default_factory=dict)
    _failed: dict[str, Exception] = field(default_factory=dict)  # checkpoint key -> why it could not be made
    _stores: dict[str, SignalStore] = field(default_factory=dict)
    _tasks: dict[str, TaskData] = field(default_factory=dict)
    _methods: dict[tuple[str, bool], tuple[type[Method], MethodConfig]] = field(default_factory=dict)
    _corpora: dict[tuple, tuple[Corpus, dict[str, Any]]] = field(default_factory=dict)
    _images: dict[tuple[str, int], Images] = field(default_factory=dict)
    audits: dict[tuple[str, str, int, bool], Audit] = field(
        default_factory=dict
    )  # (checkpoint, task, fold, whether the labels of a transferred task count): see contamination

    # -- data ---------------------------------------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        """What another process needs to open the same session."""
        names = (
            "source",
            "profile",
            "overrides",
            "corpus",
            "allow_pretraining",
            "checkpoints",
            "sweep",
            "devices",
            "board",
        )
        return {name: getattr(self, name) for name in names}

    def remembered(self, what: tuple, make: Callable[[], Any]) -> Any:
        """``make()``, once a session."""
        if what not in self._remembered:
            self._remembered[what] = make()
        return self._remembered[what]

    def forget(self) -> None:
        """Open and compute again what was remembered: a store was damaged, and is made again when it is next opened."""
        of_data = (self._stores, self._tasks, self._corpora, self._images)
        for memory in (self._remembered, self._failed, *of_data, self.audits):
            memory.clear()

    def store(self, name: str) -> SignalStore:
        if name not in self._stores:
            self._stores[name] = self.source.store(name, say=say)
        return self._stores[name]

    def stores_read(self) -> dict[str, str] | None:
        """The digest of each store that was opened, by dataset; None where images were read too."""
        return None if self._images else {name: store.digest for name, store in self._stores.items()}

    def shown_store(self, name: str) -> SignalStore:
        """The store as the code of methods gets it: its records have no columns with labels."""
        columns = shown_columns(registry.load(registry.DATASETS, name))
        return self.remembered(("shown store", name), lambda: self.store(name).with_columns(columns))

    def records(self, name: str) -> pd.DataFrame:
        """The metadata of a store, with the partitions that the user imported for it."""
        return with_imported(self.store(name).records, self.source.workspace.splits, name)

    def task_data(self, name: str) -> TaskData:
        """The task's examples in the available store.

        Raises:
            DataError: no example, or a complete copy whose counts or digest are not the expected ones.
        """
        if name not in self._tasks:
            task = registry.load(registry.TASKS, name)()
            if isinstance(task, TransferredTask):
                train, test = (self.task_data(part.name) for part in (task.train, task.test))
                self._tasks[name] = TransferredData.of(task, train, test)
                return self._tasks[name]
            store = self.store(task.dataset)
            examples, split = checked_examples(task, self.records(task.dataset))
            complete = self.is_complete(store, split)
            split.verify(examples, complete).raise_if_wrong()
            self._tasks[name] = TaskData(task, store, examples, store.rows(examples.record_ids), split, complete)
        return self._tasks[name]

    def is_complete(self, store: SignalStore, split: Split) -> bool:
        """Whether a store is all of the real publication for which the split states its numbers."""
        facts = store.manifest
        return self.source.kind == "real" and facts["version"] == split.version and not facts.get("n_skipped")

    def images(self, name: str, size: int) -> Images:
        """The images of all records of a dataset's store."""
        if (name, size) not in self._images:
            source = self.source
            self._images[name, size] = prepare_images(
                source.dataset(name, say),
                self.store(name),
                source.workspace.cache,
                size,
                source.workers,
                "skip" if source.on_bad_record == "skip" else "error",
            )
        return self._images[name, size]

    def tabular(self, name: str) -> np.ndarray:
        """The tabular data of all records of a dataset's store, float32 [record, variable]."""
        return registry.load(registry.DATASETS, name).tabular(self.records(name))

    # -- configs ------------------------------------------------------------------------------------------------------

    def under(self, overrides: Sequence[Override], sweep: Mapping[str, Any] | None = None) -> Session:
        """The same session with other overrides; what does not depend on them stays shared."""
        return replace(self, overrides=overrides, sweep=sweep, _remembered={}, _methods={})

    def resolve(self, cell: Cell) -> ResolvedCell:
        """The cell with everything that its coordinates name."""
        return ResolvedCell(cell, self, *self.method(cell.method, modes.facts(cell.mode).uses_checkpoint))

    def method(self, name: str, pretrained: bool = True) -> tuple[type[Method], MethodConfig]:
        """The class of a method, and its config under the session's profile, overrides and checkpoints.

        Args:
            pretrained: whether the mode starts from a checkpoint; one that does not ignores settings of pretraining.
        """
        if (name, pretrained) not in self._methods:
            cls = registry.load(registry.METHODS, name)
            base = read_config(cls, self.checkpoints[name]) if name in self.checkpoints else None
            config = method_config(cls, self.profile, self.overrides, base, pretrained)
            self._methods[name, pretrained] = cls, config
        return self._methods[name, pretrained]

    def method_config(self, name: str) -> MethodConfig:
        return self.method(name)[1]

    def mode_config(self, mode: str, method: type[Method]) -> Any:
        return mode_config(mode, self.profile, self.overrides, method)

    # -- checkpoints --------------------------------------------------------------------------------------------------

    def corpus_name(self, method: type[Method], task_dataset: str) -> str:
        """The corpus asked for, else the paper's if it is available, else the task's own dataset if that can serve."""
        if self.corpus:
            return self.corpus
        known = registry.entries(registry.DATASETS)
        if method.corpus in known and self.source.has(method.corpus) and self.source.kind == "real":
            return method.corpus
        if method.corpus in known and self.source.kind == "simulated":
            of_task, of_paper = (self._has_text_for(method, name) for name in (task_dataset, method.corpus))
            if of_paper and not of_task:
                return method.corpus
        return task_dataset

    def _has_text_for(self, method: type[Method], dataset: str) -> bool:
        """Whether a dataset has the text that the method learns from, if it learns from text; the one asked for, if any.

        A config that leaves the text out (LLM-DAN without alignment) is compared with the published one, and shares its
        corpus.
        """
        config: Any = self.method_config(method.name)
        if "text" not in method.input_for(config).modalities:
            if "text" not in method.input.modalities:
                return True
            config = method.Config()
        offered = registry.load(registry.DATASETS, dataset).text_sources
        return bool(offered) and config.pretrain.text_source in (None, *offered)

    def corpus_data(
        self,
        name: str,
        text_source: str | None,
        image_size: int | None = None,
        rule: str | None = None,
        labels: tuple[str, ...] = (),
    ) -> tuple[Corpus, dict[str, Any]]:
        """The records that may be pretrained on, with their text, and the facts that identify them.

        Columns with labels are left out, but for those of ``labels``; outside training and validation every value and text
        is blank.

        With an ``image_size``, only those that have an image. ``rule`` names the way to cut them, where there are several.
        """
        cls = registry.load(registry.DATASETS, name)
        check_offer(cls, text_source, rule)
        store = self.store(name)
        chosen = text_source or next(iter(cls.text_sources), None)
        known = (name, chosen, image_size, rule, labels)
        if known in self._corpora:
            return self._corpora[known]
        records = self.records(name)
        text = cls.text(records, chosen) if chosen else None
        masks = cls.pretraining_partition(records) if rule is None else cls.pretraining_partition(records, rule=rule)
        if text is not None:
            worded = np.array([bool(t.strip()) for t in text])
            silent = int((masks["train"] & ~worded).sum())
            if silent:
                say(f"{name}: {silent:,} training recordings have no {chosen} and are left out of pretraining")
            masks = {part: mask & worded for part, mask in masks.items()}
        images = None if image_size is None else self.images(name, image_size)
        if images is not None:
            unseen = int((masks["train"] & ~images.available).sum())
            if unseen:
                say(f"{name}: {unseen:,} training recordings have no image and are left out of pretraining")
            masks = {part: mask & images.available for part, mask in masks.items()}
        partition = np.where(masks["train"], 1, np.where(masks["validation"], 2, 0)).astype(np.uint8)
        corpus = Corpus(
            name=name,
            records=shown_records(records, cls, partition > 0, labels),
            train=masks["train"],
            validation=masks["validation"],
            text=None if text is None else [t if part else "" for t, part in zip(text, partition, strict=True)],
            cache=self.source.workspace.cache,
            device=str(make_fabric().device),
        )
        facts = {
            "dataset": name,
            "version": store.manifest["version"],
            "data": self.source.kind,
            "store": store.digest,
            "text": chosen,
            "partition": digest(partition.tobytes().hex()),
        }
        facts |= ({} if images is None else {"images": images.key}) | ({"labels": list(labels)} if labels else {})
        self._corpora[known] = (corpus, facts)
        return corpus, facts

    def pretrained_on(self, spec: CheckpointSpec) -> Corpus | None:
        """The records of a checkpoint's corpus; None where they are not available, or not those that it was made from."""
        facts, name = spec.corpus, str(spec.corpus.get("dataset"))
        known = name in registry.entries(registry.DATASETS) and self.source.has(name)
        if not known or not facts.get("store") or facts.get("data") != self.source.kind:
            return None
        wanted = spec.method.input_for(spec.config)
        image_size = wanted.image_size if "image" in wanted.modalities else None
        labels = tuple(spec.method.label_columns(spec.config))
        corpus, now = self.corpus_data(name, facts.get("text"), image_size, spec.config.pretrain.partition, labels)
        return corpus if now == facts else None

    def checkpoint_spec(self, method: type[Method], task_dataset: str, training: int = 0) -> CheckpointSpec | None:
        """What determines the method's checkpoint; None for a method without a pretraining objective.

        Args:
            training: the number of the pretraining, added to the seed of the config. A given checkpoint has one.
        """
        if not method.starts_from_checkpoint():
            return None
        config = self.method_config(method.name)
        if method.name in self.checkpoints:
            folder = self.checkpoints[method.name]
            return CheckpointSpec(method, config, read_provenance(folder)["corpus"], given=folder)
        if training:
            seeded = config.pretrain.model_copy(update={"seed": config.pretrain.seed + training})
            config = config.model_copy(update={"pretrain": seeded})
        spec = method.input_for(config)
        image_size = spec.image_size if "image" in spec.modalities else None
        name, wanted = self.corpus_name(method, task_dataset), config.pretrain
        labels = tuple(method.label_columns(config))
        _, facts = self.corpus_data(name, wanted.text_source, image_size, wanted.partition, labels)
        if "text" in spec.modalities and facts["text"] is None:
            raise ConfigError(
                f"{method.name} learns from reports, and {facts['dataset']} has none. "
                f"Choose a corpus with text: --corpus NAME."
            )
        return CheckpointSpec(method, config, facts, fs=self.store(name).fs)

    def checkpoint(self, spec: CheckpointSpec) -> Path:
        """The checkpoint's folder, pretraining it first if need be.

        Raises:
            ConfigError: it does not exist and pretraining is not allowed.
        """
        workspace = self.source.workspace
        final = spec.folder(workspace.checkpoints)
        if spec.given:
            return final
        if spec.key in self._failed:  # fifty cells that want it need not try fifty times
            raise self._failed[spec.key]
        if not self.has_checkpoint(final, spec):
            try:
                with foreign_code():
                    self._pretrained(spec, final)
            except Exception as error:
                self._failed[spec.key] = error
                raise
        if shared := workspace.shared:
            self.remembered(("sent", final), lambda: shared.publish("checkpoints", final))
        return final

    def has_checkpoint(self, final: Path, spec: CheckpointSpec | None = None) -> bool:
        """Whether a checkpoint is here and unaltered, or has come from the object store.

        Args:
            spec: what the checkpoint is made from, to report one that was made on other hardware.
        """
        if final.is_dir() and (("intact", final) in self._remembered or discard_if_altered(final)):
            self._remembered["intact", final] = True
            return True
        shared = self.source.workspace.shared
        fetched = shared is not None and shared.fetch("checkpoints", final)
        if fetched and spec is not None:
            different = made_elsewhere(read_provenance(final), spec.config.pretrain.precision, self.devices)
            if different:
                say(
                    f"{final.name} from the object store was made with {different}: weights made here would differ from it "
                    f"as with another seed"
                )
        return fetched

    def _pretrained(self, spec: CheckpointSpec, final: Path) -> Path:
        workspace = self.source.workspace
        if not self.allow_pretraining:
            raise ConfigError(
                f"{spec.method.name} has no checkpoint for this config and corpus ({final} does not exist) and "
                f"--no-pretrain was given. Make it with: bench pretrain {typed(spec.method.name)} --corpus "
                f"{spec.corpus['dataset']}"
            )
        if self.devices.total > 1 and ranks() == 1:
            from bench.runner.multi_process_pretraining import pretrain_in_processes

            pretrain_in_processes(self, spec)
            return final
        name, wanted = spec.corpus["dataset"], spec.method.input_for(spec.config)
        image_size = wanted.image_size if "image" in wanted.modalities else None
        settings = spec.config.pretrain
        labels = tuple(spec.method.label_columns(spec.config))
        corpus, _ = self.corpus_data(name, settings.text_source, image_size, settings.partition, labels)
        rows = np.arange(len(corpus.records))
        modalities: dict[str, Any] = {}
        if image_size is not None:
            modalities["images"] = self.images(name, image_size)
        if "tabular" in wanted.modalities:
            modalities["tabular"] = self.tabular(name)
        view = SignalView(self.shown_store(name), wanted.in_pretraining, leads=LEADS, rows=rows, cache=workspace.cache)
        say(f"{spec.method.name} has no checkpoint for this config and corpus yet: it is pretrained first")
        if note := profile_note(spec.method, spec.config, self.profile, int(corpus.train.sum())):
            say(note)
        return pretrain(
            spec,
            workspace.checkpoints,
            corpus,
            BatchSource(view, text=corpus.text, **modalities),
            rows[corpus.train],
            rows[corpus.validation],
            self.devices,
            Probe(self, spec, self.probe) if self.probe is not None else None,
        )
