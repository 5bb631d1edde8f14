"""Publish a checkpoint on a model hub: its files as they are, and a page that states what they are."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from bench import registry
from bench.cells.result import read_results
from bench.errors import ConfigError, DataError
from bench.model_registry.model_card import model_card, of_checkpoint
from bench.storage.workspace import Workspace
from bench.training.checkpoint_files import check_readable, read_provenance

CARD = "README.md"


def write_publication(
    folder: Path, repository: str, licence: str, workspace: Workspace, into: Path, terms_allow: bool = False
) -> list[Path]:
    """Write what is published: the checkpoint's files and its page.

    Args:
        repository: ``OWNER/NAME`` on the hub.
        licence: of the weights, as the hub spells it.
        workspace: whose results of this checkpoint the page lists.
        into: an empty folder.
        terms_allow: the corpus's terms of use allow weights that were trained on it to be published.

    Returns:
        the files, the page first.

    Raises:
        ConfigError: a repository's name that no hub takes; weights that are not the user's to publish. DataError: no readable
            checkpoint.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ConfigError(f"{repository!r}: expected OWNER/NAME, such as my-lab/kmerl-ptbxl.")
    check_readable(folder)
    facts = read_provenance(folder)
    _refuse_weights_of_others(folder, facts.get("imported"))
    _refuse_restricted(str(facts["corpus"].get("dataset")), terms_allow)
    results = of_checkpoint(read_results(workspace.results), folder)
    (into / CARD).write_text(model_card(folder, repository, licence, results), encoding="utf-8")
    for file in sorted(path for path in folder.iterdir() if path.is_file()):
        shutil.copyfile(file, into / file.name)
    return [into / CARD, *sorted(path for path in into.iterdir() if path.name != CARD)]


def _refuse_weights_of_others(folder: Path, imported: object) -> None:
    if imported:
        raise ConfigError(
            f"{folder}: weights that others published, imported here. Publish checkpoints that you trained; the authors' "
            f"file stays at their address."
        )


def _refuse_restricted(dataset: str, terms_allow: bool) -> None:
    if dataset not in registry.entries(registry.DATASETS) or terms_allow:
        return
    cls = registry.load(registry.DATASETS, dataset)
    if cls.access == "credentialed":
        raise ConfigError(
            f"the weights were trained on {dataset}, whose data are given only to those who sign its terms ({cls.url}). "
            f"Read there whether trained weights may be published; if they may, add --terms-allow."
        )


def upload(folder: Path, repository: str, private: bool = False) -> str:
    """Create the repository on the hub if it is not there, and upload a folder to it as one commit.

    The hub is that of ``HF_ENDPOINT``, else the public one.

    Returns:
        the address of the commit.

    Raises:
        DataError: the hub cannot be reached, or refused; nothing was published then.
    """
    import huggingface_hub

    hub = huggingface_hub.HfApi()
    try:
        hub.create_repo(repository, private=private, exist_ok=True)
        made = hub.upload_folder(
            repo_id=repository, folder_path=folder, commit_message="Publish a checkpoint of ecg-bench"
        )
    except Exception as error:  # of three libraries; one meaning: it did not get there
        refused = getattr(getattr(error, "response", None), "status_code", None) in (401, 403)
        why = "log in with `hf auth login`, or set HF_TOKEN to a token that may write" if refused else "try again later"
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"{hub.endpoint}: {repository} was not published ({first}); {why}.") from error
    return made.commit_url
