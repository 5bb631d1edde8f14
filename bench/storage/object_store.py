"""Finished artifacts in an object store, shared between machines.

Below the URL (anything that fsspec opens: ``s3://bucket/prefix``, ``gs://...``, ``file:///mnt/...``) lie the files of all
artifacts by the SHA-256 of their bytes, ``files/ab/ab12...``, and for each artifact one small manifest, ``KIND/NAME.json``,
that lists them and carries a digest of itself. The manifest is written last and in one piece, so that an artifact is
there as a whole or not at all, and two machines that finish the same one at once cannot mix theirs. What is fetched is
checked against both digests before it takes its name in the workspace; a byte that is not the recorded one makes it as
good as absent: it is computed again, and the new one replaces the bad one.

Object stores have no lock that a dying machine gives back. Two machines with separate workspaces may therefore
compute the same cell at the same time; the first to finish is kept, and both found the same.
"""

from __future__ import annotations

import functools
import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from bench.errors import ConfigError, DataError
from bench.reading.json_file import parse_json
from bench.redaction import redact, redact_of
from bench.storage.artifacts import digest, file_digest, writing

Kind = Literal["results", "checkpoints", "features"]
Answer = TypeVar("Answer")

ABOUT = b"Finished artifacts that bench shares between machines (bench run --artifacts).\n"

_SHA = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class SharedArtifacts:
    """The artifacts below a URL.

    A store that fails in the middle of a run costs a warning, also in a process that has only begun: the run goes on with
    what this machine has, and the next run sends what is missing.

    Raises:
        ConfigError: no such kind of store, or the package that reads it is not installed.
    """

    def __init__(self, url: str):
        self._url, self.shown = url, redact(url)
        import fsspec

        try:
            self._system, root = fsspec.core.url_to_fs(url)
            self._root = str(root).rstrip("/")
        except ImportError as error:
            raise ConfigError(
                f"--artifacts {self.shown}: {error}. fsspec reads many stores through separate packages, such as s3fs "
                f"for s3:// and gcsfs for gs://; install the one that it names."
            ) from None
        except Exception as error:  # whatever the store's own package raises
            raise self._cannot_be_opened(error) from None
        self._failed = False
        self._bad: set[tuple[Kind, str]] = set()

    def check(self) -> None:
        """Open it, before anything is computed.

        Raises:
            ConfigError: it cannot be listed, or is new and cannot be written to.
        """
        try:
            try:
                self._system.ls(self._root, detail=False)
            except FileNotFoundError:
                # It is new, or its name is wrong: reported now, not after a day's work.
                self._system.makedirs(self._root, exist_ok=True)
                self._system.pipe_file(f"{self._root}/about.txt", ABOUT)
        except Exception as error:  # whatever the store's own package raises
            raise self._cannot_be_opened(error) from None

    def _cannot_be_opened(self, error: Exception) -> ConfigError:
        return ConfigError(f"--artifacts {self.shown} cannot be opened: {redact_of(self._url, str(error))}")

    def names(self, kind: Kind) -> set[str]:
        """The names of all artifacts of a kind; none where the store does not answer."""
        return self._softly(lambda: self._list(kind), set())

    def fetch(self, kind: Kind, final: Path, replace: bool = False) -> bool:
        """Bring an artifact into the workspace under its name; whether it was there and unaltered.

        Args:
            replace: instead of the local one.
        """
        return self._softly(lambda: self._fetch(kind, final, replace), False)

    def publish(self, kind: Kind, folder: Path, replace: bool = False) -> bool:
        """Send a finished artifact, unless it is there; whether it is there now.

        Args:
            replace: instead of the shared one.
        """
        return self._softly(lambda: self._publish(kind, folder, replace), False)

    def _softly(self, do: Callable[[], Answer], otherwise: Answer) -> Answer:
        try:
            return do()
        except Exception as error:
            if not self._failed:
                self._failed = True
                why = redact_of(self._url, str(error)) or type(error).__name__
                warnings.warn(
                    f"the artifacts at {self.shown} cannot be reached ({why}); the run uses the artifacts of this machine, "
                    f"and the next run sends what is missing.",
                    stacklevel=4,
                )
            return otherwise

    def _list(self, kind: Kind) -> set[str]:
        self._system.invalidate_cache()
        try:
            paths = self._system.ls(f"{self._root}/{kind}", detail=False)
        except FileNotFoundError:
            return set()
        return {Path(name).stem for name in paths if str(name).endswith(".json")}

    def _manifest(self, kind: Kind, name: str) -> dict[str, Any] | None:
        """What is kept under a name; None where there is nothing, or nothing whole."""
        try:
            manifest = parse_json(self._system.cat_file(self._at(kind, name)))
            files, signed = manifest["files"], manifest["digest"]
            honest = signed == digest([kind, name, files], 64) and all(
                _NAME.fullmatch(file_name) and _SHA.fullmatch(facts["sha256"]) for file_name, facts in files.items()
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError):
            honest = False
        if not honest:
            self._refuse(kind, name, "its manifest was altered")
            return None
        return files

    def _fetch(self, kind: Kind, final: Path, replace: bool) -> bool:
        files = self._manifest(kind, final.name)
        if files is None or (kind, final.name) in self._bad:
            return False
        try:
            with writing(final, replace) as folder:
                for name, facts in files.items():
                    self._system.get_file(self._file(facts["sha256"]), str(folder / name))
                    if file_digest(folder / name) != facts["sha256"]:
                        raise DataError(f"{name} was altered: its SHA-256 differs from the recorded one")
        except FileNotFoundError:
            self._refuse(kind, final.name, "one of its files is missing")
            return False
        except DataError as error:
            self._refuse(kind, final.name, str(error))
            return False
        return True

    def _refuse(self, kind: Kind, name: str, why: str) -> None:
        if (kind, name) not in self._bad:
            self._bad.add((kind, name))
            warnings.warn(f"{self.shown}, {kind}/{name}: {why}. It is made again.", stacklevel=6)

    def _publish(self, kind: Kind, folder: Path, replace: bool) -> bool:
        replace = replace or (kind, folder.name) in self._bad
        if not replace and self._manifest(kind, folder.name) is not None:
            return True
        files = {}
        for path in sorted(folder.iterdir()):
            if not path.is_file() or path.name.startswith("."):
                continue
            sha256, size = file_digest(path), path.stat().st_size
            files[path.name] = {"sha256": sha256, "bytes": size}
            remote = self._file(sha256)
            if replace or not (self._system.exists(remote) and self._system.info(remote)["size"] == size):
                self._system.makedirs(remote.rpartition("/")[0], exist_ok=True)
                self._system.put_file(str(path), remote)
        manifest = {"files": files, "digest": digest([kind, folder.name, files], 64)}
        self._system.makedirs(f"{self._root}/{kind}", exist_ok=True)
        self._system.pipe_file(self._at(kind, folder.name), json.dumps(manifest, indent=1).encode())
        self._bad.discard((kind, folder.name))
        return True

    def _at(self, kind: Kind, name: str) -> str:
        return f"{self._root}/{kind}/{name}.json"

    def _file(self, sha256: str) -> str:
        return f"{self._root}/files/{sha256[:2]}/{sha256}"


@functools.cache
def shared_artifacts(url: str) -> SharedArtifacts:
    """The artifacts below a URL, with one connection a process."""
    return SharedArtifacts(url)
