"""A small method that pretrains, encodes and can be told to misbehave, for what the runner promises."""

import pytest

SMALL = '''
    import os
    import signal
    import time
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
            dies: str = Field("", description="task at which the process is killed")
            sleeps: float = Field(0.0, description="s that encoding takes")

        def build(self, config):
            self.net = nn.Linear(100, 4)

        def pretraining_loss(self, batch):
            return {"mean": (self.encode(batch).mean(1) - batch.ecg.mean((1, 2))).square().mean()}

        def encode(self, batch):
            time.sleep(self.config.sleeps)
            return self.net(batch.ecg.mean(1))

        def head(self, dim, n_outputs):
            if n_outputs == 5 and self.config.dies:  # ptbxl-super's five classes
                os.kill(os.getpid(), signal.SIGKILL)
            return nn.Linear(dim, n_outputs)
'''


@pytest.fixture
def small(plugin):
    """Installs the method ``small``; the name of its module."""
    plugin("small_plugin", SMALL)
    return "small_plugin"
