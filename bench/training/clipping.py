"""Clip gradients; report a gradient that is not finite, with a fix. Only a loss scaler makes such gradients on purpose."""

from __future__ import annotations

from typing import Any

from lightning_fabric import Fabric
from torch.optim import Optimizer

from bench.errors import BenchError


def clip_gradients(fabric: Fabric, module: Any, optimiser: Optimizer, max_norm: float, lower: str) -> None:
    """Clip the global norm.

    Under ``16-mixed`` the loss is multiplied by a factor that is sought by overflowing: such a step is left out by the
    scaler, and is no error.

    Args:
        module: as the fabric has set it up.
        lower: the field of the learning rate, for the message.

    Raises:
        BenchError: the norm is not finite, though the loss is.
    """
    scaled = getattr(fabric.strategy.precision, "scaler", None) is not None
    try:
        fabric.clip_gradients(module, optimiser, max_norm=max_norm, error_if_nonfinite=not scaled)
    except RuntimeError as error:
        if "non-finite" not in str(error):
            raise
        raise BenchError(f"the gradient is not finite, though the loss is: lower {lower}.") from error
