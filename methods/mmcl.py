"""MMCL: masked ECG modelling first, then contrast of ECGs with heart images of the same person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from bench.batch import ECGBatch
from bench.method.attributions import Attributions, Score
from bench.method.pretrain_config import PretrainConfig
from bench.signals.input_spec import InputSpec
from methods.image_augment import augmented_heart, augmented_image, heart, softly_augmented
from methods.losses.contrastive import nt_xent, weighted_clip
from methods.mae import MAE
from methods.nets.image_encoders import ImageEncoderName, image_encoder
from methods.nets.projectors import mlp


class MMCL(MAE):
    """Three stages of pretraining: SimCLR on images, the masked autoencoder on ECGs, contrast between the two.

    Source: Turgut et al., "Unlocking the diagnostic potential of electrocardiograms through information transfer from
    cardiac magnetic resonance imaging", Medical Image Analysis 2025, and its released code. ``mdm`` and ``contrast`` leave
    stages out (Tables III and V), ``downstream: image`` asks the image encoder (Table VII). Deviations: images are cropped
    to the fixed square of the released code, not by hand; rates rise and fall by step, not by epoch; each stage keeps its
    last epoch, not the one with the best validation loss. See :class:`methods.mae.MAE` for the ECG's side.
    """

    name = "mmcl"
    family = "multimodal"
    loss_couples_records = True
    smoke: ClassVar = {
        **{field: value for field, value in MAE.smoke.items() if not field.startswith("pretrain.")},
        "patch": 50,
        "image_encoder": "small",
        "image_size": 64,
        "projector_width": 128,
        "projector_norm": True,
        "augment_images": "none",
        "image_pretrain.epochs": 3,
        "image_pretrain.warmup_epochs": 0,
        "image_pretrain.batch_size": 64,
        "mdm_pretrain.epochs": 10,
        "mdm_pretrain.warmup_epochs": 1,
        "mdm_pretrain.batch_size": 64,
        "mdm_pretrain.lr": 1e-3,
        "pretrain.epochs": 25,
        "pretrain.warmup_epochs": 1,
        "pretrain.batch_size": 32,
        "pretrain.lr": 2e-3,
    }
    # Without BatchNorm, and with the paper's image augmentations, a thousand pairs leave the contrast at the log of the
    # batch: from random weights all vectors point one way, and in a few hundred steps it does not find a way out.

    class Config(MAE.Config):
        after_training = MAE.Config.after_training | {"downstream"}

        mdm: bool = Field(True, description="the stage of the masked autoencoder; Tables III, V and VI leave it out")
        contrast: bool = Field(True, description="the stages with images; without them this is mae; Tables III and V")
        image_encoder: ImageEncoderName = Field(
            "resnet50", description="MMCL IV-C.1; Table IV also has vit_base_patch16; small is for smoke"
        )
        image_size: int = Field(210, ge=32, description="pixels; MMCL IV-A")
        image_pretraining: Literal["simclr", "none"] = Field(
            "simclr", description="the stage that pretrains the image encoder; MMCL IV-C.1"
        )
        projector_width: int = Field(
            512, ge=8, description="hidden layer of both projectors; MMCL IV-C.1; its code has 2048"
        )
        projector_norm: bool = Field(
            False,
            description="BatchNorm in the projectors, as in newer versions of lightly, but not in the version that "
            "MMCL's code uses. Small corpora need it: from random weights all vectors of a batch have nearly the same "
            "direction (cosine 0.999 in the simulated cohort), and the contrast stays at the logarithm of the batch "
            "for hundreds of steps; the smoke profile has it",
        )
        augment_images: Literal["paper", "soft", "none"] = Field(
            "paper",
            description="images in the contrast. paper: IV-C.2; soft: rotation up to 20 degrees, crop from 0.8, jitter "
            "0.25, a preset of the released code; none: the smoke profile, which is too short for augmentation",
        )
        dimensions: int = Field(128, ge=8, description="of the shared space; MMCL IV-C.1")
        temperature: float = Field(
            0.1, gt=0, description="of the contrast; the code's default; IV-C.2 sweeps 0.1, 0.2, 0.3"
        )
        image_weight: float = Field(
            0.5,
            ge=0,
            le=1,
            description="lambda of eq. 6, on the image's term; the code's default; IV-C.2 sweeps 0.25 to 0.75",
        )
        contrast_drop_path: float = Field(
            0.0, ge=0, lt=1, description="of the ECG encoder in contrast; the paper has none, the code 0.1"
        )
        downstream: Literal["ecg", "image"] = Field(
            "ecg", description="encoder that is used downstream; Table VII: the image's"
        )
        image_pretrain: PretrainConfig = Field(
            PretrainConfig(epochs=300, batch_size=256, lr=3e-3, weight_decay=1e-4, warmup_epochs=30, optimiser="adam"),
            description="SimCLR on images, after MMCL's code: Adam, 300 epochs of 256, 10 % warm-up, temperature 0.1",
        )
        mdm_pretrain: PretrainConfig = Field(
            MAE.Config.model_fields["pretrain"].default, description="the masked autoencoder; MMCL IV-C.2"
        )
        pretrain: PretrainConfig = Field(
            PretrainConfig(epochs=300, batch_size=256, lr=1e-4, weight_decay=1e-4, warmup_epochs=30),
            description="the contrast; MMCL IV-C.2: AdamW, 300 epochs of 256, 10 % warm-up; of the rates 3e-5 to 1e-3 that "
            "it sweeps, 1e-4. Its code: Adam (pretrain.optimiser=adam) and 3e-3",
        )

        @model_validator(mode="after")
        def _something_is_left(self) -> MMCL.Config:
            if not (self.mdm or self.contrast):
                raise ValueError("mdm and contrast are both off; nothing is left to pretrain (mode scratch does that)")
            if self.downstream == "image" and not self.contrast:
                raise ValueError("downstream = image needs the stages with images (contrast)")
            return self

    @classmethod
    def input_for(cls, config: Any) -> InputSpec:
        image = ("image",) if config.contrast else ()
        downstream = ("image",) if config.downstream == "image" else ()
        return replace(super().input_for(config), modalities=image, downstream=downstream, image_size=config.image_size)  # type: ignore[arg-type]

    @classmethod
    def stages(cls, config: Any) -> dict[str, PretrainConfig]:
        if config.pretrain.epochs == 0:  # the method untrained
            return {"contrast": config.pretrain}
        stages = {}
        if config.contrast and config.image_pretraining == "simclr":
            stages["image"] = config.image_pretrain
        if config.mdm:
            stages["mdm"] = config.mdm_pretrain
        if config.contrast:
            stages["contrast"] = config.pretrain
        return stages

    def begin_stage(self, name: str) -> None:
        self.stage = name
        if name == "contrast":
            self.net.encoder.set_drop_path(self.config.contrast_drop_path)

    def build(self, config: Any) -> None:
        super().build(config)
        self.stage = "contrast" if config.contrast else "mdm"
        if config.contrast:
            self.image = image_encoder(config.image_encoder)
            width, norm = config.projector_width, config.projector_norm
            self.project_ecg = mlp(config.dim, width, config.dimensions, norm=norm)
            self.project_image = mlp(self.image.dim, width, config.dimensions, norm=norm)
            if config.image_pretraining == "simclr":
                self.project_simclr = mlp(self.image.dim, 2048, config.dimensions, norm=norm)

    def pretraining_loss(self, batch: ECGBatch) -> dict[str, Tensor]:
        if self.stage == "mdm":
            return super().pretraining_loss(batch)
        if self.stage == "image":
            first, second = (self.project_simclr(self.image(self.image_view(batch))) for _ in range(2))
            return {"simclr": nt_xent(first, second, temperature=0.1)}
        ecg = self.view(batch, phase=0.1, noise=0.25) if self.training else batch.ecg
        image, signal = self.project_image(self.image(self.image_view(batch))), self.project_ecg(self.net.encoder(ecg))
        return {"contrast": weighted_clip(image, signal, self.config.temperature, self.config.image_weight)}

    def image_view(self, batch: ECGBatch) -> Float[Tensor, "record phase height width"]:
        """The hearts of the batch, augmented in training; SimCLR, which is nothing without, always has the paper's."""
        assert batch.image is not None, "the harness delivers images to this stage"
        how = "paper" if self.stage == "image" else self.config.augment_images
        if not self.training or how == "none":
            return heart(batch.image)
        return augmented_heart(batch.image) if how == "paper" else softly_augmented(heart(batch.image))

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        """The ECG's vector, or that of the image."""
        if self.config.downstream == "ecg":
            return super().encode(batch)
        assert batch.image is not None, "the harness delivers images downstream"
        return self.image(heart(batch.image))

    def begin_finetuning(self) -> None:
        if self.config.downstream == "ecg":
            super().begin_finetuning()

    def augment_finetuning(self, batch: ECGBatch) -> ECGBatch:
        if self.config.downstream == "ecg":
            return super().augment_finetuning(batch)
        assert batch.image is not None, "the harness delivers images downstream"
        return replace(batch, image=augmented_image(batch.image))

    def attributions(self, batch: ECGBatch, score: Score) -> Attributions:
        """How alike the ECG and each place of the image are, where there is an image."""
        if batch.image is None or not self.config.contrast:
            return Attributions()
        with torch.no_grad():
            return Attributions(similarity=self.similarity(batch), image=heart(batch.image))

    def similarity(self, batch: ECGBatch) -> Float[Tensor, "record row column"]:
        """Cosine of the ECG's projection and that of every place of the image's feature map (III-C)."""
        assert batch.image is not None, "similarity needs an image"
        places = self.image.features(heart(batch.image)).movedim(1, -1)
        signal = self.project_ecg(self.net.encoder(batch.ecg))
        projected = self.project_image(places.flatten(0, 2)).unflatten(0, places.shape[:3])  # BatchNorm takes rows
        return F.cosine_similarity(projected, signal[:, None, None], dim=-1)
