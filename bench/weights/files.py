"""The published weight files of a workspace: fetched or put there by a person, each with its digest and licence."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import progress
from bench.errors import ConfigError, DataError
from bench.reading.json_file import read_json
from bench.storage.artifacts import file_digest, locked, write_json
from bench.storage.workspace import Workspace

if TYPE_CHECKING:
    from bench.method import Method, MethodConfig
    from bench.method.released import Released

RECORD = "weights.json"
_HUB_TIMEOUT = 10.0
"""Seconds to learn whether the hub answers."""


@dataclass(frozen=True)
class WeightFile:
    """A published file that lies in the workspace.

    Attributes:
        path: the file; sha256: of its bytes; origin: where it was fetched, or ``by hand``.
        licence: as it was accepted.
    """

    path: Path
    sha256: str
    origin: str
    licence: str


def folder_of(method: str, released: Released, workspace: Workspace) -> Path:
    """Where a published file of a method lies, or will lie."""
    return workspace.weights / method / Path(released.file).stem


def present(method: str, released: Released, workspace: Workspace) -> WeightFile | None:
    """The file, if it is there; its bytes are not read."""
    folder = folder_of(method, released, workspace)
    record = folder / RECORD
    if not record.is_file():
        return None
    facts = read_json(record)
    try:
        file = WeightFile(folder / facts["file"], facts["sha256"], facts["origin"], facts["licence"])
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{record}: not a record of weights ({error} is missing). Delete the folder {folder}."
        ) from error
    return file if file.path.is_file() else None


def checked(weights: WeightFile) -> WeightFile:
    """The file, after its bytes were compared with the digest that was recorded.

    Raises:
        DataError: they have changed.
    """
    if (now := file_digest(weights.path)) != weights.sha256:
        raise DataError(
            f"{weights.path}: the file has changed since it came here (SHA-256 {now[:12]}..., recorded {weights.sha256[:12]}"
            f"...). Delete the folder {weights.path.parent} and fetch it again."
        )
    return weights


def fetch(method: str, released: Released, workspace: Workspace, accept: bool = False) -> WeightFile:
    """The published file, downloaded unless it is there.

    Args:
        accept: the user accepts the licence, where it restricts use.

    Raises:
        ConfigError: the licence was not accepted. DataError: it cannot be had from here; the message says how a person
            gets it.
    """
    if existing := present(method, released, workspace):
        return existing
    refuse_unaccepted(method, released, accept, f"bench weights fetch {method}")
    if not released.hub and not released.url:
        raise DataError(
            f"the weights of {method} are published where only a person can fetch them. {by_hand(method, released)}"
        )
    folder = folder_of(method, released, workspace)
    with locked(folder.with_name(f".{folder.name}.lock")):
        if existing := present(method, released, workspace):
            return existing
        size = f", {released.megabytes:,} MB" if released.megabytes else ""
        origin = f"hub:{released.hub}" if released.hub else released.url
        progress.say(
            f"fetching the weights of {method}: {released.file} from {origin}{size} (licence: {released.licence})"
        )
        aside = _unfinished(folder)
        try:
            path = _from_hub(released, aside) if released.hub else _from_url(released, aside)
        except DataError as error:
            raise DataError(f"{error} {by_hand(method, released)}") from error
        return _record(method, released, workspace, path, origin)


def refuse_unaccepted(method: str, released: Released, accept: bool, command: str) -> None:
    """Refuse weights whose licence restricts their use and was not accepted.

    Args:
        command: what the user repeats with ``--accept-licence``.
    """
    if released.needs_acceptance and not accept:
        raise ConfigError(
            f"the weights of {method} have the licence {released.licence} ({released.page}), which restricts their use. "
            f"If you accept it: {command} --accept-licence"
        )


def keep(method: str, released: Released, workspace: Workspace, file: Path) -> WeightFile:
    """Copy a file that a person has fetched into the workspace.

    Raises:
        ConfigError: another file is there. DataError: no such file, or not the one that was published.
    """
    if not file.is_file():
        raise DataError(f"{file}: no such file. {by_hand(method, released)}")
    folder = folder_of(method, released, workspace)
    with locked(folder.with_name(f".{folder.name}.lock")):
        existing = present(method, released, workspace)
        if existing is not None and existing.sha256 != file_digest(file):
            raise ConfigError(
                f"other weights of {method} lie in {folder} already (from {existing.origin}). Delete the folder to "
                "replace them."
            )
        aside = _unfinished(folder)
        copy = aside / f"{Path(released.file).stem}{file.suffix}"
        shutil.copyfile(file, copy)
        return existing or _record(method, released, workspace, copy, "by hand")


def by_hand(method: str, released: Released) -> str:
    """What a person does to get the file here."""
    return (
        f"Fetch {released.file} from {released.page} in a browser or on a machine with a connection (licence: "
        f"{released.licence}), then: bench weights import {method} {released.file}"
        + " --accept-licence"
        * released.needs_acceptance
    )


def _unfinished(folder: Path) -> Path:
    """Where a file grows until it is whole; what an interrupted download left there is continued."""
    aside = folder.with_name(f".{folder.name}.part")
    aside.mkdir(parents=True, exist_ok=True)
    return aside


def _record(method: str, released: Released, workspace: Workspace, path: Path, origin: str) -> WeightFile:
    """Give a complete file its place, with a record of what it is."""
    digest = file_digest(path)
    folder, aside = folder_of(method, released, workspace), path.parent
    try:
        if released.sha256 and digest != released.sha256:
            raise DataError(
                f"{released.file} of {method}: the file has the SHA-256 {digest}, expected {released.sha256}. It is damaged, "
                f"or the authors have replaced it."
            )
        facts = {"file": path.name, "sha256": digest, "bytes": path.stat().st_size, "origin": origin}
        write_json(aside / RECORD, facts | {"licence": released.licence, "published": asdict(released)})
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return WeightFile(folder / path.name, digest, origin, released.licence)


def _from_hub(released: Released, folder: Path) -> Path:
    import huggingface_hub

    try:
        huggingface_hub.HfApi().model_info(
            released.hub, timeout=_HUB_TIMEOUT
        )  # a download would retry for half a minute
        got = huggingface_hub.hf_hub_download(
            released.hub, released.file, revision=released.revision or None, local_dir=folder / "hub"
        )
    except Exception as error:  # of three libraries; one meaning: it cannot be had from here
        lines = str(error).strip().splitlines()
        why = f"{type(error).__name__}{': ' + lines[0] if lines else ''}"
        raise DataError(
            f"{released.file} of the hub repository {released.hub} could not be fetched ({why})."
        ) from error
    path = folder / Path(released.file).name
    os.replace(got, path)
    shutil.rmtree(folder / "hub", ignore_errors=True)
    return path


def _from_url(released: Released, folder: Path) -> Path:
    import requests

    from bench.data.download.one_file import Remote, fetch

    path = folder / Path(released.file).name
    remote = Remote(released.url, released.sha256 or None, folder / f".{path.name}.partial", path, continues=True)
    with progress.track(f"fetching {path.name}", "bytes") as shown, requests.Session() as http:
        total = 1_000_000 * released.megabytes
        received = [0]

        def more(n: int) -> None:
            received[0] += n
            shown(received[0], max(total, received[0]))

        fetch(remote, http, more)
    return path


def released_weights(method: type[Method], config: MethodConfig) -> Released:
    """What a method's authors have published for a config.

    Raises:
        ConfigError: nothing.
    """
    released = method.weights_for(config)
    if released is None:
        raise ConfigError(
            f"{method.name}: its authors' weights are not known to bench. bench weights list names the others."
        )
    return released
