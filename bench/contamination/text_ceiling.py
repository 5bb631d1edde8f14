"""The text ceiling: how well the words of a corpus's texts predict a task's labels, without an ECG.

A regularised bag of words (single words and pairs, weighted by tf-idf; one logistic regression per class) is fitted on the
texts of the task's training recordings and scored on those of its test recordings. Patients are apart as in the split. A
ceiling above :data:`STATES_LABELS` means that the texts state the labels: a method that was pretrained on them has read the
labels of every training recording, whatever fraction of them its probe was given afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bench import kinds

if TYPE_CHECKING:
    import numpy as np

STATES_LABELS = 0.95
"""Macro AUROC above which a text states the labels."""
BOOTSTRAP = 1000
METRIC = "macro_auroc"
STRENGTH = 10.0
"""Inverse strength of the L2 penalty (scikit-learn's ``C``)."""


@dataclass(frozen=True)
class TextCeiling:
    """Macro AUROC of a bag of words.

    Attributes:
        corpus, text: the collection, and which of its texts.
        value, low, high: macro AUROC with its 95 % interval over patients; None where it cannot be computed.
        train, test: recordings with a text on which it was fitted and scored.
        missing: why it cannot be computed; empty where it was.
    """

    corpus: str
    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    train: int = 0
    test: int = 0
    missing: str = ""

    @property
    def states_labels(self) -> bool:
        return states_labels(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """As a result keeps it."""
        facts = asdict(self)
        return {name: value for name, value in facts.items() if value not in (None, "")}


def states_labels(ceiling: dict[str, Any]) -> bool:
    """Whether a stored ceiling is above :data:`STATES_LABELS`."""
    return (ceiling.get("value") or 0.0) > STATES_LABELS


def why_not(kind: str, classes: Sequence[str]) -> str:
    """Why tasks of a kind have no ceiling; empty where they have one."""
    definition = kinds.load(kind)
    if METRIC not in definition.metrics or not definition.has_classes or not classes:
        return f"a bag of words is scored by AUROC, and tasks of kind {kind} have no classes that a text could name"
    return ""


def text_ceiling(
    corpus: str,
    text: str,
    texts: Sequence[str],
    targets: np.ndarray,
    patients: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    kind: str,
    classes: Sequence[str],
) -> TextCeiling:
    """Fit a bag of words on the texts of ``train`` and score it on those of ``test``; nothing is drawn at random.

    Args:
        texts: one per example; examples without a text are left out.
        targets: as the task's kind has them (:mod:`bench.scoring.score`); NaN is unknown.
        train, test: rows of the examples.
    """
    if reason := why_not(kind, classes):
        return TextCeiling(corpus, text, missing=reason)
    import numpy as np

    worded = np.array([bool(words.strip()) for words in texts])
    train, test = train[worded[train]], test[worded[test]]
    sizes = len(train), len(test)
    if len(train) < 2 or len(test) < 2:
        missing = f"{len(train)} training and {len(test)} test recordings have this text; expected at least 2 of each"
        return TextCeiling(corpus, text, None, None, None, *sizes, missing)
    from sklearn.feature_extraction.text import TfidfVectorizer

    from bench.scoring.score import score

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    try:
        fitted = vectorizer.fit_transform([texts[row] for row in train])
    except ValueError:  # no text has a word
        return TextCeiling(corpus, text, None, None, None, *sizes, "the training texts hold no word")
    scores = _scores(fitted, targets[train], vectorizer.transform([texts[row] for row in test]), len(classes))
    if targets.ndim == 1:  # a class index: scores are probabilities
        scores = np.exp(scores - scores.max(1, keepdims=True))
        scores /= scores.sum(1, keepdims=True)
    scored = score(
        kind, targets[test], scores, list(classes), patients[test], bootstrap=BOOTSTRAP, metrics=[METRIC]
    ).metrics[METRIC]
    if not np.isfinite(scored.value):
        missing = "no class has both positives and negatives among the test recordings with a text"
        return TextCeiling(corpus, text, None, None, None, *sizes, missing)
    low, high = (round(float(end), 6) if np.isfinite(end) else None for end in (scored.low, scored.high))
    return TextCeiling(corpus, text, round(float(scored.value), 6), low, high, *sizes)


def _scores(fitted: Any, targets: np.ndarray, tested: Any, classes: int) -> np.ndarray:
    """The log odds of each class [record, class]; 0 for a class whose training targets are all alike."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    scores = np.zeros((tested.shape[0], classes))
    for index in range(classes):
        labels = targets[:, index] if targets.ndim == 2 else (targets == index).astype(float)
        known = ~np.isnan(labels.astype(float))
        if len(np.unique(labels[known])) == 2:
            model = LogisticRegression(C=STRENGTH, solver="liblinear")
            scores[:, index] = model.fit(fitted[known], labels[known]).decision_function(tested)
    return scores
