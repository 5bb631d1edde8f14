"""A frozen encoder as a scikit-learn transformer: one vector per recording."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from bench import registry
from bench.data.batches import BatchSource
from bench.errors import ConfigError, DataError
from bench.method import Method, MethodConfig
from bench.reading.method_files import typed
from bench.runner.features import encode_all
from bench.runner.overrides import check_overrides, method_config, parse_overrides
from bench.signals.in_memory import ArrayStore, in_leads_order
from bench.signals.leads import LEADS, canonical_lead
from bench.signals.windows import SignalView
from bench.storage.workspace import Workspace
from bench.training.checkpoint import seeded_method
from bench.training.checkpoint_files import load_weights, read_config, read_provenance
from bench.training.find_checkpoint import find_checkpoint, published_file
from bench.weights.checkpoint import checkpoint_of_file, released_checkpoint

Recordings = Any
"""numpy [record, lead, time]; a sequence of [lead, time] of any lengths; or a DataFrame with one row per record and one
column a lead, whose cells are one-dimensional arrays."""


class FrozenEncoder(TransformerMixin, BaseEstimator):
    """The frozen representation of a method, exactly as ``linear`` sees it: resampled, filtered, cut and scaled as its
    InputSpec says. Nothing is learned by ``fit``; weights are loaded when they are first needed.

    Args:
        method: a registered name.
        fs: Hz of the signals that will be given.
        leads: which leads their rows are, in that order; a DataFrame names its own.
        checkpoint: a folder, the name of one in the workspace, or a published file, which is imported; None takes the
            authors' released weights where they are known, else the only checkpoint of this method there is.
        settings: config fields (``{"depth": 4, "encoder.path": "model.pt2"}``) of a method that is not pretrained or of a
            published file; a checkpoint folder brings its own.
        profile: ``paper``, ``small`` or ``smoke``, likewise.
        seed: of initial weights, where there is no checkpoint.
        batch_size: recordings at once; changes speed alone.
        workspace: folder; as for the command line if None.
    """

    def __init__(
        self,
        method: str,
        *,
        fs: float = 500,
        leads: Sequence[str] = LEADS,
        checkpoint: str | Path | None = None,
        settings: Mapping[str, Any] | None = None,
        profile: str = "paper",
        seed: int = 0,
        batch_size: int = 64,
        workspace: str | Path | None = None,
    ):
        self.method = method
        self.fs = fs
        self.leads = leads
        self.checkpoint = checkpoint
        self.settings = settings
        self.profile = profile
        self.seed = seed
        self.batch_size = batch_size
        self.workspace = workspace

    def fit(self, X: Recordings, y: Any = None) -> FrozenEncoder:
        """Check the recordings and load the weights; nothing is learned from either argument."""
        signals, _, _ = self._arranged(X)
        del signals
        self._load()
        return self

    def transform(self, X: Recordings) -> Any:
        """The representation, float32 [record, dim]; a DataFrame with the same index for a DataFrame.

        Raises:
            DataError: recordings of another shape or unit; the message names the record.
        """
        signals, leads, index = self._arranged(X)
        model = self._load()
        source = BatchSource(SignalView(ArrayStore(signals, self.fs), model.input, leads=leads))
        vectors = encode_all(model, source, len(signals), self.batch_size)
        self._dim = vectors.shape[1]
        return vectors if index is None else pd.DataFrame(vectors, index=index, columns=self.get_feature_names_out())

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """``METHOD_0``, ``METHOD_1``, ...: one name a dimension of the representation."""
        if getattr(self, "_dim", None) is None:
            model = self._load()
            silent = ArrayStore([np.zeros((len(LEADS), model.input.length), np.float32)], model.input.fs)
            self._dim = encode_all(model, BatchSource(SignalView(silent, model.input)), 1).shape[1]
        return np.array([f"{self.method}_{i}" for i in range(self._dim)], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k != "_loaded"}  # weights are loaded again elsewhere

    def _arranged(self, X: Recordings) -> tuple[list[np.ndarray], tuple[str, ...], Any]:
        if isinstance(X, pd.DataFrame):
            leads = [canonical_lead(str(column)) for column in X.columns]
            rows = [[np.asarray(cell) for cell in row] for row in X.itertuples(index=False, name=None)]
            for name, row in zip(X.index, rows, strict=True):
                if {cell.ndim for cell in row} != {1} or len({len(cell) for cell in row}) != 1:
                    raise DataError(f"record {name}: leads must be one-dimensional and of one length.")
            recordings: Sequence[np.ndarray] = [np.stack(row) for row in rows]
            index = X.index
        else:
            recordings, leads, index = X, list(self.leads), None
            if isinstance(X, np.ndarray) and X.ndim != 3 and X.dtype != object:
                raise DataError(f"signals have shape {list(X.shape)}; expected [record, lead, time] (X[None] for one).")
        if not len(recordings):
            raise DataError("no recordings were given.")
        return (*in_leads_order(recordings, leads), index)

    def _load(self) -> Method:
        """The method with its weights, loaded once."""
        if getattr(self, "_loaded", None) is None:
            cls = registry.load(registry.METHODS, self.method)
            if not cls.implements("encode"):
                raise ConfigError(f"{self.method} has no encoder (it offers {', '.join(cls.modes())}).")
            self._loaded: Method = self._pretrained(cls) if cls.starts_from_checkpoint() else self._unpretrained(cls)
        return self._loaded

    def _unpretrained(self, cls: type[Method]) -> Method:
        return seeded_method(cls, self._config(cls, self.profile), self.seed)

    def _config(self, cls: type[Method], profile: str) -> MethodConfig:
        """The method's config with the user's settings."""
        texts = [
            f"{self.method}.{k.removeprefix(f'{self.method}.')}={json.dumps(v)}"
            for k, v in (self.settings or {}).items()
        ]
        overrides = parse_overrides(texts, [self.method])
        check_overrides(overrides, [cls])
        return method_config(cls, profile, overrides)

    def _pretrained(self, cls: type[Method]) -> Method:
        option = f"checkpoint = {self.checkpoint}"
        if self.checkpoint is not None and (file := published_file(self.checkpoint, option)) is not None:
            workspace = Workspace.at(self.workspace)
            workspace.ensure_writable()
            folder = checkpoint_of_file(cls, self._config(cls, "paper"), workspace.checkpoints, file)
        elif self.checkpoint is None and cls.published_weights:
            workspace = Workspace.at(self.workspace)
            workspace.ensure_writable()
            folder = released_checkpoint(cls, self._config(cls, self.profile), workspace)
        elif self.settings:
            raise ConfigError(f"{self.method} is pretrained: its config is that of its checkpoint; leave settings out.")
        else:
            folder = self._checkpoint_folder()
        config = read_config(cls, folder)
        if config.input_fields and self.settings:  # one checkpoint serves all their values
            config = config.model_copy(update=self._config(cls, "paper").model_dump(include=set(config.input_fields)))
        method = seeded_method(cls, config, self.seed)
        load_weights(method, folder)
        return method

    def _checkpoint_folder(self) -> Path:
        checkpoints = Workspace.at(self.workspace).checkpoints
        if self.checkpoint is not None:
            return find_checkpoint(self.checkpoint, checkpoints, f"checkpoint = {self.checkpoint}", or_file=True)
        folders = (
            [file.parent for file in sorted(checkpoints.glob(f"{self.method}-*/provenance.json"))]
            if checkpoints.is_dir()
            else []
        )
        own = [folder for folder in folders if read_provenance(folder)["method"] == self.method]
        if not own:
            raise ConfigError(
                f"{checkpoints} holds no checkpoint of {self.method}. Make one: bench pretrain {typed(self.method)} "
                f"--corpus NAME, or bench checkpoints import; then name it with checkpoint=..."
            )
        if len(own) > 1:
            listed = ", ".join(f"{f.name} ({read_provenance(f)['corpus'].get('dataset', 'imported')})" for f in own)
            raise ConfigError(
                f"there are {len(own)} checkpoints of {self.method}: {listed}. Name one with checkpoint=..."
            )
        return own[0]
