"""Sources of datasets: real files that the user names, or the built-in simulated cohort.

``--data-root FOLDER`` (or ``BENCH_DATA``) names a folder with one subfolder per dataset; ``--data-root ptbxl=FOLDER``
names one dataset's own. As soon as either is given, anything missing is an error; with neither, every dataset simulates
itself. Results are stamped ``real`` or ``simulated`` accordingly.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench import registry
from bench.errors import ConfigError, DataError, UnknownName
from bench.progress import counted
from bench.project_file import MAX_SIMULATED, MIN_SIMULATED, project
from bench.reading.paths import written_path
from bench.storage.artifacts import digest, once, read_sealed

if TYPE_CHECKING:
    from bench.dataset import Dataset, OnBadRecord
    from bench.signals.store import SignalStore
    from bench.storage.workspace import Workspace

SIMULATION_SEED = 0
SHOWN = 5
"""Number of skipped recordings shown with their reasons; the manifest lists all."""


@dataclass(frozen=True)
class DataSource:
    """Where datasets come from in this run."""

    workspace: Workspace
    base: Path | None = None
    roots: dict[str, Path] = field(default_factory=dict)
    simulated_records: int | None = None
    on_bad_record: OnBadRecord = "error"
    workers: int = 1

    @classmethod
    def from_options(
        cls,
        workspace: Workspace,
        data_roots: Iterable[str] = (),
        simulated_records: int | None = None,
        on_bad_record: OnBadRecord = "error",
        workers: int | None = None,
    ) -> DataSource:
        """Read ``--data-root`` values, the environment and the project's ``bench.toml``.

        Data that an option or the environment names as a whole (a base folder) take the place of all that the file names.

        Raises:
            ConfigError: a folder that does not exist. UnknownName: a dataset nobody registered.
        """
        named = os.environ.get("BENCH_DATA")
        base, origin = (written_path(named, "BENCH_DATA") if named else None), "BENCH_DATA"
        roots: dict[str, Path] = {}
        for value in data_roots:
            name, equals, folder = value.partition("=")
            if not equals or "/" in name:
                if origin == "--data-root":
                    raise ConfigError(f"--data-root is given twice, {base} and {value}; one folder holds all datasets.")
                base, origin = written_path(value, "--data-root"), "--data-root"
                named_dataset, colon, rest = value.partition(":")
                if colon and named_dataset in registry.entries(registry.DATASETS) and not base.exists():
                    raise ConfigError(
                        f"--data-root {value}: a dataset and its folder are separated by =: --data-root "
                        f"{named_dataset}={rest or 'FOLDER'}."
                    )
                continue
            name = registry.named(registry.DATASETS, name)
            if name in roots:
                raise ConfigError(f"--data-root names the folder of {name} twice; give it once.")
            roots[name] = written_path(folder, f"--data-root {name}=")
            if not roots[name].is_dir():
                raise ConfigError(f"--data-root {value}: the folder {roots[name]} does not exist.")
        file = project()
        if base is None:
            base, origin = file.data_root, f"data.root of {file.path}"
            for name, data_folder in file.data.items():
                if name not in registry.entries(registry.DATASETS):
                    raise UnknownName(f"dataset in {file.path}", name, registry.entries(registry.DATASETS))
                if not data_folder.is_dir():
                    raise ConfigError(
                        f"{file.path}: data.{name} names {data_folder}, which does not exist. Correct the path, or "
                        "remove the line."
                    )
                roots.setdefault(name, data_folder)
        if base is not None and not base.is_dir():
            raise ConfigError(
                f"{origin} points at {base}, which {'is not a folder' if base.exists() else 'does not exist'}. "
                f"Name the folder that holds one subfolder per dataset "
                f"(ptbxl/, ...), or unset it to run on the built-in simulated cohorts."
            )
        requested = os.environ.get("BENCH_SIMULATED_RECORDS")
        if simulated_records is None and requested:
            if not requested.isdecimal() or len(requested) > 9 or not MIN_SIMULATED <= int(requested) <= MAX_SIMULATED:
                raise ConfigError(
                    f"BENCH_SIMULATED_RECORDS={requested[:40]}: expected a whole number from {MIN_SIMULATED} to "
                    f"{MAX_SIMULATED:,}."
                )
            simulated_records = int(requested)
        simulated_records = simulated_records or file.simulated_records
        return cls(workspace, base, roots, simulated_records, on_bad_record, workers or os.cpu_count() or 1)

    @property
    def kind(self) -> Literal["real", "simulated"]:
        return "real" if self.base is not None or self.roots else "simulated"

    def has(self, name: str) -> bool:
        """Whether the dataset is available: always when simulated, else when its folder exists."""
        return self.kind == "simulated" or self.real_root(name) is not None

    def real_root(self, name: str) -> Path | None:
        """The folder of a dataset's real files, or else that of the dataset whose files it reads."""
        entry = registry.entries(registry.DATASETS).get(name)
        other = entry.attributes.get("reads_files_of") if entry else None
        for candidate in (name, other):
            if candidate in self.roots:
                return self.roots[candidate]
            if candidate is not None and self.base is not None and (self.base / candidate).is_dir():
                return self.base / candidate
        return None

    def dataset(self, name: str, say: Callable[[str], None] = lambda message: None) -> Dataset:
        """The dataset at its root, checked; a simulated one is written first if it is not there yet.

        Raises:
            DataError: real data were named and this dataset's files are not among them.
        """
        cls = registry.load(registry.DATASETS, name)
        if self.kind == "real":
            root = self.real_root(name)
            if root is None:
                own = f"--data-root {name}=FOLDER"
                where = (
                    f"{self.base / name} does not exist (if its files are in another folder, name it: {own})"
                    if self.base
                    else f"no folder was named for it ({own})"
                )
                raise DataError(
                    f"dataset {name} is needed but {where}. {cls.title} is published at {cls.url} ({cls.access}). "
                    f"{cls.fetch}"
                )
        else:
            root = self.simulated_root(name)
            if not root.is_dir():
                n_records = self.simulated_records or cls.simulated_records
                say(f"writing the simulated {cls.title}: {counted(n_records, 'recording')} in the publisher's format")
            if not _index_intact(cls, root):
                self._simulate(cls)
        dataset = cls(root)
        dataset.check()
        return dataset

    def _simulate(self, cls: type[Dataset]) -> None:
        """Write the simulated files of a dataset unless they are there and every byte is as it was written."""
        root, n_records = self.simulated_root(cls.name), self.simulated_records or cls.simulated_records
        inputs = {"dataset": cls.name, "records": n_records, "seed": SIMULATION_SEED, "format": cls.format_version}

        def write(folder: Path) -> None:
            from threadpoolctl import threadpool_limits

            with threadpool_limits(1):  # the number of threads changes the last bit of sums, and so a few samples
                cls.simulate(folder / root.name, n_records, SIMULATION_SEED)

        once(root.parent, write, "simulated", inputs)

    def simulated_root(self, name: str) -> Path:
        """Where the simulated files of a dataset lie once they are written."""
        cls = registry.load(registry.DATASETS, name)
        n_records = self.simulated_records or cls.simulated_records
        cohort = f"{name}-{n_records}-seed{SIMULATION_SEED}-v{cls.format_version}"
        return self.workspace.simulated / cohort / "files"

    def store_path(self, dataset: Dataset, rate: int | None = None) -> Path:
        """Where the prepared form of a dataset root lies; another root, rate or format version has another place."""
        key = digest([str(dataset.root.resolve()), rate, dataset.format_version, self.on_bad_record], 12)
        return self.workspace.stores / f"{dataset.name}-{key}"

    def prepared(self, name: str) -> bool:
        """Whether :meth:`store` would open a prepared store; nothing is written.

        Raises:
            DataError: real data were named and this dataset's files are not among them.
        """
        from bench.signals.store import SignalStore

        if self.kind == "simulated":
            root = self.simulated_root(name)
            if not root.is_dir() or not _index_intact(registry.load(registry.DATASETS, name), root):
                return False  # and would be written
        try:
            dataset = self.dataset(name)
            path = self.store_path(dataset)
            return path.is_dir() and SignalStore.open(path).matches(dataset)
        except DataError:
            if self.kind == "real" and self.real_root(name) is None:
                raise
            return False

    def store(
        self, name: str, rate: int | None = None, say: Callable[[str], None] = lambda message: None
    ) -> SignalStore:
        """The prepared store of a dataset, prepared now if it is not there or its source index files have changed."""
        from bench.progress import track
        from bench.signals.build_store import prepare
        from bench.signals.store import SignalStore

        dataset = self.dataset(name, say)
        path = self.store_path(dataset, rate)
        if path.is_dir():
            try:
                store = SignalStore.open(path)
            except DataError as error:
                say(f"{name}: {error}; it is prepared again")
            else:
                if store.matches(dataset):
                    _say_skipped(store, say)
                    _say_remarks(store, say)
                    return store
                say(
                    f"{name}: the files under {dataset.root} have changed since they were prepared, or this version of "
                    "bench checks them differently; the dataset is prepared again"
                )
        if self.kind == "simulated":
            self._simulate(type(dataset))
        with track(f"preparing {name}") as progress:
            store = prepare(
                dataset,
                path,
                rate=rate,
                workers=self.workers,
                on_bad_record=self.on_bad_record,
                progress=progress,
            )
        _say_skipped(store, say)
        _say_remarks(store, say)
        return store


def _say_remarks(store: SignalStore, say: Callable[[str], None]) -> None:
    """What the preparation found in the index files; all records that it concerns are named in the manifest."""
    for remark in store.manifest.get("remarks") or []:
        named = remark["records"]
        more = f": {', '.join(named[:SHOWN])}{', ...' if len(named) > SHOWN else ''}" if named else ""
        say(f"{store.manifest['dataset']}: {remark['words']}{more}")


def _index_intact(cls: type[Dataset], root: Path) -> bool:
    """Whether the index files of a simulated dataset are as they were written. Its recordings are compared before they are
    prepared."""
    dataset = cls(root)
    try:
        dataset.check()
        for path in dataset.index_files():
            if path.is_relative_to(root.parent):  # endpoints of UK Biobank come with the package
                read_sealed(root.parent, str(path.relative_to(root.parent)))
    except (DataError, OSError, ValueError):
        return False
    return True


def _say_skipped(store: SignalStore, say: Callable[[str], None]) -> None:
    """Name the recordings that were left out: the first few with their reasons, all of them in the manifest."""
    skipped = store.manifest.get("skipped") or []
    if skipped:
        say(
            f"{store.manifest['dataset']}: {len(skipped):,} of {store.manifest['n_source_records']:,} recordings left out "
            f"(--on-bad-record skip); all are listed in {store.path / 'manifest.json'}"
        )
    for entry in skipped[:SHOWN]:
        say(f"  {entry['record_id']}: {entry['reason']}")
