"""A small method for tests of runs, and hand-made finished cells for tests of what reads results."""

from __future__ import annotations

import pandas as pd
import pytest

from bench.cells.cell import Cell
from bench.cells.result import Result, write_result
from bench.storage.artifacts import digest

SMALL = '''
    import os
    import resource
    import signal
    import time
    from pathlib import Path
    import numpy as np
    import torch
    from torch import nn
    from bench.method import Method, MethodConfig
    from bench.signals.input_spec import InputSpec
    from pydantic import Field

    class Small(Method):
        """A linear encoder, pretrained to rebuild its input's mean."""
        name = "small"
        input = InputSpec(fs=100, seconds=1)
        smoke = {"pretrain.epochs": 2, "pretrain.batch_size": 16}

        class Config(MethodConfig):
            dies: str = Field("", description="file that says how fine-tuning ptbxl-super ends")
            sleeps: float = Field(0.0, description="s that encoding takes")

        def build(self, config):
            self.net = nn.Linear(100, 4)

        def pretraining_loss(self, batch):
            return {"mean": (self.encode(batch).mean(1) - batch.ecg.mean((1, 2))).square().mean()}

        def encode(self, batch):
            time.sleep(self.config.sleeps)
            return self.net(batch.ecg.mean(1))

        def zero_shot(self, batch, names):
            return self.encode(batch) @ torch.linspace(-1, 1, 4 * len(names)).reshape(4, -1)

        def head(self, dim, n_outputs):
            if n_outputs == 5 and self.config.dies and Path(self.config.dies).exists():  # ptbxl-super's five classes
                self.die(Path(self.config.dies))
            return nn.Linear(dim, n_outputs)

        def die(self, file):
            how = file.read_text()
            if how == "sys.exit":
                raise SystemExit(0)
            if how == "os._exit":
                os._exit(0)
            if how == "hangs":
                time.sleep(600)
            if how.isdigit():  # so often the kernel finds that memory is used up, and that we hold most
                file.write_text(str(int(how) - 1)) if int(how) > 1 else file.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
            held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            before = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (held + (64 << 20), before[1]))
            try:
                torch.zeros(1 << 30) if how == "torch" else np.ones(1 << 30)
            finally:
                resource.setrlimit(resource.RLIMIT_AS, before)
'''
"""Pretrains, encodes, scores classes and can be configured to misbehave."""


def _result(
    method="kmerl",
    task="ptbxl-super",
    mode="linear",
    value=0.8,
    width=0.02,
    *,
    leads=None,
    fraction=1.0,
    seed=0,
    fold=0,
    training=0,
    data="real",
    profile="paper",
    complete=True,
    split_digest=None,
    config=None,
    protocol=None,
    metric="macro_auroc",
    n_records=2158,
    left_out=(),
    per_class=None,
    started="2026-01-01T00:00:00+00:00",
    corpus="mimic-ecg",
    contamination="none",
) -> Result:
    where = {"leads": tuple(leads)} if leads else {}
    cell = Cell(method, task, mode, fraction=fraction, seed=seed, fold=fold, training=training, **where)
    split_digest = split_digest or digest([task, fold])
    config = {"method": config or {"backbone": "resnet18"}} | ({mode: protocol or {"epochs": 100}})
    return Result(
        key=digest([cell.to_dict(), data, profile, split_digest, config, started, corpus]),
        cell=cell,
        profile=profile,
        data=data,
        score={
            "kind": "multilabel",
            "metrics": {metric: {"value": value, "low": value - width, "high": value + width}},
            "per_class": per_class or {"NORM": {"auroc": value}, "LAFB/LPFB": {"auroc": None}},
            "left_out": list(left_out),
            "thresholds": None,
            "n_records": n_records,
            "n_clusters": n_records,
            "support": {"NORM": 963},
            "bootstrap": 1000,
            "seed": 0,
            "notes": [],
        },
        counts={"train": 17084, "validation": 2146, "test": n_records, "expected": None},
        split={"name": task, "digest": split_digest, "complete": complete, "fold": fold},
        dataset={
            "name": task.split("-")[0],
            "version": "1.0.3",
            "digest": digest([task.split("-")[0], complete]),
            "fs": 500.0,
        },
        checkpoint={"key": "c0ffee", "corpus": {"dataset": corpus, "store": "ab" * 16}} if corpus else {},
        config=config,
        selection={"metric": metric, "value": 0.81, "epoch": 7},
        provenance={"started": started, "seconds": {"encode": 1.5, "probe": 2.0}, "git_commit": "0" * 40},
        contamination=contamination,
    )


@pytest.fixture(scope="session")
def make_result():
    """A function that makes a Result in memory; keywords change what matters."""
    return _result


@pytest.fixture(scope="session")
def store_result():
    """A function that writes such a Result, with two predictions, into a result store."""

    def store(results, **keywords) -> Result:
        rows = {"record_id": ["1", "2"], "patient_id": ["1", "2"], "partition": "test", "target_NORM": [0, 1]}
        return write_result(results, _result(**keywords), pd.DataFrame(rows | {"score_NORM": [0.1, 0.9]}))

    return store


@pytest.fixture(scope="session")
def tiny_text(tmp_path_factory):
    """The folder of a text encoder of one narrow layer with random weights: MiniLM takes most of a small run's time."""
    from methods.text import models
    from methods.text.torchvision_operators import declare_missing_operators

    declare_missing_operators()
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("text") / "tiny"
    config = transformers.BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, max_position_embeddings=256
    )
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (folder / file).write_bytes((models.find_model("minilm").folder / file).read_bytes())
    return str(folder)


@pytest.fixture
def small(plugin):
    """Installs the method ``small``; the name of its module."""
    plugin("small_plugin", SMALL)
    return "small_plugin"
