"""Released weights as the checkpoint that a method starts from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import ConfigError
from bench.progress import say
from bench.storage.artifacts import file_digest
from bench.storage.workspace import Workspace
from bench.training.import_checkpoint import fitting_part, import_checkpoint, imported_spec
from bench.weights.files import checked, fetch, keep, present, refuse_unaccepted, released_weights

if TYPE_CHECKING:
    from bench.method import Method, MethodConfig


class NotHere(ConfigError):
    """Released weights are not in the workspace, and may not be fetched."""


def released_checkpoint(
    method: type[Method], config: MethodConfig, workspace: Workspace, may_fetch: bool = True
) -> Path:
    """The checkpoint folder of a method's released weights, fetched and imported if need be.

    Args:
        may_fetch: whether the file may be downloaded.

    Raises:
        NotHere: they are not here and may not be fetched. ConfigError: their licence was not accepted. DataError: they
            cannot be fetched, have changed, or do not fit the method.
    """
    released = released_weights(method, config)
    file = present(method.name, released, workspace)
    if file is None:
        if not may_fetch:
            raise NotHere(
                f"the weights of {method.name} are not here yet: bench weights fetch {method.name} (licence: "
                f"{released.licence})."
            )
        file = fetch(method.name, released, workspace)
    corpora = "+".join(released.corpora)
    final = imported_spec(method, config, file.sha256, released.part, corpora).folder(workspace.checkpoints)
    if final.is_dir():
        return final
    return import_checkpoint(method, config, checked(file).path, workspace.checkpoints, released.part, corpora)[0]


def take(method: type[Method], config: MethodConfig, workspace: Workspace, file: Path, accept: bool = False) -> Path:
    """The checkpoint folder of a released file that a person has fetched; the file is copied into the workspace if it fits.

    Args:
        accept: the user accepts the licence, where it restricts use.

    Raises:
        ConfigError: another file is there, or the licence was not accepted. DataError: no such file, or one that does not
            fit the method.
    """
    released = released_weights(method, config)
    if present(method.name, released, workspace) is None:
        refuse_unaccepted(method.name, released, accept, f"bench weights import {method.name} {file}")
    folder, _ = import_checkpoint(
        method, config, file, workspace.checkpoints, released.part, "+".join(released.corpora)
    )
    keep(method.name, released, workspace, file)
    return folder


def checkpoint_of_file(method: type[Method], config: MethodConfig, checkpoints: Path, file: Path) -> Path:
    """The checkpoint folder of a published file, imported unless it is there. Where the authors publish several parts, the
    part that fits is taken.

    Args:
        checkpoints: where checkpoint folders lie.

    Raises:
        ConfigError: no layout of the method's published files is known. DataError: the file does not fit whole.
    """
    released = method.weights_for(config)
    corpora = "+".join(released.corpora) if released is not None else None
    digest = file_digest(file)
    for part in method.published_names(config):
        final = imported_spec(method, config, digest, part, corpora).folder(checkpoints)
        if final.is_dir():
            return final
    folder, report = import_checkpoint(method, config, file, checkpoints, fitting_part(method, config, file), corpora)
    say(f"imported {file}: {len(report.matched)} tensors, checkpoint {folder.name}")
    return folder
