"""The text side of an ECG-text method: embeddings of a corpus's reports at every step, and prompts at zero-shot."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.method import Corpus
from methods.text.embedding_cache import EmbeddingCache
from methods.text.encoder import TextEncoder, TextEncoderConfig, text_encoder
from methods.text.models import find_model, width
from methods.text.statements import statements_of


class TextTower(nn.Module):
    """A text encoder, frozen or trained, behind one interface.

    While the encoder is frozen its weights belong to the model hub and not to the checkpoint (the state dict leaves
    them out; the digest is kept in the notes), and each distinct report of the corpus is embedded once, before the first
    step. A trained encoder is a submodule like any other and reads the batch's texts at every step.

    Args:
        config: which encoder and how it pools.
    """

    def __init__(self, config: TextEncoderConfig):
        super().__init__()
        self.config = config
        self._cache: EmbeddingCache | None = None
        dim = width(find_model(config.model)) if config.trainable_layers == 0 else None
        # In a tuple torch does not see it: a frozen encoder is neither saved nor moved nor switched to training.
        self._hidden: tuple[TextEncoder, ...] = () if dim else (text_encoder(config),)
        self.trained = None if config.trainable_layers == 0 else self.encoder
        self.dim: int = dim or self.encoder.dim
        self._table: Tensor | None = None
        self._row: Tensor | None = None
        self._prompts: dict[str, Tensor] = {}
        self.statements: tuple[str, ...] = ()

    def __deepcopy__(self, memo: dict[int, Any]) -> TextTower:
        """A copy shares the encoder while it is frozen: no step changes it, and it is large."""
        if self.trained is None:
            memo |= {id(loaded): loaded for loaded in self._hidden}
        memo[id(self)] = copied = type(self).__new__(type(self))
        copied.__setstate__(copy.deepcopy(self.__dict__, memo))
        return copied

    @property
    def encoder(self) -> TextEncoder:
        if not self._hidden:
            with torch.random.fork_rng(devices=()):  # when it is loaded changes nothing that is drawn
                self._hidden = (text_encoder(self.config),)
            self._hidden[0].cache = self._cache
        return self._hidden[0]

    def prepare(self, corpus: Corpus) -> None:
        """Embed the distinct reports of the corpus, from the cache where they are there."""
        if not self.encoder.constant:  # read at every step, where nobody would see the message
            if written := list(dict.fromkeys(text for text in corpus.text or () if text.strip())):
                self.encoder.warn_of_cuts(written)
            return
        self.use_cache(corpus.cache)
        texts = list(corpus.text or ())
        used = [text if text.strip() else "empty" for text in texts]  # rows without a report are never trained on
        distinct, row = np.unique(np.asarray(used, dtype=object).astype(str), return_inverse=True)
        self.encoder.to(corpus.device)
        self._table = self.encoder.encode([str(text) for text in distinct]).to(corpus.device)
        self._row = torch.from_numpy(row.astype(np.int64))

    def reports(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        """Features of the batch's reports; with gradient if the encoder trains."""
        if self._table is not None and self._row is not None:
            return self._table[self._row[batch.index.cpu()].to(self._table.device)]
        assert batch.text is not None
        if self.trained is None:
            with torch.no_grad():  # frozen weights under active dropout (MERL as released)
                self.encoder.train(self.training)
                return self.encoder.to(batch.ecg.device)(self.encoder.tokenise(batch.text))
        return self.trained(self.trained.tokenise(batch.text))

    def prompts(self, texts: Sequence[str], device: torch.device) -> Float[Tensor, "text dim"]:
        """Features of prompts or entity names, without gradient; each is embedded once while the encoder is frozen."""
        new = [text for text in texts if text not in self._prompts]
        if new:
            self.encoder.to(device)
            self._prompts.update(zip(new, self.encoder.encode(new), strict=True))
        features = torch.stack([self._prompts[text] for text in texts]).to(device)
        if self.trained is not None and self.training:
            self._prompts.clear()
        return features

    def read(self, corpus: Corpus) -> None:
        """Keep the distinct statements of the training reports, in lower case: what was seen in pretraining."""
        trained = (text for text, used in zip(corpus.text or (), corpus.train, strict=False) if used)
        statements = (statement.lower() for text in dict.fromkeys(trained) for statement in statements_of(text))
        self.statements = tuple(dict.fromkeys(statements))

    def nearest(self, names: Sequence[str], concepts: Sequence[str]) -> list[tuple[str, float]]:
        """For each name the nearest of ``concepts`` under this encoder, and the cosine similarity; case does not count."""
        if not concepts:
            return []
        wanted, known = (torch.nn.functional.normalize(self._encoded(texts), dim=1) for texts in (names, concepts))
        similarity, index = (wanted @ known.T).max(dim=1)
        return [(concepts[i], round(s, 4)) for i, s in zip(index.tolist(), similarity.tolist(), strict=True)]

    def _encoded(self, texts: Sequence[str]) -> Float[Tensor, "text dim"]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an uncommonly long statement is cut: no news here
            return self.encoder.encode([text.lower() for text in texts])

    def notes(self) -> dict[str, str]:
        """What identifies the encoder."""
        return {"model": self.config.model, "digest": self.encoder.digest}

    def use_cache(self, folder: Path | None) -> None:
        """Keep embeddings of texts in a folder, and look there first."""
        if folder is not None:
            self._cache = EmbeddingCache(folder / "text")
            for loaded in self._hidden:
                loaded.cache = self._cache
