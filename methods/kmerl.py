"""K-MERL: knowledge from reports, lead by lead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.method import Corpus
from bench.method.pretrain_config import PretrainConfig
from bench.signals.input_spec import InputSpec
from methods.losses.contrastive import info_nce, similarities
from methods.nets.lead_masking import LeadMasking
from methods.nets.lead_vit import LeadViT, TokenFeatures
from methods.nets.query_network import QueryNetwork
from methods.nets.transformer import DEPTH, SIZES
from methods.report_contrast import ReportContrast
from methods.text.encoder import TextEncoderConfig
from methods.text.entities import EntityConfig, entity_labels
from methods.text.prompts import PromptConfig, prompts_for
from methods.text.tower import TextTower


class KMERL(ReportContrast):
    """Contrast of ECG and report, and a query network that learns the entities of the report; any subset of leads.

    Source: "Knowledge-enhanced Multimodal ECG Representation Learning with Arbitrary-Lead Inputs" (arXiv 2502.17900, 2025).
    No code is published. Deviations: the packaged MiniLM replaces Med-CPT (``--set text.model=medcpt``), and entities
    come from a lexicon over report statements; the paper asks Llama 3.1 70B (``kmerl.entities.endpoint`` names any model).
    What the paper leaves open is settled in the field descriptions and in ``methods/nets/lead_vit.py`` and
    ``query_network.py``.
    """

    name = "kmerl"
    input = InputSpec(fs=500, seconds=10, normalise="minmax", partial_leads=True, modalities=("text",))
    deviations: ClassVar = {
        "text.model": ("minilm", "the text encoder is the packaged MiniLM, Med-CPT in the paper"),
        "contrastive": ("merl", "the contrast is MERL's; equation 2 has one direction, its positive left out below"),
        "entities.endpoint": (None, "entities come from a lexicon, from Llama 3.1 70B in the paper"),
    }
    smoke: ClassVar = {
        "fs": 100,
        "segment": 20,
        "normalise": "zscore",
        "dim": 64,
        "heads": 2,
        "depth": 3,
        "query_dim": 64,
        "query_layers": 1,
        "pretrain.epochs": 25,
        "pretrain.batch_size": 64,
        "pretrain.lr": 2e-3,
    }
    small: ClassVar = {**smoke, "pretrain.epochs": 25, "pretrain.batch_size": 64, "pretrain.lr": 2e-3}

    class Config(ReportContrast.Config):
        fs: int = Field(500, ge=50, description="Hz of the input; K-MERL 4.1: 500")
        normalise: Literal["minmax", "zscore", "zscore-lead"] = Field(
            "minmax", description="scaling of a recording; minmax is MERL's pre-processing, which K-MERL 4.1 follows"
        )
        padding: Literal["after", "before"] = Field(
            "before",
            description="of recordings under 10 s, before or after scaling; MERL's loader, which K-MERL 4.1 follows",
        )
        size: Literal["tiny", "small", "middle", "base"] = Field(
            "tiny", description="ECG encoder; K-MERL 4.1, Figure 8"
        )
        dim: int | None = Field(None, ge=8, description="encoder width; default: that of the size")
        heads: int | None = Field(None, ge=1, description="encoder attention heads; default: those of the size")
        depth: int = Field(DEPTH, ge=1, description="encoder blocks; 12 in every size, as in MERL's ViT")
        segment: int = Field(
            100,
            ge=1,
            description="samples in a token at that rate; K-MERL Figure 7: 100 (200 ms) is the best of 25 to 200",
        )
        tokens: Literal["lead", "joint"] = Field("lead", description="lead-specific tokenisation; off in Table 2b")
        lead_embedding: bool = Field(True, description="lead-specific spatial embedding; off in Table 2b")
        time_embedding: bool = Field(True, description="lead-agnostic temporal embedding; off in Table 2b")
        masked_leads: tuple[int, ...] = Field(
            (9, 10, 11), description="numbers of masked leads to draw from; K-MERL 3.3; one number or none in Table 2d"
        )
        segment_masking: Literal["per_lead", "any", "none"] = Field("per_lead", description="K-MERL 3.3; Table 2d")
        mask_ratio: float = Field(
            0.25, ge=0, lt=1, description="share of segments masked; K-MERL Figure 7, best of 25 to 75 %"
        )
        text: TextEncoderConfig = Field(
            TextEncoderConfig(pooling="mean"),
            description="text encoder; K-MERL uses medcpt (Table 2e), minilm is the one that is packaged. Tokens are "
            "averaged for every model (K-MERL 3.5)",
        )
        entities: EntityConfig = Field(EntityConfig(), description="how entities are mined; K-MERL 3.4, Table 2c")
        query_dim: int = Field(
            256, ge=8, description="width of the query network; the paper gives none, MERL's shared width"
        )
        query_layers: int = Field(4, ge=1, description="layers of the query network; K-MERL Table 6b")
        query_heads: int = Field(4, ge=1, description="heads of the query network; K-MERL Table 6c")
        query_self_attention: bool = Field(
            False, description="self-attention between queries; the paper does not state it"
        )
        shared_dim: int = Field(256, ge=8, description="width of the shared ECG-text space; MERL")
        contrastive: Literal["merl", "printed", "none"] = Field(
            "merl",
            description="merl: both directions summed, positive kept; printed: exactly equation 2 (ECG to text only, "
            "positive left out); none: Table 2a without alignment",
        )
        query_loss: bool = Field(True, description="entity queries (BCE, equation 3); off in Table 2a")
        prompts: PromptConfig = Field(
            PromptConfig(), description='prompt of a class; K-MERL 4.2, "original disease category names"'
        )
        temperature: float = Field(0.07, gt=0, description="K-MERL 3.5")
        pretrain: PretrainConfig = Field(
            PretrainConfig(epochs=50, batch_size=4096, lr=2e-4, weight_decay=1e-5),
            description="K-MERL A: 512 on each of 8 devices, AdamW 2e-4, 1e-5, 50 epochs, cosine",
        )

    def build(self, config: Config) -> None:
        width, heads = SIZES[config.size]
        width, heads = config.dim or width, config.heads or heads
        self.text = TextTower(config.text)
        self.encoder = LeadViT(
            self.input.length,
            config.segment,
            width,
            heads,
            config.depth,
            config.tokens,
            config.lead_embedding,
            config.time_embedding,
        )
        self.masking = LeadMasking(config.masked_leads, config.segment_masking, config.mask_ratio)
        if config.contrastive != "none":
            self.project_ecg, self.project_text = (
                nn.Sequential(
                    nn.Linear(dim, config.shared_dim), nn.GELU(), nn.Linear(config.shared_dim, config.shared_dim)
                )
                for dim in (width, self.text.dim)
            )
        if config.query_loss:
            self.query_network = QueryNetwork(
                self.text.dim,
                width,
                config.query_dim,
                config.query_layers,
                config.query_heads,
                self_attention=config.query_self_attention,
            )
        self._entities: tuple[str, ...] = ()
        self._labels: Tensor | None = None

    def prepare_corpus(self, corpus: Corpus) -> None:
        super().prepare_corpus(corpus)
        if self.config.query_loss:
            vocabulary, labels = entity_labels(
                corpus.text or (), corpus.train, self.config.entities, cache=corpus.cache
            )
            self._entities = vocabulary.names
            self._labels = torch.from_numpy(labels)

    def pretraining_embeddings(self, batch: ECGBatch) -> dict[str, Tensor]:
        """Both sides of the contrast; answers of the query network and the truth."""
        visible = self.masking.draw(batch.leads, self.encoder.segments)
        features = self.encoder(batch.ecg, batch.leads, visible)
        embeddings: dict[str, Tensor] = {}
        if self.config.contrastive != "none":
            embeddings["ecg"] = self.project_ecg(features.pooled())
            embeddings["text"] = self.project_text(self.text.reports(batch))
        if self._labels is not None:
            # In lower case, as class names are asked for (prompts.lower): a cased encoder must not tell them apart by it.
            queries = self.text.prompts([name.lower() for name in self._entities], batch.ecg.device)
            embeddings["answers"] = self.query_network(queries, features)
            embeddings["entities"] = self._labels[batch.index.cpu()].to(batch.ecg.device, torch.float32)
        return embeddings

    def loss_of_embeddings(self, embeddings: dict[str, Tensor]) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}
        if "ecg" in embeddings:
            printed = self.config.contrastive == "printed"
            losses["contrastive"] = info_nce(
                embeddings["ecg"],
                embeddings["text"],
                self.config.temperature,
                directions="row" if printed else "sum",
                exclude_positive=printed,
            )
        if "answers" in embeddings:
            losses["entities"] = F.binary_cross_entropy_with_logits(embeddings["answers"], embeddings["entities"])
        return losses

    def features(self, batch: ECGBatch) -> TokenFeatures:
        """Tokens of the leads that are there; nothing is masked."""
        return self.encoder(batch.ecg, batch.leads)

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        return self.features(batch).pooled()

    def zero_shot(self, batch: ECGBatch, class_names: Sequence[str]) -> Float[Tensor, "record class"]:
        """By the query network; without its loss (Table 2a), by the contrast: the cosine of prompt and ECG."""
        queries = self.text.prompts(prompts_for(class_names, self.config.prompts), batch.ecg.device)
        features = self.features(batch)
        if self.config.query_loss:
            return torch.sigmoid(self.query_network(queries, features))
        return similarities(self.project_ecg(features.pooled()), self.project_text(queries), temperature=1.0)

    def concepts(self) -> Sequence[str]:
        return self._entities or super().concepts()

    def checkpoint_metadata(self) -> dict[str, Any]:
        return super().checkpoint_metadata() | {"entities": list(self._entities)}
