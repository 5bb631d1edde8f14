"""The contract of a dataset: recordings, metadata and text from the publisher's files.

A dataset is read once, by ``bench data prepare``, into a signal store (:mod:`bench.signals.build_store`); everything later
reads the store. A dataset can also *simulate itself*: write the same files in the same format, so that tests and the
demo go through the real reader.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from bench.errors import ConfigError, DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SIGNAL_SUFFIXES = (".hea", ".dat", ".mat", ".h5", ".hdf5", ".npy")
"""What signal files are called; :meth:`Dataset.unread_files` looks for them."""


AGES = (40, 60, 80)
AGE_GROUPS = ("0 to 39", "40 to 59", "60 to 79", "80 or older")
"""The groups of :meth:`Dataset.subgroup` by age, which begin at the years of ``AGES``."""

UNUSABLE = "unusable"
"""The fact of a :class:`RecordFile` that says why its record cannot be used."""


OnBadRecord = Literal["error", "skip", "keep"]
"""What becomes of a recording that cannot be read, or has no signal or amplitude of an ECG: ``error`` stops, ``skip`` leaves
it out and lists it, ``keep`` stores one that can be read as it is and lists it."""


@dataclass(frozen=True)
class Publication:
    """One version of one publication, with the publisher's list of its files and their checksums.

    The files lie below one address, next to a list of their SHA-256 sums (PhysioNet), or in records of an archive whose
    interface lists them with their md5 (Zenodo, figshare).

    Attributes:
        name: how it is asked for; also the folder of a companion next to the dataset's.
        title: in words.
        version: the publisher's.
        url: the address below which the files lie, or the lists of the archive's records; ends in a slash.
        license: under which they may be used.
        sums: the list of checksums below ``url``, one ``SHA256  path`` a line, as ``sha256sum`` writes it.
        folder: only files below this folder of the publication are meant, and it becomes the root of what is fetched;
            ``""`` is all of it. Ends in a slash otherwise.
        include: patterns (:mod:`fnmatch`) of the paths that are needed, after ``folder`` is taken off.
        archive_records: numbers of the records of Zenodo or figshare that hold the files; ``sums`` is then not asked for.
        unpack: patterns of the files that are archives (``.zip``, ``.tar``, ``.tar.gz``) and are unpacked next to
            themselves; the parts ``.z01``, ``.z02`` of a split ``.zip`` are read with it.
    """

    name: str
    title: str
    version: str
    url: str
    license: str
    sums: str = "SHA256SUMS.txt"
    folder: str = ""
    include: tuple[str, ...] = ("*",)
    archive_records: tuple[str, ...] = ()
    unpack: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recording:
    """One ECG as it is stored: twelve leads in ``LEADS`` order.

    ``signal`` is either physical (float, mV, ``gain`` None) or the publisher's integers with ``gain`` in units per mV
    (one per lead, baseline already subtracted), which the store then keeps without loss. Samples that the publisher
    marks invalid are NaN, in which case the integers come as floats. Leads that were not recorded are named in ``absent``,
    and their rows mean nothing: a flat lead was recorded, an absent one was not.
    """

    signal: np.ndarray  # [lead, time]
    fs: float  # Hz
    gain: np.ndarray | None = None  # [lead], units per mV
    median_beat: np.ndarray | None = None  # [lead, time], mV at fs, as the recorder computed it
    absent: tuple[str, ...] = ()  # names from LEADS


@dataclass(frozen=True)
class RecordFile:
    """Where one record's signal lies: what ``prepare`` hands to its workers. Plain data, so that it can be pickled."""

    record_id: str
    path: Path  # without extension where the format has several files; of a file of many records, that file
    facts: dict = field(default_factory=dict)
    """Whatever else the reader needs. ``rate`` (Hz), where it is there, is the one rate that the recording may have;
    ``row``, its place in a file of many records (:mod:`bench.signals.array_rows`)."""


@dataclass(frozen=True)
class Remark:
    """Something about some records, or all, that a user should know: ``12 recordings have no age``.

    Attributes:
        words: what it is; ``records`` are the ids that it is about, if it is about some.
    """

    words: str
    records: tuple[str, ...] = ()


@dataclass
class Findings:
    """What :meth:`Dataset.records` finds in the index files besides the records; ``prepare`` reports it and keeps it in the
    manifest.

    Attributes:
        unusable: record id -> why it cannot be used. It goes the way of a recording that cannot be read.
        remarks: what has no such consequence.
    """

    unusable: dict[str, str] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)

    def remark(self, words: str, records: Sequence[str] = ()) -> None:
        """Note something."""
        self.remarks.append(Remark(words, tuple(records)))

    def clear(self) -> None:
        """Forget all, before the records are read again."""
        self.unusable.clear()
        self.remarks.clear()

    def marked(self, files: Sequence[RecordFile]) -> list[RecordFile]:
        """The files, those of unusable records with the reason among their facts (:data:`UNUSABLE`)."""
        return [
            replace(file, facts=file.facts | {UNUSABLE: self.unusable[file.record_id]})
            if file.record_id in self.unusable
            else file
            for file in files
        ]


def path_inside(root: Path, name: object, where: str) -> Path:
    """``root / name`` for a relative name found in a publisher's file.

    Raises:
        DataError: the name is empty, absolute or climbs out of the root; ``where`` says in which file and row it is.
    """
    text = name.strip() if isinstance(name, str) else ""
    parts = text.replace("\\", "/").split("/")
    if not text or text[0] in "/\\" or ".." in parts or ":" in parts[0] or "\0" in text:
        raise DataError(
            f"{where} names the file {name!r}; expected a path below {root}. The file is damaged or was tampered with: "
            f"fetch it again from the publisher."
        )
    return root.joinpath(*parts)


class Dataset(ABC):
    """A dataset, by its publisher's files.

    Class attributes describe it; instances point at a ``root`` folder that holds the publisher's files unchanged.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    url: ClassVar[str]
    """The publisher's page."""
    access: ClassVar[Literal["open", "credentialed"]] = "open"
    license: ClassVar[str] = ""
    citation: ClassVar[str] = ""
    """BibTeX of the publication to cite; ``bench cite`` and the pages of tasks show it."""
    fetch: ClassVar[str] = ""
    """The command, or the steps, by which a user gets the files. Printed whenever something is missing."""
    publication: ClassVar[Publication | None] = None
    """What ``bench data download`` fetches; None where the publisher lets nobody fetch without asking."""
    companions: ClassVar[tuple[Publication, ...]] = ()
    """Further publications about the same recordings, fetched on request into folders of their own beside this one."""
    reads_files_of: ClassVar[str | None] = None
    """Another dataset whose files these are too; its folder serves where none was named for this one."""
    full_size: ClassVar[dict[str, int]] = {}
    """Version -> number of records of the complete publication, to tell a complete copy from a subset."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other names of the same publication (CPSC2018 is also called ICBEB)."""
    overlaps: ClassVar[dict[str, str]] = {}
    """Other collections, registered here or not, that hold recordings of this one -> which ones, in a few words. Said on
    one side, it holds for both; it does not go on from there to a third. Audits rest on it
    (:mod:`bench.contamination.declared`). Neither this nor :attr:`aliases` is inherited."""
    rates: ClassVar[tuple[int, ...]] = (500,)
    """Sampling rates (Hz) at which the publisher offers the signals, best first: the first is that of a store, unless the
    ``facts["rate"]`` of all files (``files``) is another. A recording at none of them is refused as damaged."""
    unit: str = "mV"
    """The unit of the signals, as far as it is known from the files: ``mV``, or ``z-score`` where the publisher scaled each
    lead to mean 0 and SD 1 and the inverse is not known. Methods that read millivolts refuse another one
    (:attr:`bench.signals.input_spec.InputSpec.needs_mv`); ``typical_mv`` and ``largest_mv`` are then in that unit."""
    largest_mv: ClassVar[float] = 200.0
    """The largest \\|sample\\| (mV) that the published format can hold; a recording beyond it has a wrong unit or gain."""
    typical_mv: ClassVar[tuple[float, float]] = (0.0005, 10.0)
    """Bounds (mV) of the median deflection of a recording (:mod:`bench.signals.bounds`): those of any ECG."""
    text_sources: ClassVar[tuple[str, ...]] = ()
    """Names of the texts that accompany a recording, default first; empty when there are none."""
    partition_rules: ClassVar[tuple[str, ...]] = ()
    """Names that :meth:`pretraining_partition` takes as its ``rule``, default first; empty when there is one way."""
    has_recorder_beats: bool = False
    """Whether recordings come with a median beat: the recorder's, or that of a further publication at hand."""
    median_beats_by: str = "the recorder"
    """Who computed it."""
    tabular_variables: ClassVar[tuple[str, ...]] = ()
    """Columns of the records that accompany a recording as numbers, in this order; empty when there are none."""
    measurements: ClassVar[tuple[str, ...]] = ()
    """Further columns of the records that the recorder measured (rate, intervals, axes). A method that trains by ``fit`` sees
    these and the tabular variables; all other columns may hold answers (labels, dates of diagnoses) and are withheld."""
    truths: ClassVar[tuple[str, ...]] = ()
    """Columns of the records that only the simulated cohort has: what its simulator drew outcomes from. Tasks may score
    them as the ceiling (:attr:`bench.task.Examples.truth`); no method is ever shown them, in pretraining either."""
    subgroups: ClassVar[tuple[str, ...]] = ()
    """Names that :meth:`subgroup` takes: what recordings can be grouped by, such as ``age``."""
    owns_root: ClassVar[bool] = False
    """Whether every signal file below the root is of this dataset. :meth:`unread_files` then looks at all of them, and
    otherwise below the folder that the files read have in common."""
    published_unread: ClassVar[tuple[str, ...]] = ()
    """Patterns (:mod:`fnmatch`) of names of published files that are left out on purpose: :meth:`unread_files` names none."""
    simulated_records: ClassVar[int] = 2000
    """How many recordings the built-in simulated cohort has."""
    format_version: ClassVar[int] = 1
    """Raise it when what :meth:`records` or :meth:`read` return changes: prepared stores are then made again."""

    def __init__(self, root: Path):
        self.root = Path(root)
        self.findings = Findings()

    @abstractmethod
    def check(self) -> None:
        """Raise ``DataError`` unless the root holds the index files; the message says what is missing and the fix."""

    def index_files(self) -> list[Path]:
        """The files :meth:`records` reads. A prepared store is made again when their content changes; signal files are
        not among them."""
        return []

    @abstractmethod
    def version(self) -> str:
        """The publisher's version of the files available, as far as it is known ("1.0.3", "1.0.3 (subset)")."""

    @abstractmethod
    def records(self) -> pd.DataFrame:
        """All metadata, one row per recording: index ``record_id`` (str, unique), column ``patient_id`` (str), further
        columns as the tasks and texts of this dataset need them. Only types that parquet keeps.

        Raises:
            DataError: a file without an expected column, a value that cannot be read, a duplicated id. What is wrong with
                a single record is said in :attr:`findings`, so that the user may leave it out.
        """

    @abstractmethod
    def files(self, records: pd.DataFrame, rate: int | None = None) -> list[RecordFile]:
        """Where the signals of ``records`` lie, in that order, at ``rate`` Hz (default: the best rate available)."""

    def unread_files(self, files: Sequence[RecordFile]) -> list[Path]:
        """Signal files next to or below those of ``files`` (:attr:`owns_root`: below the root) that belong to none of them:
        a sign of renamed or half-copied files, which ``prepare`` reports. A dataset that leaves recordings out on purpose
        overrides this, or names their files in :attr:`published_unread`."""
        read = {str(file.path) for file in files}
        shared = read and not self.owns_root
        folder = os.path.commonpath({os.path.dirname(path) for path in read}) if shared else str(self.root)
        return sorted(
            Path(directory, name)
            for directory, _, names in os.walk(folder)
            for name in names
            if name.endswith(SIGNAL_SUFFIXES)
            and not name.startswith(".")
            and not any(fnmatch(name, pattern) for pattern in self.published_unread)
            and not {os.path.join(directory, name), os.path.join(directory, name.rpartition(".")[0])} & read
        )

    @staticmethod
    @abstractmethod
    def read(file: RecordFile) -> Recording:
        """Read one signal. Static and picklable: it runs in worker processes.

        Raises:
            DataError: missing, truncated or malformed files, with path and fix.
        """

    @classmethod
    def text(cls, records: pd.DataFrame, source: str) -> list[str]:
        """The texts of ``records`` from one of :attr:`text_sources`, in order. Pure: reads nothing but the columns."""
        raise ConfigError(f"{cls.name} has no text; text sources: {', '.join(cls.text_sources) or 'none'}.")

    def image_files(self, records: pd.DataFrame) -> list[RecordFile | None]:
        """Where the images of ``records`` lie, in that order; None for a record without one."""
        raise ConfigError(f"{self.name} has no images.")

    @staticmethod
    def read_image(file: RecordFile, size: int) -> np.ndarray:
        """One image, float32 [3, size, size] in [0, 1]. Static and picklable: it runs in worker processes.

        Raises:
            DataError: missing, truncated or malformed files, with path and fix.
        """
        raise ConfigError(f"{file.path}: this dataset has no images.")

    @classmethod
    def tabular(cls, records: pd.DataFrame) -> np.ndarray:
        """:attr:`tabular_variables` of ``records``, float32 [record, variable]; NaN where unknown, sex 1 for male."""
        import numpy as np
        import pandas as pd

        if not cls.tabular_variables:
            raise ConfigError(f"{cls.name} has no tabular data.")
        columns = []
        for name in cls.tabular_variables:
            values = records[name].map({"male": 1, "female": 0}) if name == "sex" else records[name]
            columns.append(pd.to_numeric(values, errors="coerce").to_numpy(np.float32))
        return np.stack(columns, axis=1)

    @classmethod
    def subgroup(cls, records: pd.DataFrame, name: str) -> list[str]:
        """The group of each record by one of :attr:`subgroups`, in words; ``""`` where unknown.

        Ages in years are grouped by :data:`AGES`; of other columns the text is the group. A dataset whose columns are coded
        overrides this.
        """
        import numpy as np
        import pandas as pd

        values = records[name]
        if name == "age":
            years = pd.to_numeric(values, errors="coerce")
            groups = np.array(AGE_GROUPS, object)[np.searchsorted(AGES, years.fillna(0), side="right")]
            return np.where(years.notna(), groups, "").tolist()
        return ["" if text in ("nan", "None") else text for text in values.astype(str).str.strip()]

    @classmethod
    def pretraining_partition(cls, records: pd.DataFrame) -> dict[str, np.ndarray]:
        """Which rows may be pretrained on: boolean masks ``train`` and ``validation`` over ``records``.

        A dataset that also has tasks keeps the records of its test (and validation) splits out here, so that no method
        can see them, whatever the task. The default is all records for training, none for validation.
        """
        import numpy as np

        return {"train": np.ones(len(records), bool), "validation": np.zeros(len(records), bool)}

    @classmethod
    def simulate(cls, destination: Path, n_records: int, seed: int = 0) -> None:
        """Write a simulated copy of the dataset, in the publisher's format, that this class then reads."""
        raise ConfigError(f"{cls.name} has no simulation; name real data with --data-root {cls.name}=FOLDER.")


__all__: Sequence[str] = ("Dataset", "Findings", "Publication", "RecordFile", "Recording", "path_inside")
