"""Models of ``transformers``, from the hub or a local folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from bench.errors import ConfigError, printable
from bench.reading.json_file import read_json_object
from methods.text.hub_folder import refuse_code_and_other_folders
from methods.text.torchvision_operators import declare_missing_operators


def folder_of(path: str, trust: bool) -> Path:
    """The folder with config.json and weights: a local one, or the hub's, fetched if it is not here yet.

    Raises:
        ConfigError: neither, with what to do where there is no network.
    """
    name, _, revision = path.removeprefix("hf:").partition("@")
    local = Path(name).expanduser()
    if local.is_dir():
        if not (local / "config.json").is_file():
            raise ConfigError(f"path = {path}: the folder holds no config.json, so it is no transformers model.")
        return local
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    wanted = ["*.json", "*.safetensors", *(["*.py"] if trust else [])]
    try:
        return Path(snapshot_download(name, revision=revision or None, allow_patterns=wanted))
    except HFValidationError as error:
        raise ConfigError(
            f"path = {path}: expected hf:organisation/name, or hf:FOLDER of a folder that exists."
        ) from error
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"path = {path}: neither on this machine nor available from the hub ({type(error).__name__}: {reason}). "
            f"Without a network, fetch it elsewhere with: hf download {name} --local-dir FOLDER, copy the folder here, "
            "and give --set path=hf:FOLDER"
        ) from error


def files_of(path: str, trust: bool) -> list[Path]:
    """The files that decide what the model answers."""
    folder = folder_of(path, trust)
    suffixes = (".json", ".safetensors", *((".py",) if trust else ()))
    return sorted(file for file in folder.iterdir() if file.suffix in suffixes)


class TransformersModel(nn.Module):
    """``AutoModel``: signals go in as the model's main input, its named outputs come out. It can be fine-tuned.

    Raises:
        ConfigError: weights that are pickles, code of the model's own that is not trusted, or an unknown model type.
    """

    trainable = True
    expected = None

    def __init__(self, path: str, trust: bool):
        super().__init__()
        declare_missing_operators()
        from transformers import AutoModel

        folder = folder_of(path, trust)
        if not trust:
            refuse_code_and_other_folders(folder)
            _refuse_unknown_type(path, folder)
        try:
            self.model: Any = AutoModel.from_pretrained(
                folder, trust_remote_code=trust, use_safetensors=True, local_files_only=True
            )
        except (OSError, ValueError, ImportError, KeyError) as error:
            reason = " ".join(str(error).split())
            raise ConfigError(
                f"{path} cannot be opened: {reason}. Weights must be safetensors (pickles are not opened); a model "
                "with its own code needs --trust."
            ) from error
        self.input_name = self.model.main_input_name

    def forward(self, signals: Tensor) -> Any:
        return self.model(**{self.input_name: signals}, return_dict=True)


def _refuse_unknown_type(path: str, folder: Path) -> None:
    """Refuse a model type that only the author's code knows.

    Raises:
        ConfigError: with the fix.
    """
    from transformers import CONFIG_MAPPING, __version__

    config = read_json_object(folder / "config.json")
    kind = printable(str(config.get("model_type", "")))
    if kind in CONFIG_MAPPING or not (kind or config.get("auto_map")):
        return
    named = f"model type {kind!r}, which transformers {__version__} does not have" if kind else "no model type"
    if config.get("auto_map"):
        raise ConfigError(
            f"{path} has {named}. Its author published Python code for it, which will run with your rights. If you trust it, "
            "add --set trust=true (or --trust)."
        )
    raise ConfigError(
        f"{path} has {named}, and its config.json names no code for it (auto_map). If you have the code, write a "
        "function that returns the network: --set path=module:function --set trust=true."
    )
