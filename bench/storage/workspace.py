"""The workspace: one folder for all outputs of bench; ``--workspace`` or ``BENCH_WORKSPACE`` names it."""

from __future__ import annotations

import importlib.metadata
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import ConfigError
from bench.project_file import project
from bench.reading.paths import written_path
from bench.storage.artifacts import write_json

if TYPE_CHECKING:
    from bench.storage.object_store import SharedArtifacts

DEFAULT = "bench-workspace"
VERSION = 1
"""Version of the layout of the folders below; raised by a change that makes old and new unreadable to each other."""
VERSION_FILE = "workspace.json"


@dataclass(frozen=True)
class Workspace:
    """The folders below one root; none is created before something is written to it.

    ``artifacts`` is the URL of an object store that finished artifacts are fetched from and sent to, if there is one.
    """

    root: Path
    artifacts: str | None = None

    @classmethod
    def at(cls, path: str | Path | None = None, artifacts: str | None = None) -> Workspace:
        """The workspace named by ``path``, else by ``BENCH_WORKSPACE``, else by the project's ``bench.toml``, else
        ``bench-workspace`` in this folder; the object store likewise (``BENCH_ARTIFACTS``), else none.

        Raises:
            ConfigError: the workspace has another version than this bench's.
        """
        named = path or os.environ.get("BENCH_WORKSPACE") or project().workspace or DEFAULT
        workspace = cls(
            written_path(named, "the workspace").absolute(),
            artifacts or os.environ.get("BENCH_ARTIFACTS") or project().artifacts,
        )
        if workspace.root.exists() and not workspace.root.is_dir():
            raise ConfigError(
                f"the workspace {workspace.root} is a file. Name a folder with --workspace FOLDER or BENCH_WORKSPACE."
            )
        workspace.check_version()
        return workspace

    def check_version(self) -> None:
        """Compare the workspace's version with this bench's; one without a version file has version 1.

        Raises:
            ConfigError: another version, or a version file that cannot be read.
        """
        path = self.root / VERSION_FILE
        try:
            text = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            version, maker = 1 if self.root.is_dir() else VERSION, "ecg-bench 0.1.0"
        else:
            try:
                content = json.loads(text)
                version, maker = int(content["version"]), str(content.get("made_by", "another ecg-bench"))
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
                raise ConfigError(
                    f'{path}: not a version file; expected {{"version": {VERSION}}}. Delete it if this bench made the '
                    f"workspace, or name another workspace with --workspace FOLDER."
                ) from None
        if version > VERSION:
            raise ConfigError(
                f"{path}: version {version} of a newer bench ({maker}); this one reads version {VERSION}. Upgrade with "
                f"pip install --upgrade ecg-bench, or name another workspace with --workspace FOLDER."
            )
        if version < VERSION:
            raise ConfigError(
                f"{path}: version {version} of an older bench ({maker}); this one expects version {VERSION}. Name a new "
                f"workspace with --workspace FOLDER, or read this one with the bench that made it."
            )

    @property
    def shared(self) -> SharedArtifacts | None:
        """The object store; None where none is named.

        Raises:
            ConfigError: no such kind of store.
        """
        if not self.artifacts:
            return None
        from bench.storage.object_store import shared_artifacts

        return shared_artifacts(self.artifacts)

    def ensure_writable(self) -> None:
        """Create the root, and record its version in it.

        Raises:
            ConfigError: it cannot be written to; nothing has been computed yet.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".write-probe-{os.getpid()}"
            probe.write_bytes(b"bench")
            probe.unlink()
            if not (self.root / VERSION_FILE).exists():
                made_by = f"ecg-bench {importlib.metadata.version('ecg-bench')}"
                write_json(self.root / VERSION_FILE, {"version": VERSION, "made_by": made_by})
        except OSError as error:
            raise ConfigError(
                f"the workspace {self.root} cannot be written to ({error.strerror or error}). "
                f"Name another with --workspace FOLDER or BENCH_WORKSPACE, or free some space."
            ) from error

    @property
    def simulated(self) -> Path:
        return self.root / "simulated"

    @property
    def stores(self) -> Path:
        return self.root / "stores"

    @property
    def splits(self) -> Path:
        """Partitions that others released, imported by ``bench splits import``."""
        return self.root / "splits"

    @property
    def cache(self) -> Path:
        """Derived data that can be deleted at any time: resampled signals, text embeddings."""
        return self.root / "cache"

    @property
    def textbooks(self) -> Path:
        """The user's textbooks as passages (``bench text ingest``)."""
        return self.root / "textbooks"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def weights(self) -> Path:
        """Weight files that others published, as they came."""
        return self.root / "weights"

    @property
    def features(self) -> Path:
        return self.root / "features"

    @property
    def results(self) -> Path:
        return self.root / "results"

    @property
    def corrupted(self) -> Path:
        """Scores of finished cells under corrupted recordings (``bench run --corrupt``)."""
        return self.root / "corrupted"

    @property
    def sweeps(self) -> Path:
        """Journals of the studies that ``bench sweep`` keeps here, and their pictures."""
        return self.root / "sweeps"

    @property
    def failures(self) -> Path:
        return self.root / "failures"

    @property
    def locks(self) -> Path:
        """One empty file for each cell that is being computed."""
        return self.root / "locks"

    @property
    def clock(self) -> Path:
        """The latest time that a result of this workspace was started at."""
        return self.root / "clock"

    @property
    def boards(self) -> Path:
        return self.root / "boards"

    @property
    def tracking_uri(self) -> str:
        """MLflow's store: ``MLFLOW_TRACKING_URI``, else the project's, else a SQLite file in the workspace."""
        return os.environ.get("MLFLOW_TRACKING_URI") or project().tracking_uri or self.default_tracking_uri

    @property
    def default_tracking_uri(self) -> str:
        return f"sqlite:///{self.root / 'mlflow.db'}"
