"""A small method that pretrains, encodes and can be configured to misbehave, for what the runner promises."""

import pytest

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


@pytest.fixture
def small(plugin):
    """Installs the method ``small``; the name of its module."""
    plugin("small_plugin", SMALL)
    return "small_plugin"
