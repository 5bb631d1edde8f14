"""Settings of pretraining that every method shares; a method's Config overrides the defaults with those of its paper."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PretrainConfig(BaseModel):
    """Optimisation of a pretraining run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(
        50,
        ge=0,
        description="passes over the corpus; 0 keeps the initial weights, as a baseline for the effect of pretraining",
    )
    batch_size: int = Field(256, ge=1, description="recordings in one optimiser step, over all devices")
    micro_batch: int | None = Field(
        None,
        ge=1,
        description="recordings that one device encodes at a time, for batches that do not fit its memory. The "
        "gradient is that of the whole batch; each part is encoded twice if the loss couples records; BatchNorm sees "
        "only the part. None: all at once",
    )
    min_steps_per_epoch: int = Field(
        16,
        ge=1,
        description="least number of steps per epoch: on a corpus too small for the published batch, the batch becomes "
        "the largest power of two that allows them. Papers state no rule; a batch as large as the corpus would leave "
        "one update per epoch",
    )
    lr: float = Field(1e-3, gt=0, description="peak learning rate of AdamW")
    weight_decay: float = Field(
        1e-5, ge=0, description="AdamW weight decay; biases and one-dimensional weights included"
    )
    decayed: Literal["all", "matrices"] = Field(
        "all",
        description="matrices: no weight decay on biases and other one-dimensional weights, as in MAE and methods "
        "based on it",
    )
    optimiser: Literal["adamw", "adam"] = Field(
        "adamw", description="adam: weight decay as an L2 penalty, as in the released code of MMCL"
    )
    betas: tuple[float, float] = Field((0.9, 0.999), description="AdamW moment decay")
    warmup_epochs: float = Field(0.0, ge=0, description="epochs of linear warm-up before the cosine")
    schedule: Literal["cosine", "constant", "thirds", "cosine-restarts"] = Field(
        "cosine",
        description="rate after warm-up, per step: half a cosine to zero, constant, a tenth after each third, or a half "
        "cosine to min_lr that begins again every restart_steps",
    )
    restart_steps: int = Field(
        5000, ge=1, description="optimiser steps from one restart of cosine-restarts to the next; MERL's released code"
    )
    min_lr: float = Field(
        1e-8, ge=0, description="lowest rate of cosine-restarts, the only schedule with one; MERL's released code"
    )
    clip_norm: float | None = Field(None, description="clip the global gradient norm to this; None: no clipping")
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = Field(
        "auto", description="auto is bf16-mixed on a GPU that has it and 32-true elsewhere"
    )
    threads: int = Field(
        2,
        ge=1,
        le=1024,
        description="threads of a process that pretrains. Another number makes weights that differ as with another seed. "
        "The number is fixed, so that --jobs and the number of cores change nothing. Without a GPU, more are faster",
    )
    text_source: str | None = Field(
        None, description="the text of the corpus to learn from (bench data status lists the texts); default: its first"
    )
    partition: str | None = Field(
        None,
        description="rule that divides the corpus into training and validation, if it has several (an error lists "
        "them); default: its first",
    )
    seed: int = Field(
        0, ge=0, description="seed of the initial weights, the order of the recordings and all random draws"
    )

    def batch_for(self, n_records: int) -> int:
        """The batch actually used on a corpus of ``n_records``."""
        largest = max(2, n_records // self.min_steps_per_epoch)
        return min(self.batch_size, 1 << (largest.bit_length() - 1))
