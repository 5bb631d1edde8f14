"""Try an encoder that was trained elsewhere on a made-up recording, before anything is simulated, prepared or trained."""

from __future__ import annotations

import numpy as np

from bench.contamination.declared import UNKNOWN, declared_corpus
from bench.data.batches import BatchSource
from bench.errors import BenchError, ConfigError, unforeseen
from bench.method import Method, MethodConfig
from bench.reading.method_files import typed
from bench.runner.features import encode_all
from bench.signals.in_memory import ArrayStore
from bench.signals.leads import LEADS
from bench.signals.windows import SignalView
from bench.training.checkpoint import seeded_method

RECORDS = 2
"""More than one, so that a batch of one that was built into a model shows."""


def refuse_unusable_encoder(method: type[Method], config: MethodConfig, with_head: bool = False) -> None:
    """Check what a config brings from elsewhere: its collections, whether it opens, and whether it gives a vector per
    recording. Other methods are not looked at.

    Args:
        with_head: whether a mode of the run trains the encoder with a head.

    Raises:
        UnknownName: a collection that nobody declares. BenchError: the encoder cannot be used; the message says why.
    """
    declared = method.declared_corpora(config)
    if not declared:
        return
    declared_corpus([name for name in declared if name != UNKNOWN])
    try:
        model = seeded_method(method, config, 0)
        vectors = encode_all(model, BatchSource(SignalView(_recordings(model), model.input)), RECORDS)
        if with_head:
            model.head(vectors.shape[1], 1)
    except BenchError:
        raise
    except Exception as error:  # a stranger's network
        raise ConfigError(
            f"{method.name} cannot encode a recording of {method.input_for(config).length:,} samples: {unforeseen(error)}. "
            f"Check the settings of its input (bench explain {typed(method.name)} lists them)."
        ) from error


def _recordings(model: Method) -> ArrayStore:
    """Noise of about 1 mV, of the length that the method reads."""
    draw = np.random.default_rng(0)
    signals = [draw.standard_normal((len(LEADS), model.input.length), np.float32) for _ in range(RECORDS)]
    return ArrayStore(signals, model.input.fs)
