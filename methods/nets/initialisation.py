"""Initial weights that a paper states and torch does not use by default."""

from __future__ import annotations

from torch import nn


def kaiming(module: nn.Module) -> None:
    """Kaiming-normal convolutions and linear layers with zero bias; BatchNorm passes through. For ``net.apply``.

    Source: Strodthoff et al., IEEE JBHI 2021, released code, which so overrides what each architecture prescribes.
    """
    if isinstance(module, nn.Conv1d | nn.Linear):
        nn.init.kaiming_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm1d):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)
