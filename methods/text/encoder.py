"""The text tower of the ECG-text methods: a frozen or trained BERT-like encoder and its cached embeddings."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from safetensors import SafetensorError
from torch import Tensor, nn

from bench.errors import ConfigError, DataError
from methods.text.embedding_cache import EmbeddingCache
from methods.text.hub_folder import refuse_code_and_other_folders
from methods.text.models import KNOWN_MODELS, ModelFiles, Pooling, find_model, known_model
from methods.text.torchvision_operators import declare_missing_operators

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_ROWS = 32
"""Texts per forward pass of ``encode``, at most."""

_SHARD = 8192
"""Texts after which ``encode`` stores what it has: what a stopped run over a large corpus can lose."""


class TextEncoderConfig(BaseModel):
    """Which text encoder, and how a text becomes a vector."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        default="minilm",
        description=f"A known name ({', '.join(KNOWN_MODELS)}), a Hugging Face repository, or a local folder.",
    )
    pooling: Pooling | None = Field(
        default=None,
        description="cls: last state of the first token; mean: over the tokens of the text; pooler: the checkpoint's "
        "own tanh layer over cls. Default: that of the paper that names the model; required for other models.",
    )
    max_tokens: int | None = Field(
        default=None,
        ge=3,
        description="Largest number of word pieces of a text, special ones included. Default: as in the paper, else "
        "256 (MERL).",
    )
    trainable_layers: int | Literal["all"] = Field(
        default=0,
        description="How many of the top transformer layers train: 0 is a frozen encoder (MERL as released), 6 of 12 "
        "MERL's paper, 'all' also the embeddings (ESI).",
    )
    text_dropout: Literal["on", "off"] | None = Field(
        default=None,
        description="Dropout inside the encoder while the method trains. Default: off for a frozen encoder, on for a "
        "trained one. MERL's released code keeps it on over frozen weights: a report's features change at every step.",
    )

    @field_validator("text_dropout", mode="before")
    @classmethod
    def _yaml_reads_on_as_true(cls, value: Any) -> Any:
        return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value

    @field_validator("trainable_layers")
    @classmethod
    def _not_negative(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 0:
            raise ValueError(f"expected a number of layers, or 'all'; found {value}")
        return value

    @model_validator(mode="after")
    def _known(self) -> TextEncoderConfig:
        try:
            known = known_model(self.model)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        if known is None and self.pooling is None:
            raise ValueError(
                f"text.pooling must be given for {self.model!r}, which none of our papers names: cls, mean or pooler "
                "(--set text.pooling=cls)"
            )
        return self


@dataclass(frozen=True)
class Tokens:
    """Tokenised texts, padded to the longest.

    Attributes:
        ids: int64 [text, token]; padding is the tokenizer's pad id.
        mask: int64 [text, token]; 1 on the text's own tokens, 0 on padding.
    """

    ids: Int[Tensor, "text token"]
    mask: Int[Tensor, "text token"]

    def to(self, device: torch.device | str) -> Tokens:
        """The same tokens on another device."""
        return Tokens(self.ids.to(device), self.mask.to(device))


class TextEncoder(nn.Module):
    """A pretrained transformer that turns texts into vectors of ``dim`` numbers.

    ``encode`` gives deterministic embeddings of whole lists of strings, without gradient, from a cache where it can.
    ``forward`` takes tokens and keeps the gradient of the layers that train. A method whose encoder answers
    ``constant`` may embed its texts once, before training; any other must call ``forward`` at every step.

    Args:
        config: which encoder; default the packaged MiniLM.
        cache: where ``encode`` looks first and stores what it computes; not used in training mode, unless the encoder
            is frozen.

    Raises:
        ConfigError, DataError: the model is not here, lacks a pooler that was asked for, or is shorter than max_tokens;
            each says what to do.
    """

    def __init__(self, config: TextEncoderConfig | None = None, *, cache: EmbeddingCache | None = None):
        super().__init__()
        self.config = config or TextEncoderConfig()
        self.files = find_model(self.config.model)
        self.pooling = self._pooling()
        self.tokenizer, self.transformer = _load(self.files, self.pooling)
        self.max_tokens = self._max_tokens()
        self.dim: int = self.transformer.config.hidden_size
        self.cache = cache
        self._choose_trainable()
        self._replaced_weights = False
        self.register_load_state_dict_post_hook(_note_replaced_weights)
        self.eval()

    # What it is

    @property
    def frozen(self) -> bool:
        """Whether no weight trains."""
        return self.config.trainable_layers == 0

    @property
    def dropout(self) -> bool:
        """Whether dropout is active in training mode."""
        return not self.frozen if self.config.text_dropout is None else self.config.text_dropout == "on"

    @property
    def constant(self) -> bool:
        """Whether a text's features are the same at every step, so that ``encode`` before training is enough."""
        return self.frozen and not self.dropout

    @property
    def digest(self) -> str:
        """What the embeddings depend on besides the text: sha256 over weights, pooling and max_tokens."""
        weights = _digest_of_state(self.transformer) if self._replaced_weights or not self.frozen else self.files.digest
        return hashlib.sha256(f"{weights} {self.pooling} {self.max_tokens}".encode()).hexdigest()

    def train(self, mode: bool = True) -> TextEncoder:
        """Training mode; the transformer follows only if its dropout is wanted."""
        super().train(mode)
        self.transformer.train(mode and self.dropout)
        return self

    # From text to vectors

    def tokenise(self, texts: Sequence[str]) -> Tokens:
        """Tokens of ``texts``, cut to ``max_tokens`` and padded to the longest; on the encoder's device."""
        batch = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt", verbose=False
        )
        return Tokens(batch["input_ids"], batch["attention_mask"]).to(self.transformer.device)

    def token_states(self, tokens: Tokens) -> Float[Tensor, "text token dim"]:
        """Last-layer states of every token, padding included: for methods that attend to words."""
        return self.transformer(input_ids=tokens.ids, attention_mask=tokens.mask).last_hidden_state

    def word_embeddings(self, ids: Int[Tensor, "text token"]) -> Float[Tensor, "text token dim"]:
        """Input embeddings of word pieces, before positions and layers: what a token is, whatever stands around it."""
        return self.transformer.get_input_embeddings()(ids)

    def forward(self, tokens: Tokens) -> Float[Tensor, "text dim"]:
        """One vector per text, with the gradient of the layers that train; not normalised."""
        return self.pool(self.token_states(tokens), tokens)

    def pool(self, states: Float[Tensor, "text token dim"], tokens: Tokens) -> Float[Tensor, "text dim"]:
        """One vector per text, from the last-layer states of its tokens."""
        if self.pooling == "pooler":
            return self.transformer.pooler(states)  # type: ignore[operator]
        if self.pooling == "cls":
            return states[:, 0]
        mask = tokens.mask.unsqueeze(-1).to(states.dtype)
        return (states * mask).sum(1) / mask.sum(1)

    def encode(self, texts: Sequence[str]) -> Float[Tensor, "text dim"]:
        """Embeddings of ``texts``, float32 on the CPU, in evaluation mode whatever the encoder's mode.

        Each distinct string is embedded once. The texts of a batch have the same number of tokens, so that nothing is
        padded: a text's embedding depends on the other texts by no more than the rounding of a matrix product with
        more rows (about 1e-7 of its norm; on most processors not at all). A warm cache gives what was first stored.

        Raises:
            DataError: an empty text, naming its index. A warning counts the distinct texts cut at ``max_tokens``.
        """
        for index, text in enumerate(texts):
            if not text.strip():
                raise DataError(
                    f"text {index} of {len(texts)} is empty; expected words. Leave the record out, or give it a report."
                )
        if not len(texts):
            return torch.zeros(0, self.dim)
        distinct = list(dict.fromkeys(texts))
        digest = self.digest if self.cache is not None and (self.frozen or not self.training) else None
        embeddings = self.cache.load(digest, distinct) if self.cache is not None and digest else {}
        missing = [text for text in distinct if text not in embeddings]
        by_length = self._sorted_by_length(missing)
        for start in range(0, len(by_length), _SHARD):
            computed = self._embed(by_length[start : start + _SHARD])
            if self.cache is not None and digest:
                self.cache.store(digest, computed)
            embeddings.update(computed)
        return torch.from_numpy(np.stack([embeddings[text] for text in texts]))

    def _sorted_by_length(self, texts: Sequence[str]) -> list[tuple[int, str]]:
        """Pairs of (length in tokens, text), sorted; warns about texts that are cut."""
        if not texts:
            return []
        lengths = (min(length, self.max_tokens) for length in self.warn_of_cuts(texts))
        return sorted(zip(lengths, texts, strict=True))

    def warn_of_cuts(self, texts: Sequence[str]) -> list[int]:
        """The length of every text in tokens; one warning counts those that are cut at ``max_tokens``."""
        lengths = [len(ids) for ids in self.tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]]
        cut = [length for length in lengths if length > self.max_tokens]
        if cut:
            warnings.warn(
                f"{len(cut)} of {len(texts)} distinct texts are longer than {self.max_tokens} tokens (up to {max(cut)})"
                f" and were cut there; raise text.max_tokens, up to what the model takes, to keep them whole.",
                stacklevel=4,
            )
        return lengths

    def _embed(self, by_length: Sequence[tuple[int, str]]) -> dict[str, Float[np.ndarray, " dim"]]:
        buckets: dict[int, list[str]] = {}
        for length, text in by_length:
            buckets.setdefault(length, []).append(text)
        was_training = self.training
        self.eval()
        vectors: dict[str, np.ndarray] = {}
        try:
            with torch.no_grad():
                for bucket in buckets.values():
                    for start in range(0, len(bucket), _ROWS):
                        rows = bucket[start : start + _ROWS]
                        vectors.update(zip(rows, self(self.tokenise(rows)).float().cpu().numpy(), strict=True))
        finally:
            self.train(was_training)
        for text, vector in vectors.items():
            if not np.isfinite(vector).all():
                raise DataError(f"text.model {self.config.model!r} gives a non-finite embedding for {text[:80]!r}.")
        return vectors

    # Choices made once

    def _pooling(self) -> Pooling:
        if self.config.pooling is not None:
            return self.config.pooling
        assert self.files.known is not None  # TextEncoderConfig refuses other models without a pooling
        return self.files.known.pooling

    def _max_tokens(self) -> int:
        known = self.files.known
        limit = getattr(self.transformer.config, "max_position_embeddings", None) or 512
        if self.config.max_tokens is None:
            return min(known.max_tokens if known else 256, limit)
        if self.config.max_tokens > limit:
            raise ConfigError(
                f"text.max_tokens: {self.config.max_tokens} asked; {self.config.model!r} takes at most {limit} tokens."
            )
        return self.config.max_tokens

    def _choose_trainable(self) -> None:
        wanted = self.config.trainable_layers
        self.transformer.requires_grad_(wanted == "all")
        if wanted == "all" or wanted == 0:
            return
        layers = getattr(getattr(self.transformer, "encoder", None), "layer", None)
        if layers is None:
            raise ConfigError(
                f"text.trainable_layers: the layers of {type(self.transformer).__name__} cannot be distinguished; "
                f"use 0 or 'all'."
            )
        if wanted > len(layers):
            raise ConfigError(f"text.trainable_layers: {wanted} asked; {self.config.model!r} has {len(layers)} layers.")
        for layer in layers[len(layers) - wanted :]:
            layer.requires_grad_(True)
        if self.pooling == "pooler":
            self.transformer.pooler.requires_grad_(True)


def _load(files: ModelFiles, pooling: Pooling) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Tokenizer and weights from local files only, running none of the repository's own code."""
    refuse_code_and_other_folders(files.folder)
    declare_missing_operators()
    import transformers
    from transformers.utils import logging

    bars = logging.is_progress_bar_enabled()
    level = logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()  # its report of missing weights is replaced by ours below
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            files.folder, local_files_only=True, trust_remote_code=False
        )
        model, report = transformers.AutoModel.from_pretrained(
            files.folder,
            local_files_only=True,
            trust_remote_code=False,
            weights_only=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise DataError(f"text.model {files.name!r}: cannot be loaded from {files.folder}: {error}") from error
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
    missing = set(report["missing_keys"]) | {str(key) for key in report.get("mismatched_keys", ())}
    without_pooler = {key for key in missing if not key.startswith("pooler.")}
    if without_pooler:
        raise DataError(
            f"text.model {files.name!r}: {files.weights[0].name} lacks {len(without_pooler)} weights of a "
            f"{type(model).__name__}, such as {min(without_pooler)}; expected a complete checkpoint."
        )
    if pooling == "pooler" and (missing or getattr(model, "pooler", None) is None):
        raise ConfigError(
            f"text.pooling=pooler: {files.weights[0]} has no pooler weights, they would be random. "
            f"Use --set text.pooling=cls (or mean), or a checkpoint that has them."
        )
    if pooling != "pooler" and getattr(model, "pooler", None) is not None:
        model.pooler = None  # unused: neither trained, stored nor random in a checkpoint
    return tokenizer, model


def _digest_of_state(module: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _note_replaced_weights(module: TextEncoder, _: Any) -> None:
    module._replaced_weights = True


def text_encoder(
    config: TextEncoderConfig | None = None, cache_directory: str | os.PathLike | None = None
) -> TextEncoder:
    """A TextEncoder that caches under ``cache_directory``, if one is given."""
    return TextEncoder(config, cache=EmbeddingCache(cache_directory) if cache_directory is not None else None)
