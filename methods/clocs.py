"""CLOCS: contrast of segments or leads of one patient with those of other patients."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from bench.batch import ECGBatch
from bench.method import Corpus
from bench.method.pretrain_config import PretrainConfig
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS, canonical_lead
from methods.augment import unit_range
from methods.losses.contrastive import clocs
from methods.nets.backbones import backbone
from methods.self_supervised import SelfSupervised


class CLOCS(SelfSupervised):
    """Contrast of the halves of a recording (CMSC), of its leads (CMLC) or both (CMSMLC), patient by patient.

    Source: Kiyasseh et al., "CLOCS: Contrastive Learning of Cardiac Signals Across Space, Time, and Patients", ICML
    2021, and its released code. A row of K-MERL Table 1 and ESI Table 2; MMCL's own run of it is ``mmcl-clocs``. For these
    12-lead tables CMSC reads all leads together, as MMCL's code does; CMLC and CMSMLC read one lead at a time and represent a
    recording by all leads' vectors in a row. ``encoder=clocs-cnn`` is the paper's network.
    """

    name = "clocs"
    input = InputSpec(fs=500, seconds=10, normalise="none")
    smoke: ClassVar = {"fs": 100, "width": 32, "pretrain.epochs": 8, "pretrain.batch_size": 64, "pretrain.lr": 1e-3}

    class Config(SelfSupervised.Config):
        contrast: Literal["cmsc", "cmlc", "cmsmlc"] = Field(
            "cmsc", description="what differs between views: time, leads or both; CLOCS 4.1; MMCL's arm is cmsc"
        )
        contrast_leads: tuple[str, ...] = Field(
            ("II", "V2", "aVL", "aVR"),
            min_length=2,
            description="leads of cmlc and cmsmlc; CLOCS 5.1, all twelve in its appendix",
        )
        pairs: Literal["mean", "as_released"] = Field(
            "mean", description="over all pairs of views (CLOCS eq. 3); as_released: its code keeps the last pair only"
        )
        temperature: float = Field(0.1, gt=0, description="CLOCS 5.3, MMCL IV-D.1")
        view_seconds: float = Field(5, gt=0, le=5, description="s; half a recording; CLOCS 5.2")
        views: tuple[()] = Field((), description="not used: CLOCS augments nothing")
        pretrain: PretrainConfig = Field(
            PretrainConfig(
                epochs=400, batch_size=256, lr=1e-4, weight_decay=0.0, schedule="constant", optimiser="adam"
            ),
            description="CLOCS: Adam 1e-4, batch 256, up to 400 epochs; MMCL 3e-4 and 1e-4 on its ViT",
        )

    def build(self, config: Config) -> None:
        self.lead_by_lead = config.contrast != "cmsc"
        self.rows = [LEADS.index(canonical_lead(lead)) for lead in config.contrast_leads]
        read = 1 if self.lead_by_lead else len(LEADS)
        self.encoder = backbone(config.encoder, self.view_length, read, config.width, config.depth)
        self._patients: Any = None

    def prepare_corpus(self, corpus: Corpus) -> None:
        if "patient_id" in corpus.records:
            self._patients = corpus.records["patient_id"].to_numpy()

    def halves(self, batch: ECGBatch) -> Float[Tensor, "batch half lead sample"]:
        """Consecutive windows, their leads scaled to [0, 1], as the released loader does; absent leads stay zero."""
        windows = batch.ecg.unfold(-1, self.view_length, self.view_length).transpose(1, 2)
        return unit_range(windows)

    def pretraining_embeddings(self, batch: ECGBatch) -> dict[str, Tensor]:
        """The views, and which records they are of."""
        halves = self.halves(batch)[:, :2]
        if not self.lead_by_lead:
            views = [self.encoder(half) for half in halves.unbind(1)]
        else:
            if self.config.contrast == "cmlc":
                drawn = torch.randint(2, (len(batch), 1, 1, 1), device=halves.device).expand(-1, -1, *halves.shape[2:])
                halves = halves.gather(1, drawn)
            views = list(self.one_by_one(halves[:, :, self.rows]).flatten(1, 2).unbind(1))
        return {f"view{i}": view for i, view in enumerate(views)} | {"index": batch.index}

    def loss_of_embeddings(self, embeddings: dict[str, Tensor]) -> dict[str, Tensor]:
        index = embeddings["index"].tolist()
        patients = index if self._patients is None else self._patients[index].tolist()
        views = [embeddings[f"view{i}"] for i in range(len(embeddings) - 1)]
        return {"clocs": clocs(views, patients, self.config.temperature, self.config.pairs)}

    def one_by_one(self, halves: Float[Tensor, "batch half lead sample"]) -> Float[Tensor, "batch half lead dim"]:
        """Every lead of every half through the encoder by itself."""
        return self.encoder(halves.reshape(-1, 1, halves.shape[-1])).unflatten(0, halves.shape[:3])

    def encode(self, batch: ECGBatch) -> Float[Tensor, "batch dim"]:
        """The mean over halves; lead by lead, the twelve vectors in a row."""
        halves = self.halves(batch)
        if self.lead_by_lead:
            return self.one_by_one(halves).mean(1).flatten(1)
        return self.encoder(halves.flatten(0, 1)).unflatten(0, halves.shape[:2]).mean(1)
