"""Embeddings of strings on disk by content: a string is embedded once per encoder."""

from __future__ import annotations

import hashlib
import os
import secrets
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import safetensors
from jaxtyping import Float
from safetensors.numpy import load, save


def text_key(text: str) -> bytes:
    """A string's address within one encoder's cache: its sha256, 32 bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class EmbeddingCache:
    """Embeddings under ``directory``, one subfolder per encoder, as immutable safetensors shards.

    A shard holds ``keys`` uint8 [text, 32] and ``embeddings`` float32 [text, dim], and the sha256 of both. It is
    written under a temporary name and renamed to one made from its contents, so that any number of processes may read
    and write at once: at worst a string is embedded twice, to the same value. A shard that is truncated or altered is
    removed with a warning and its strings count as absent. A directory that cannot be written is a warning too: the
    cache only saves time.
    """

    def __init__(self, directory: str | os.PathLike):
        self.directory = Path(directory)

    def load(self, encoder: str, texts: Iterable[str]) -> dict[str, Float[np.ndarray, " dim"]]:
        """The embeddings known for ``texts``; absent ones are left out. ``encoder`` is the encoder's own digest."""
        wanted = {text_key(text): text for text in texts}
        embeddings_by_text: dict[str, np.ndarray] = {}
        for path in sorted((self.directory / encoder).glob("*.safetensors")):
            if len(embeddings_by_text) == len(wanted):
                break
            try:
                with safetensors.safe_open(path, "np") as shard:
                    keys = [row.tobytes() for row in shard.get_tensor("keys")]
                rows = [row for row, key in enumerate(keys) if key in wanted]
                if rows:
                    embeddings = _read_checked(path)
                    embeddings_by_text.update((wanted[keys[row]], embeddings[row]) for row in rows)
            except FileNotFoundError:  # another process found it corrupted first
                continue
            except (safetensors.SafetensorError, KeyError, ValueError) as error:
                warnings.warn(f"{path}: damaged ({error}); removed, its strings will be embedded again.", stacklevel=2)
                path.unlink(missing_ok=True)
        return embeddings_by_text

    def store(self, encoder: str, embeddings: dict[str, Float[np.ndarray, " dim"]]) -> None:
        """Adds the embeddings of some strings, as one shard."""
        if not embeddings:
            return
        keys = np.stack([np.frombuffer(text_key(text), dtype=np.uint8) for text in embeddings])
        values = np.stack(list(embeddings.values())).astype(np.float32)
        digest = _digest(keys, values)
        folder = self.directory / encoder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / f".{digest[:32]}.{secrets.token_hex(4)}.part"
            try:
                temporary.write_bytes(save({"keys": keys, "embeddings": values}, metadata={"sha256": digest}))
                os.replace(temporary, folder / f"{digest[:32]}.safetensors")
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        except OSError as error:
            warnings.warn(f"{folder}: text embeddings could not be stored ({error}); going on without.", stacklevel=2)


def _read_checked(path: Path) -> Float[np.ndarray, "text dim"]:
    """A shard's embeddings, after its sha256 has been compared."""
    tensors = load(path.read_bytes())
    with safetensors.safe_open(path, "np") as shard:
        expected = (shard.metadata() or {}).get("sha256")
    if _digest(tensors["keys"], tensors["embeddings"]) != expected:
        raise ValueError("contents do not match their sha256")
    return tensors["embeddings"]


def _digest(keys: np.ndarray, embeddings: np.ndarray) -> str:
    return hashlib.sha256(keys.tobytes() + str(embeddings.shape).encode() + embeddings.tobytes()).hexdigest()
