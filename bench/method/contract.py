"""The contract of a method: encoder(s), a pretraining objective, and one function per way to answer a mode.

Implement what the method can do, and nothing else; the modes it offers follow from that:

====================  ======================================================================
implements            offers
====================  ======================================================================
``encode``            ``linear``, ``knn``, ``kshot``, ``layer``, ``attentive``, ``lora``, ``finetune``,
                      ``scratch``
``zero_shot``         ``zeroshot``
``fit``               ``scratch`` (a method that trains without an encoder: Cox, XGBoost)
``combine``           ``scratch`` (a method that trains nothing and reads finished results: an ensemble)
``pretraining_loss``  ``bench pretrain``; without it the method runs from its initial weights.
                      ``pretraining_embeddings`` and ``loss_of_embeddings`` may take its place
====================  ======================================================================

Where a paper's training is more than that, four hooks with plain defaults say how: ``stages`` (pretraining in several
steps), ``begin_finetuning``, ``augment_finetuning`` and ``finetune_loss`` (what happens in ``finetune`` and ``scratch``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from bench import registry
from bench.batch import ECGBatch
from bench.errors import ConfigError
from bench.method.pretrain_config import PretrainConfig
from bench.method.published_names import PublishedNames
from bench.method.released import Released, released_files
from bench.method.search_space import Spaces
from bench.reading.finite import not_finite
from bench.renamed import accept_old_hooks
from bench.signals.input_spec import InputSpec

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from bench.method.attributions import Attributions, Score


class MethodConfig(BaseModel):
    """Base of every method's Config. Each field's description cites where its default comes from.

    A field ``name`` is the name of the user's own encoder: results appear under it, in a separate row.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    after_training: ClassVar[frozenset[str]] = frozenset()
    """Fields that only decide how a trained method answers (its prompts): a checkpoint serves all their values."""
    input_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that only decide what goes into released weights: one imported checkpoint serves all their values. Keys of
    features and results cover them."""

    pretrain: PretrainConfig = Field(PretrainConfig(), description="optimisation of pretraining")

    @model_validator(mode="after")
    def _only_finite_numbers(self) -> MethodConfig:
        for path, value in not_finite(self):
            raise ValueError(f"{path} = {value}: expected a finite number")
        return self


@dataclass(frozen=True)
class Corpus:
    """What a method may look at before pretraining begins: the records, in the order of ``ECGBatch.index``.

    ``records`` has the patient, age, sex and the columns that the dataset declares as tabular variables or measurements; a
    column with labels only if :meth:`Method.label_columns` names it. Rows that are neither trained on nor validated with are
    blank there and in ``text``: they may be tested on. ``train`` marks the rows that are trained on; statistics and
    vocabularies come from those alone.
    """

    name: str
    records: pd.DataFrame
    train: np.ndarray  # bool [record]
    validation: np.ndarray  # bool [record]
    text: Sequence[str] | None = None
    cache: Path | None = None  # a folder for what is costly and depends on content alone (text embeddings)
    device: str = "cpu"


@dataclass(frozen=True)
class LabelledData:
    """One partition of a task, for methods that train by ``fit``: raw signals are read through ``batches``.

    ``records`` has the columns that a dataset declares as tabular variables or measurements, and no others: the rest may
    hold the answers of the test partition, whose ``targets`` are blank.
    """

    targets: np.ndarray
    records: pd.DataFrame
    batches: Any = field(repr=False)  # Iterable[ECGBatch], in order; may be walked again
    kind: str = "multilabel"  # of the task
    n_outputs: int = 0  # classes, or regression targets


@runtime_checkable
class Predictor(Protocol):
    """What ``fit`` returns: scores for any partition, shaped as the task kind says (:mod:`bench.scoring.score`)."""

    def predict(self, data: LabelledData) -> np.ndarray: ...


class Method(nn.Module):
    """A method. Subclasses set ``name``, ``input`` and a nested ``Config``, and build their modules in ``build``."""

    name: ClassVar[str]
    family: ClassVar[str] = ""
    """What it learns from, in one word for listings: contrastive, masked, report, multimodal, supervised, tabular, ..."""
    input: ClassVar[InputSpec] = InputSpec()
    corpus: ClassVar[str | None] = None
    """The corpus of the paper, pretrained on when it is available; otherwise the task's own training recordings serve."""
    published_corpora: ClassVar[tuple[str, ...]] = ()
    """What the authors' published weights were pretrained on, where that is not just :attr:`corpus`; an imported
    checkpoint is taken to have seen these."""
    published_weights: ClassVar[dict[str, dict[str, Any]]] = {}
    """Weights that its authors have published: name -> fields of :class:`bench.method.released.Released`. A config with a
    field ``weights`` chooses one of several; otherwise the first is used. A method that has some starts from them instead
    of from a pretraining. Written literally, so that listings read it without torch."""
    published_facts: ClassVar[dict[str, Any]] = {}
    """Fields that all of :attr:`published_weights` share, also those of subclasses; written literally."""
    seed_changes_fit: ClassVar[bool] = True
    """Whether another seed always gives another :meth:`fit`. Where it may not, equal predictions under several seeds are
    honest, and ``leaderboard validate`` accepts them."""
    smoke: ClassVar[dict[str, Any]] = {}
    """Overrides of Config fields (dotted paths) that make the ``smoke`` profile small and quick."""
    small: ClassVar[dict[str, Any]] = {}
    """The same for the profile ``small``: a corpus of 1,000 to 20,000 recordings. Without any, it has those of ``smoke``. A
    subclass that states ``smoke`` does not inherit it."""
    protocols: ClassVar[dict[str, dict[str, Any]]] = {}
    """How the method's paper trains it: mode -> fields of that mode's Config (``{"scratch": {"lr": 1e-3}}``)."""
    spaces: ClassVar[dict[str, Spaces]] = {}
    """What its paper chose on validation data: mode -> field, as for ``--set``, -> space (``bench sweep``)."""
    loss_couples_records: ClassVar[bool] = True
    """Whether records of a batch meet in its loss (negatives, statistics over the batch). False: each term is a mean over
    records, so that ``pretrain.micro_batch`` may add up the gradients of parts of a batch."""
    without_gradient: ClassVar[dict[str, str]] = {}
    """Parameters that require a gradient and get none in pretraining: start of the name -> the reason. ``bench check``
    refuses every other one."""
    deviations: ClassVar[dict[str, tuple[Any, str]]] = {}
    """Where a default is not the paper's: field of Config -> its value, and what the paper has instead. A row of a board
    whose results have that value gets a mark (§) and a footnote. Written literally, so that boards read it without torch."""
    foreign_network: ClassVar[bool] = False
    """Whether its network is the user's own, whatever it is: what it answers is then checked on a sample."""
    only_modes: ClassVar[tuple[str, ...] | None] = None
    """The modes offered, where they are fewer than what is implemented would give."""
    only_kinds: ClassVar[tuple[str, ...] | None] = None
    """The kinds of task answered (``("survival",)``), where they are not all; a run leaves the others out and says so."""

    class Config(MethodConfig):
        pass

    def __init_subclass__(cls, **keywords: Any):
        super().__init_subclass__(**keywords)
        if "smoke" in vars(cls) and "small" not in vars(cls):
            cls.small = {}  # its networks are others than those that an inherited ``small`` describes
        accept_old_hooks(cls)

    def __init__(self, config: MethodConfig | None = None):
        super().__init__()
        self.config: Any = config if config is not None else self.Config()
        self.input = self.input_for(self.config)  # type: ignore[misc]  # the class's, unless the config changes it
        self.build(self.config)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, nn.Module) and hasattr(Method, name):
            raise TypeError(
                f"{type(self).__name__}.{name} is part of the contract of a method; give the module another name "
                f"(torch would store it where self.{name} does not find it)."
            )
        super().__setattr__(name, value)

    @classmethod
    def input_for(cls, config: Any) -> InputSpec:
        """The input under a config: :attr:`input`, with the config's ``fs``, ``normalise``, ``padding`` and ``image_size``,
        as far as it has these fields."""
        if not isinstance(cls.input, InputSpec):
            raise ConfigError(
                f"{cls.__name__}: input = {cls.input!r}; expected an InputSpec, as InputSpec(fs=100, seconds=10)."
            )
        names = ("fs", "normalise", "padding", "image_size")
        return replace(cls.input, **{name: getattr(config, name) for name in names if hasattr(config, name)})

    @classmethod
    def extra_code(cls, config: Any) -> tuple[str, ...]:
        """Code that this config chooses by name, where no import leads to it: ``package.module`` or ``package.module:name``.

        A key covers what the class reaches by imports (:mod:`bench.storage.code_digest`) and this. Without it a change there
        would keep results that it should not; ``bench check`` finds modules of a built method that no key covers.
        """
        return ()

    def build(self, config: Any) -> None:
        """Create the modules. Weights are drawn from torch's global generator, which the harness has seeded."""

    @classmethod
    def label_columns(cls, config: Any) -> tuple[str, ...]:
        """Columns with labels that pretraining reads, of training and validation records. The corpus has no others, and the
        checkpoint states them. The code of this function is not part of keys."""
        return ()

    def prepare_corpus(self, corpus: Corpus) -> None:
        """Compute once what pretraining looks up at every step (text embeddings, entity labels), before the first step."""

    @classmethod
    def stages(cls, config: Any) -> dict[str, PretrainConfig]:
        """Stages of pretraining, one after another, each with a separate optimisation; one, unless overridden.

        Before a stage begins (or is taken up again) the harness calls ``begin_stage``; ``pretraining_loss`` is then that
        stage's. A stage ends with the weights of its last epoch, and the next begins with them and a fresh optimiser.
        """
        return {"": config.pretrain}

    def begin_stage(self, name: str) -> None:
        """From now on ``pretraining_loss`` is that of stage ``name``; weights that it leaves alone stop training.

        ``encode`` and the other answers must not depend on it: a checkpoint is loaded without it.
        """

    def pretraining_loss(self, batch: ECGBatch) -> dict[str, Tensor]:
        """Named terms whose sum is minimised. Anything drawn at random comes from torch's global generators.

        Where records of a batch meet, they are those of all processes that train together:
        :func:`bench.training.distributed.gather` brings them there, and the losses of ``methods.losses`` do so. A term in
        which they do not meet is the mean over the current batch. Unless overridden, the loss is
        :meth:`loss_of_embeddings` of :meth:`pretraining_embeddings`.
        """
        return self.loss_of_embeddings(self.pretraining_embeddings(batch))

    def pretraining_embeddings(self, batch: ECGBatch) -> dict[str, Tensor]:
        """What of a batch meets in its loss, one row per record in each: the embeddings, and what they are compared with.

        With it, and :meth:`loss_of_embeddings`, a batch can be trained in parts (``pretrain.micro_batch``). Nothing else
        of the method may change in it but BatchNorm's averages: it is called twice for every part.
        """
        raise TypeError(f"{self.name} has no pretraining objective by embeddings")

    def loss_of_embeddings(self, embeddings: dict[str, Tensor]) -> dict[str, Tensor]:
        """The terms of ``pretraining_loss``, from ``pretraining_embeddings`` of the whole batch."""
        raise TypeError(f"{self.name} has no loss of embeddings")

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        """The representation that a downstream head reads."""
        raise TypeError(f"{self.name} has no encoder")

    def encode_tokens(self, batch: ECGBatch) -> Float[Tensor, "record token width"]:
        """What the encoder pools into :meth:`encode`, for the mode ``attentive``: tokens or time steps. Without it they are
        the output of the encoder's last block (:func:`bench.training.blocks.token_block`)."""
        raise TypeError(f"{self.name} does not state its tokens")

    def layer_groups(self) -> Sequence[Sequence[nn.Parameter]] | None:
        """The encoder's parameters in layers, input first, for ``finetune.layer_decay``; those left out train at the
        head's end of the scale. None: derived from the order in which ``encode`` calls its modules."""
        return None

    def head(self, dim: int, n_outputs: int) -> nn.Module:
        """What ``finetune`` and ``scratch`` train on ``encode``'s [record, dim], to [record, n_outputs].

        In training it may also give several answers, [answer, record, n_outputs]; their losses are added.
        """
        return nn.Linear(dim, n_outputs)

    def begin_finetuning(self) -> None:
        """Called once in ``finetune`` and ``scratch``, before the optimiser is made and after weights are loaded: the place
        to exchange the pooling, to free weights that pretraining kept fixed, to switch drop path on."""

    def augment_finetuning(self, batch: ECGBatch) -> ECGBatch:
        """What ``finetune`` and ``scratch`` train on in place of ``batch``; drawn again in every step, never in scoring."""
        return batch

    def finetune_loss(
        self, batch: ECGBatch, seen: ECGBatch, encoded: Float[Tensor, "record dim"], task_loss: Float[Tensor, ""]
    ) -> Float[Tensor, ""]:
        """What ``finetune`` and ``scratch`` minimise: the task's loss, unless the method adds a separate term.

        Args:
            batch: as it came; seen: as ``augment_finetuning`` made it; encoded: ``encode`` of the latter.
            task_loss: of the head on ``encoded``.
        """
        return task_loss

    def zero_shot(self, batch: ECGBatch, class_names: Sequence[str]) -> Float[Tensor, "record class"]:
        """A score for each class, given only its name in words; higher means more likely.

        Names that come from a task are :class:`bench.task.ClassName` and also carry its short name, as ``code``.
        """
        raise TypeError(f"{self.name} cannot answer zero-shot")

    def use_cache(self, folder: Path) -> None:
        """Called before a mode starts, with a folder for what is costly and depends on content alone, as ``Corpus.cache``."""

    def concepts(self) -> Sequence[str]:
        """What pretraining put into words, each once: entities, or the statements of its reports.

        Asked when pretraining has ended and kept with the checkpoint, so that zero-shot results can tell classes that were
        seen from those that were not. Empty where there are no words.
        """
        return ()

    def nearest_concepts(self, class_names: Sequence[str], concepts: Sequence[str]) -> list[tuple[str, float]]:
        """For each class the concept whose words mean most nearly the same, and the cosine similarity of the two."""
        raise TypeError(f"{self.name} does not compare words")

    def fit(self, train: LabelledData, validation: LabelledData) -> Predictor:
        """Train without an encoder. The global generators are seeded for it; see :attr:`seed_changes_fit`."""
        raise TypeError(f"{self.name} does not train by fit")

    @classmethod
    def members(cls, config: Any) -> tuple[str, ...]:
        """Methods whose results in the same task, mode, leads, fraction, seed and fold ``combine`` reads; they run first."""
        return ()

    def combine(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        """Scores of some records, from those that each member gave them."""
        raise TypeError(f"{self.name} does not combine methods")

    @classmethod
    def example_config(cls, folder: Path) -> dict[str, Any]:
        """Fields of Config without which the method cannot be built, for the contract's checks: a file that it reads, made
        in ``folder``, say. Most methods need none."""
        return {}

    def attributions(self, batch: ECGBatch, score: Score) -> Attributions:
        """What ``score``, read off ``encode``'s output, rests on, for ``bench explain``: attention, activation, similarity.

        What a method leaves out is drawn from its gradient, or not at all.
        """
        from bench.method.attributions import Attributions

        return Attributions()

    def checkpoint_metadata(self) -> dict[str, Any]:
        """JSON facts worth keeping with a checkpoint (vocabulary, text model digest)."""
        return {}

    @classmethod
    def declared_corpora(cls, config: Any) -> tuple[str, ...]:
        """The collections that weights which a config brings from elsewhere were trained on (``("unknown",)`` where nobody
        says); empty for a method that brings none. Contamination is determined by it."""
        return ()

    @classmethod
    def published_names(cls, config: Any) -> dict[str, PublishedNames]:
        """How the names of published checkpoints read in this method's state dict: what a file holds -> its names.

        ``model`` is the whole of it; ``encoder``, say, the encoder alone. Each says in which order its weights learned the
        leads. For ``bench checkpoints import``.
        """
        return {}

    @classmethod
    def weight_files(cls) -> dict[str, Released]:
        """The weight files of its authors, by the names of :attr:`published_weights`."""
        return released_files({"published_weights": cls.published_weights, "published_facts": cls.published_facts})

    @classmethod
    def weights_for(cls, config: Any) -> Released | None:
        """What of :attr:`published_weights` a config chooses; None for a method whose authors' weights are not known."""
        if not cls.published_weights:
            return None
        every = cls.weight_files()
        return every[getattr(config, "weights", next(iter(every)))]

    @classmethod
    def starts_from_checkpoint(cls) -> bool:
        """Whether it starts from weights that were trained before: by its pretraining, or by its authors."""
        return bool(cls.published_weights) or cls.implements("pretraining_loss")

    @classmethod
    def implements(cls, function: str) -> bool:
        """Whether the class overrides an optional function; ``loss_of_embeddings`` gives ``pretraining_loss`` too."""
        names = (function, "loss_of_embeddings") if function == "pretraining_loss" else (function,)
        return any(getattr(cls, name, None) is not getattr(Method, name, None) for name in names)

    @classmethod
    def modes(cls) -> tuple[str, ...]:
        """The modes this method offers."""
        defined = set(filter(cls.implements, registry.functions_of_modes()))
        return tuple(registry.modes_offered(defined.__contains__, cls.only_modes))


accept_old_hooks(Method)
