"""An encoder trained elsewhere, without writing a class: a file, a model of the hub, or a function."""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import Any, Literal

from jaxtyping import Float
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.errors import ConfigError
from bench.method import Method, MethodConfig
from bench.signals.input_spec import InputSpec, Normalisation
from bench.signals.leads import LEADS, canonical_lead
from methods.external_encoders import kind_of, open_encoder, weights_digest
from methods.external_encoders.representation import Pool, chosen_output, pooled

Layout = Literal["lead-time", "time-lead", "flat", "image"]


class Encoder(Method):
    """Your own pretrained encoder: `--set path=` a .pt2 or .onnx file, hf:organisation/name, or module:function.

    Source: the author of the encoder. The input is what the author states; no guesses. The digest of its weights is part of
    every result's key.
    """

    name = "encoder"
    foreign_network = True
    family = "own"
    only_modes = ("linear", "knn", "finetune")

    class Config(MethodConfig):
        name: str | None = Field(
            None,
            max_length=40,
            description="name in tables and on boards; default: that of the file and six digits of its digest",
        )
        path: str | None = Field(
            None,
            description="model.pt2 (torch.export), model.onnx, hf:organisation/name[@revision] or a folder with config.json "
            "(transformers), or module:function that returns a torch module (needs trust)",
        )
        fs: int = Field(500, ge=50, description="Hz the encoder was trained at; default: PTB-XL's best rate")
        seconds: float = Field(10.0, gt=0, description="length it was trained on; default: a standard recording")
        lead_order: tuple[str, ...] = Field(LEADS, description="its leads, in its order; default: the project's twelve")
        normalise: Normalisation = Field("none", description="scaling it expects; none leaves mV")
        scale: float = Field(1.0, description="factor after scaling: 1000 turns mV into microvolts")
        filters: tuple[str, ...] = Field((), description="bench.signals.filters applied first, as bandpass:0.67:40/5")
        layout: Layout = Field(
            "lead-time",
            description="axes after the recording's: lead-time, time-lead, flat (leads one after the other), image (1, lead, "
            "time)",
        )
        output: str | None = Field(None, description="name, or number, of the output that is the representation")
        pool: Pool = Field("mean", description="how an output with a time axis becomes one vector")
        channels: Literal["last", "first"] = Field(
            "last", description="where such an output has its channels: last [record, time, dim] or first"
        )
        trust: bool = Field(
            False, description="run Python code that the encoder needs: factories, pickles, remote code"
        )
        trained_on: tuple[str, ...] = Field(
            ("unknown",),
            description="pretraining corpus, for the contamination stamp: datasets, or collections that they overlap "
            "with (ptbxl,cinc2021); other:NAME for a collection that shares no recordings with them",
        )
        sha256: str | None = Field(
            None, description="SHA-256 of the weights; filled in. If given, another file is refused"
        )

        @field_validator("lead_order", "filters", "trained_on", mode="before")
        @classmethod
        def _split(cls, value: Any) -> Any:
            return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

        @field_validator("scale")
        @classmethod
        def _not_zero(cls, scale: float) -> float:
            if scale == 0:
                raise ValueError("0 would make all recordings equal; expected another number")
            return scale

        @field_validator("name")
        @classmethod
        def _plain(cls, name: str | None) -> str | None:
            if name is not None and not re.fullmatch(r"\w[\w .+-]*", name):
                raise ValueError("expected letters, digits, spaces and . + - _, beginning with a letter or digit")
            return name

        @field_validator("lead_order")
        @classmethod
        def _known(cls, leads: tuple[str, ...]) -> tuple[str, ...]:
            order = tuple(map(canonical_lead, leads))
            if len(set(order)) != len(order) or not order:
                raise ValueError("each lead once, and at least one")
            return order

        @model_validator(mode="after")
        def _identify(self) -> Encoder.Config:
            if self.path is None:
                return self
            actual = weights_digest(self.path, self.trust)
            if self.sha256 not in (None, actual):
                raise ConfigError(
                    f"path = {self.path}: its weights have the digest {actual}, not {self.sha256}. The file is another "
                    "encoder or was changed; leave sha256 out to accept it."
                )
            object.__setattr__(self, "sha256", actual)  # the model is frozen once it is made
            if self.name is None:
                object.__setattr__(self, "name", f"{_stem(self.path)[:33]}-{actual[:6]}")
            return self

    @classmethod
    def example_config(cls, folder: Path) -> dict[str, Any]:
        return {"path": f"{__name__}:small_example", "trust": True, "fs": 100, "channels": "first"}

    @classmethod
    def input_for(cls, config: Any) -> InputSpec:
        if config.path is None:
            raise ConfigError(
                "method encoder needs --set path=: model.pt2, model.onnx, hf:organisation/name, or module:function; with "
                "--set fs=, seconds=, lead_order= as it was trained."
            )
        return InputSpec(config.fs, config.seconds, config.normalise, filters=config.filters)

    @classmethod
    def declared_corpora(cls, config: Config) -> tuple[str, ...]:
        return config.trained_on

    def build(self, config: Config) -> None:
        assert config.path is not None  # input_for was asked first
        self.model = open_encoder(config.path, config.trust)
        self._rows = [LEADS.index(lead) for lead in config.lead_order]

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        config = self.config
        signals = batch.ecg[:, self._rows] * config.scale
        if config.layout == "time-lead":
            signals = signals.transpose(1, 2).contiguous()
        elif config.layout == "flat":
            signals = signals.flatten(1)
        elif config.layout == "image":
            signals = signals[:, None]
        answer = chosen_output(self._run(signals), config.output)
        return pooled(answer, len(batch), config.pool, config.channels).float()

    def _run(self, signals: Tensor) -> Any:
        try:
            return self.model(signals)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ConfigError(
                f"{self.config.path} does not take signals of shape {list(signals.shape)}: {reason} Check fs, seconds, "
                f"lead_order and layout (lead-time, time-lead, flat, image)."
            ) from error

    def head(self, dim: int, n_outputs: int) -> nn.Module:
        if not getattr(self.model, "trainable", True):
            raise ConfigError(
                f"{self.config.path} is frozen as it was exported ({kind_of(self.config.path)}): use --mode linear. "
                f"Transformers models and module:function can be fine-tuned."
            )
        return super().head(dim, n_outputs)

    def checkpoint_metadata(self) -> dict[str, Any]:
        return {"path": self.config.path, "sha256": self.config.sha256}


def _stem(path: str) -> str:
    """The last part of a path, hub name or ``module:function``, without suffix or revision."""
    last = PurePath(path.rpartition(":")[2])
    name = last.stem if last.suffix in (".pt2", ".onnx") else last.name.partition("@")[0]
    return re.sub(r"[^\w.+-]", "-", name).lstrip(".+-") or "encoder"


def small_example() -> nn.Module:
    """A factory to try the method with: one convolution with fixed weights."""
    import torch

    net = nn.Conv1d(len(LEADS), 8, 15, stride=8)
    with torch.no_grad():
        for index, parameter in enumerate(net.parameters()):
            parameter.copy_(torch.sin(torch.arange(parameter.numel()) * (0.37 + index)).view_as(parameter) / 10)
    return net
