"""ESI: contrast of an ECG with its description, and a decoder that writes the description."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.method import Corpus
from bench.method.pretrain_config import PretrainConfig
from bench.method.published_names import PublishedNames, within
from bench.signals.input_spec import InputSpec
from bench.signals.leads import MIMIC_ORDER
from bench.training.distributed import average
from methods.losses.contrastive import info_nce
from methods.nets import checkpoint_names as names
from methods.nets.backbones import backbone
from methods.nets.captioner import Captioner, GainNorm
from methods.report_contrast import ReportContrast
from methods.text.cqa import CQAConfig, compose, cqa_texts, demographics, paragraphs, with_waveforms
from methods.text.encoder import TextEncoder, TextEncoderConfig, Tokens
from methods.text.prompts import PromptConfig
from methods.text.tower import TextTower
from methods.text.waveforms import default_knowledge


class ESI(ReportContrast):
    """Contrast of ECG and enriched report, and a decoder that writes the report from its first words and the ECG.

    Source: Yu et al., "ECG Semantic Integrator (ESI)", TMLR 2024, and its released code. Deviations: the packaged
    MiniLM replaces BioLinkBERT (``--set text.model=biolinkbert``); waveform descriptions come from the knowledge
    base that ships with the project where the paper asks GPT-3.5 over two textbooks (``esi.cqa.endpoint`` names a
    language model, ``esi.cqa.textbooks`` a store of your books, from ``bench text ingest``); one corpus is read where the
    paper joins three. The released decoder reads states of a bidirectional encoder, which have seen the token to predict;
    here it reads word embeddings, and ``esi.captioning=as_released`` has the release's way.
    """

    name = "esi"
    published_corpora = ("mimic-iv-ecg", "ptbxl", "chapman")  # 4.1: joined; of PTB-XL the training folds
    input = InputSpec(fs=500, seconds=10, normalise="zscore", modalities=("text",))
    deviations: ClassVar = {
        "text.model": ("minilm", "the text encoder is the packaged MiniLM, BioLinkBERT in the paper"),
        "cqa.endpoint": (
            None,
            "texts come from the project's knowledge base, from GPT-3.5 over two textbooks in the paper",
        ),
    }
    smoke: ClassVar = {
        "fs": 100,
        "encoder": "convnext-atto",
        "width": 16,
        "text.trainable_layers": 0,
        "text.max_tokens": 48,
        "cqa.demographics": False,
        "dim": 64,
        "caption_layers": 1,
        "caption_heads": 2,
        "caption_head_dim": 16,
        "caption_vocabulary": "ecg",
        "pretrain.epochs": 15,
        "pretrain.warmup_epochs": 2,
        "pretrain.batch_size": 64,
        "pretrain.lr": 1e-3,
    }

    class Config(ReportContrast.Config):
        after_training = frozenset({"prompts", "prompt_waveforms"})

        fs: int = Field(500, ge=50, description="Hz of the input; ESI Table 1")
        encoder: str = Field("convnext-base", description="ECG encoder; ESI 4.1, ablated in Table 5b")
        width: int | None = Field(None, ge=4, description="channels of the first stage; default: published")
        text: TextEncoderConfig = Field(
            TextEncoderConfig(trainable_layers="all"),
            description="text encoder, trained as a whole; ESI has biolinkbert, minilm is the one that is packaged",
        )
        cqa: CQAConfig = Field(CQAConfig(), description="what is added to a report; ESI 3.1")
        dim: int | None = Field(
            None, ge=8, description="width of the shared space and of the decoder; the text encoder's in the release"
        )
        contrastive: Literal["sum", "mean", "none"] = Field(
            "sum",
            description="both directions summed as ESI 3.2.1 prints it; mean: half of that, as released; Table 5a",
        )
        captioning: Literal["causal", "as_released", "none"] = Field(
            "causal",
            description="causal: each token from those before it (ESI 3.2.1); as_released: from states that have seen "
            "the whole text; none: Table 5a",
        )
        caption_layers: int = Field(6, ge=1, description="pairs of self- and cross-attention; released code")
        caption_heads: int = Field(8, ge=1, description="heads of both; released code")
        caption_head_dim: int = Field(64, ge=2, multiple_of=2, description="channels of a head; released code")
        caption_vocabulary: Literal["all", "ecg"] = Field(
            "all",
            description="all word pieces (ESI); ecg: those of the knowledge base and of the entities, all others being "
            "unknown, for small runs",
        )
        jitter: float = Field(
            0.003, ge=0, description="SD of noise on every sample of the standardised ECG; released code, there in mV"
        )
        gain: float = Field(0.003, ge=0, description="SD of a gain around 1 for every lead; released code")
        prompts: PromptConfig = Field(
            PromptConfig(kind="template", template="ECG Findings: {name}.", lower=False),
            description="prompt of a class; ESI prints none: as its reports word a finding",
        )
        prompt_waveforms: bool = Field(
            True,
            description="whether a prompt also describes the waveform, where cqa.waveforms does so in reports; ESI 4.2.1 "
            "compares with a class's textual description",
        )
        pretrain: PretrainConfig = Field(
            PretrainConfig(epochs=30, batch_size=192, lr=5e-5, weight_decay=1e-2, warmup_epochs=5, schedule="thirds"),
            description="ESI 4.1: 48 on each of 4 devices, AdamW 5e-5 (torch's decay), 30 epochs, 5 of warm-up, a "
            "tenth after every 10",
        )

    def build(self, config: Config) -> None:
        self.text = TextTower(config.text)
        dim = config.dim or self.text.dim
        self.encoder = backbone(config.encoder, self.input.length, width=config.width)
        self.ecg_token = nn.Linear(self.encoder.dim, dim)
        self.ecg_norm = GainNorm(dim)
        self.project_ecg = nn.Linear(dim, dim, bias=False)
        self.project_text = nn.Linear(self.text.dim, dim, bias=False)
        self.log_scale = nn.Parameter(torch.ones(1))  # released code: logits times e at the start, then as learned
        self._texts: list[str] = []
        if config.captioning != "none":
            self.words = nn.Identity() if dim == self.text.dim else nn.Linear(self.text.dim, dim, bias=False)
            self.vocabulary = Vocabulary(self.text.encoder, config.caption_vocabulary)
            self.captioner = Captioner(
                dim,
                len(self.vocabulary),
                layers=config.caption_layers,
                heads=config.caption_heads,
                head_dim=config.caption_head_dim,
            )

    def texts(self, corpus: Corpus) -> list[str]:
        answers = corpus.cache / "cqa" if corpus.cache is not None else None
        self._texts = cqa_texts(corpus.text or (), corpus.records, self.config.cqa, cache=answers)
        return self._texts

    def pretraining_loss(self, batch: ECGBatch) -> dict[str, Tensor]:
        texts = [self._texts[row] for row in batch.index.tolist()]
        return self.losses(self.augment(batch.ecg), replace(batch, text=texts))

    def losses(self, signal: Float[Tensor, "record lead time"], batch: ECGBatch) -> dict[str, Tensor]:
        """Both terms for a signal and the texts of its batch."""
        ecg = self.ecg_vector(signal)
        losses: dict[str, Tensor] = {}
        if self.config.captioning == "as_released":
            text, caption = self._released_caption(batch, ecg)
            losses["captioning"] = caption
        else:
            text = self.text.reports(batch)
            if self.config.captioning == "causal":
                losses["captioning"] = self._causal_caption(batch, ecg)
        if self.config.contrastive != "none":
            losses["contrastive"] = info_nce(
                self.project_ecg(ecg),
                self.embed_text(text),
                (-self.log_scale).exp(),
                directions=self.config.contrastive,
            )
        return losses

    def _causal_caption(self, batch: ECGBatch, ecg: Float[Tensor, "record dim"]) -> Float[Tensor, ""]:
        encoder = self.text.encoder.to(ecg.device)
        tokens = encoder.tokenise(batch.text or ())
        words = encoder.word_embeddings(tokens.ids[:, :-1])
        return self._caption_loss(words, tokens.ids[:, 1:], tokens.mask[:, 1:], ecg)

    def _released_caption(
        self, batch: ECGBatch, ecg: Float[Tensor, "record dim"]
    ) -> tuple[Float[Tensor, "record text_dim"], Float[Tensor, ""]]:
        """Text features and caption loss from one pass of the text encoder over all tokens but the last column."""
        encoder = self.text.encoder.to(ecg.device)
        tokens = encoder.tokenise(batch.text or ())
        read = Tokens(tokens.ids[:, :-1], tokens.mask[:, :-1])
        states = encoder.token_states(read)
        loss = self._caption_loss(states[:, 1:], tokens.ids[:, 2:], tokens.mask[:, 2:], ecg)
        return encoder.pool(states, read), loss

    def _caption_loss(
        self,
        words: Float[Tensor, "record token text_dim"],
        following: Int[Tensor, "record token"],
        real: Int[Tensor, "record token"],
        ecg: Float[Tensor, "record dim"],
    ) -> Float[Tensor, ""]:
        # The released decoder is given the one ECG vector once for every token, over which attention is uniform.
        logits = self.captioner(self.words(words), ecg.unsqueeze(1))
        expected = self.vocabulary.columns(following).masked_fill(real == 0, -100)
        total = F.cross_entropy(logits.flatten(0, 1), expected.flatten(), ignore_index=-100, reduction="sum")
        return total / average((expected >= 0).sum())  # each process's share of the mean over all tokens

    def augment(self, ecg: Float[Tensor, "record lead time"]) -> Float[Tensor, "record lead time"]:
        """Noise, then a gain for every lead, in training only."""
        if not self.training or not (self.config.jitter or self.config.gain):
            return ecg
        gains = 1 + self.config.gain * torch.randn_like(ecg[..., :1])
        return gains * (ecg + self.config.jitter * torch.randn_like(ecg))

    def embed_ecg(self, ecg: Float[Tensor, "record lead time"]) -> Float[Tensor, "record shared"]:
        return self.project_ecg(self.ecg_vector(ecg))

    def embed_text(self, text: Float[Tensor, "text text_dim"]) -> Float[Tensor, "text shared"]:
        return self.project_text(text)

    def ecg_vector(self, ecg: Float[Tensor, "record lead time"]) -> Float[Tensor, "record dim"]:
        """What the decoder attends to and, projected, meets the text."""
        return self.ecg_norm(self.ecg_token(self.encoder(ecg)))

    def prompts(self, class_names: Sequence[str]) -> list[str]:
        prompts = super().prompts(class_names)
        if self.config.prompt_waveforms and self.config.cqa.waveforms:
            described = paragraphs(class_names)
            prompts = [with_waveforms(p, [described[name]]) for p, name in zip(prompts, class_names, strict=True)]
        return prompts

    @classmethod
    def published_names(cls, config: Config) -> dict[str, PublishedNames]:
        """ESI's training saves whole models; its encoder may have been saved alone.

        The released code reads MIMIC-IV-ECG with the leads in the order of its files, and has none for the other two, which
        are a tenth of the recordings.
        """
        encoder = within("", "encoder.", names.ESI_CONVNEXT)
        axes = {"encoder.downsamplers.0.0.weight": 1}
        return {
            "model": PublishedNames(names.ESI, MIMIC_ORDER, lead_axes=axes),
            "encoder": PublishedNames(encoder, MIMIC_ORDER, "encoder.", axes),
        }

    def checkpoint_metadata(self) -> dict[str, Any]:
        """Next to the text encoder: the knowledge base, or the textbooks and their reader."""
        written = {"knowledge": default_knowledge().version}
        if self.config.cqa.endpoint is not None:
            written |= {"writer": self.config.cqa.endpoint.model, "textbooks": self.config.cqa.textbooks_digest}
        return super().checkpoint_metadata() | written


class ESITiny(ESI):
    """ESI with the tiny ConvNeXt. Source: Yu et al., TMLR 2024, section 4.1."""

    name = "esi-tiny"

    class Config(ESI.Config):
        encoder: str = Field("convnext-tiny", description="ECG encoder; ESI 4.1, ESI-tiny")


class Vocabulary(nn.Module):
    """Which word pieces a caption is made of, and their columns among the decoder's outputs.

    Args:
        encoder: whose tokenizer it is.
        which: ``all`` of them, or those of the texts on ``ecg`` that ship with the project.
    """

    _columns: Tensor

    def __init__(self, encoder: TextEncoder, which: Literal["all", "ecg"]):
        super().__init__()
        size = encoder.transformer.config.vocab_size
        columns = torch.arange(size)
        if which == "ecg":
            known = sorted({int(i) for ids in encoder.tokenizer(_ecg_texts())["input_ids"] for i in ids})
            unknown = encoder.tokenizer.unk_token_id
            known = sorted({*known, unknown})
            columns = torch.full((size,), known.index(unknown))
            columns[torch.tensor(known)] = torch.arange(len(known))
        self._size = int(columns.max()) + 1
        self.register_buffer("_columns", columns, persistent=False)

    def __len__(self) -> int:
        return self._size

    def columns(self, ids: Int[Tensor, "record token"]) -> Int[Tensor, "record token"]:
        """Column of each word piece."""
        return self._columns[ids]


def _ecg_texts() -> list[str]:
    knowledge = default_knowledge()
    entries = knowledge.statements.values()
    texts = [compose(demographics(age, sex), [], []) for age in range(121) for sex in ("male", "female")]
    texts += [compose("", [entry.statement], [entry.paragraph]) for entry in entries]
    return [*texts, *knowledge.lexicon.entities]
