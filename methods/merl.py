"""MERL: contrast of an ECG with its report, and of two dropout views of the same ECG."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from jaxtyping import Float
from pydantic import BaseModel, Field, model_validator
from torch import Tensor

from bench.batch import ECGBatch
from bench.method.pretrain_config import PretrainConfig
from bench.method.published_names import PublishedNames, within
from bench.signals.leads import MIMIC_ORDER
from methods.losses.contrastive import merl_losses
from methods.nets.backbones import backbone
from methods.nets.checkpoint_names import MERL_RESNET, MERL_RESNET_ENCODER, MERL_VIT, MERL_VIT_ENCODER
from methods.nets.merl_heads import MERLNet
from methods.report_contrast import ReportContrast
from methods.text.encoder import TextEncoderConfig
from methods.text.prompts import PromptConfig
from methods.text.tower import TextTower

PAPER: dict[str, Any] = {"epochs": 50, "batch_size": 4096, "lr": 2e-4, "weight_decay": 1e-5, "schedule": "cosine"}
RELEASED: dict[str, Any] = {
    "epochs": 21,
    "batch_size": 1024,
    "lr": 1e-3,
    "weight_decay": 1e-8,
    "schedule": "cosine-restarts",
}
"""The released loop runs one epoch more than the 20 that its file names, and restarts its cosine every 5,000 steps."""


class MERL(ReportContrast):
    """Cross-modal alignment of ECG and report, and uni-modal alignment of two dropout branches of one ECG.

    Source: Liu et al., "Zero-Shot ECG Classification with Multimodal Learning and Test-time Clinical Knowledge
    Enhancement", ICML 2024, and its released code. Class names are the prompts unless a file in the layout of its CKEPE
    prompts is given (``--set merl.prompts.kind=file --set merl.prompts.file=FILE``). Deviations: the packaged MiniLM stands
    in for Med-CPT (``--set text.model=medcpt``), and leads come in the order of this project, not of MIMIC-IV-ECG (on
    import, published weights are put into it). The paper
    names a cosine; the released code restarts it every 5,000 steps, which comes with ``hyperparameters=config`` or by
    ``--set merl.pretrain.schedule=cosine-restarts``. The text encoder is frozen, as it was in the released
    training and so behind the published numbers; the paper's text has its upper half train (``text_grad: top6``).
    """

    name = "merl"
    deviations: ClassVar = {
        "text.model": ("minilm", "the text encoder is the packaged MiniLM, Med-CPT in the paper"),
        "text.trainable_layers": (0, "the text encoder is frozen, as released; its upper half trains in the paper"),
    }
    smoke: ClassVar = {"fs": 100, "width": 16, "pretrain.epochs": 40, "pretrain.batch_size": 64, "pretrain.lr": 1e-3}
    small: ClassVar = {**smoke, "pretrain.epochs": 25, "pretrain.batch_size": 64, "pretrain.lr": 2e-3}

    class Config(ReportContrast.Config):
        fs: int = Field(500, ge=50, description="Hz of the input; MERL: 500")
        encoder: str = Field(
            "resnet18",
            description="ECG encoder, resnet18 to resnet152 or vit-tiny to vit-base; ResNet18 is MERL's main model, the tiny "
            "ViT its other one (K-MERL Table 1)",
        )
        width: int | None = Field(
            None, ge=4, description="channels of the first stage, or of a ViT's tokens; default: MERL's"
        )
        text: TextEncoderConfig = Field(
            TextEncoderConfig(), description="text encoder; MERL uses medcpt, minilm is the one that is packaged"
        )
        padding: Literal["after", "before"] = Field(
            "before",
            description="of recordings under 10 s, before or after scaling; before: MERL's released loader of CPSC2018, "
            "which reads 5 s of them (task cpsc2018-5s)",
        )
        pretraining_signal: Literal["whole", "thousandths"] = Field(
            "whole",
            description="thousandths: only recordings of pretraining are truncated to steps of 0.001 after scaling, as "
            "MERL's released code stores it",
        )
        text_grad: Literal["frozen", "top6"] | None = Field(
            None,
            description="trained part of the text encoder: none (frozen, as released), or its top 6 layers, as in the "
            "paper; sets text.trainable_layers, which is used if this is not given",
        )
        prompts: PromptConfig = Field(
            PromptConfig(), description="prompt of a class; its name, or MERL's CKEPE prompts by file"
        )
        temperature: float = Field(0.07, gt=0, description="of both losses; MERL, fixed")
        dropout: float = Field(0.1, ge=0, lt=1, description="of the two uni-modal branches; MERL's released code")
        hyperparameters: Literal["paper", "config"] = Field(
            "paper",
            description="config: the released configuration file's 21 epochs of 128 on each of 8 devices, 1e-3, 1e-8, "
            "and its code's restarts, instead of all fields that have the paper's values; its author calls the file's "
            "values typing errors",
        )
        pretrain: PretrainConfig = Field(
            PretrainConfig(**PAPER),
            description="MERL's paper, as K-MERL A quotes it: 512 on each of 8 devices, AdamW 2e-4, 1e-5, 50 epochs, "
            "cosine",
        )

        @model_validator(mode="before")
        @classmethod
        def _apply_options(cls, values: Any) -> Any:
            """The options that represent values of other fields."""
            values = dict(values)
            layers = {"frozen": 0, "top6": 6}.get(values.get("text_grad", ""))
            if layers is not None:
                values["text"] = _fields(values.get("text")) | {"trainable_layers": layers}
            if values.get("hyperparameters") == "config":
                pretraining = PAPER | _fields(values.get("pretrain"))
                values["pretrain"] = pretraining | {k: v for k, v in RELEASED.items() if pretraining[k] == PAPER[k]}
            return values

    def build(self, config: Config) -> None:
        self.text = TextTower(config.text)
        encoder = backbone(config.encoder, self.input.length, width=config.width)
        self.net = MERLNet(encoder, self.input.length, text_dim=self.text.dim, dropout=config.dropout)

    def pretraining_embeddings(self, batch: ECGBatch) -> dict[str, Tensor]:
        signal = thousandths(batch.ecg) if self.config.pretraining_signal == "thousandths" else batch.ecg
        ecg = self.net(signal)
        text = self.net.embed_text(self.text.reports(batch))
        return {"ecg": ecg.ecg, "text": text, "branch1": ecg.branch1, "branch2": ecg.branch2}

    def loss_of_embeddings(self, embeddings: dict[str, Tensor]) -> dict[str, Tensor]:
        return merl_losses(**embeddings, temperature=self.config.temperature)

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        return self.net.encoder(batch.ecg)

    def embed_ecg(self, ecg: Float[Tensor, "record lead time"]) -> Float[Tensor, "record shared"]:
        return self.net(ecg).ecg

    def embed_text(self, text: Float[Tensor, "text text_dim"]) -> Float[Tensor, "text shared"]:
        return self.net.embed_text(text)

    @classmethod
    def published_names(cls, config: Config) -> dict[str, PublishedNames]:
        """MERL publishes whole models and encoders; the language model of the former is used if it trains here.

        They learned the leads in the order of MIMIC-IV-ECG's files; the released code puts aVL and aVF of the other datasets
        into that order.
        """
        vit = config.encoder.startswith("vit")
        text = "text.trained.transformer." if config.text.trainable_layers else None
        language_model = ((r"lm_model\.embeddings\.position_ids$", None), (r"lm_model\.", text))
        encoder = within("", "net.encoder.", MERL_VIT_ENCODER if vit else MERL_RESNET_ENCODER)
        model = (*language_model, *within("", "net.", MERL_VIT if vit else MERL_RESNET))
        axes = {"net.encoder.patch_embedding.weight" if vit else "net.encoder.stem.0.weight": 1}
        return {
            "model": PublishedNames(model, MIMIC_ORDER, lead_axes=axes),
            "encoder": PublishedNames(encoder, MIMIC_ORDER, "net.encoder.", axes),
        }


def thousandths(ecg: Float[Tensor, "record lead time"]) -> Float[Tensor, "record lead time"]:
    """Cut to steps of 0.001, towards zero: MERL's released code keeps scaled signals as int16 of their thousandfold."""
    return (ecg * 1000).trunc() / 1000


def _fields(config: Any) -> dict[str, Any]:
    """Of a config, or of what will become one: the fields that were given."""
    return config.model_dump(exclude_unset=True) if isinstance(config, BaseModel) else dict(config or {})
