"""BatchNorm whose statistics are those of the whole batch, over all processes, as in one process.

torch's SyncBatchNorm does this on GPUs and refuses processors, for which there is :class:`GlobalBatchNorm`.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bench.training.distributed import ranks, total


class GlobalBatchNorm(_BatchNorm):
    """BatchNorm of any dimension, in training over the records of all processes."""

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"expected [record, channel, ...], got {list(input.shape)}")

    def forward(self, input: Float[Tensor, "record channel ..."]) -> Float[Tensor, "record channel ..."]:
        if ranks() == 1 or not (self.training or self.running_mean is None):
            return super().forward(input)
        self._check_input_dim(input)
        x = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
        others = [d for d in range(x.ndim) if d != 1]
        shape = [-1 if d == 1 else 1 for d in range(x.ndim)]
        count = x.numel() // x.shape[1]
        *_, n = sums = total(torch.cat([x.sum(others), x.new_tensor([count])]))
        mean = sums[:-1] / n
        centred = x - mean.view(shape)
        variance = total(centred.square().sum(others)) / n
        out = centred * (variance + self.eps).rsqrt().view(shape)
        if self.weight is not None:
            out = out * self.weight.view(shape) + self.bias.view(shape)
        if self.training and self.running_mean is not None:
            self._follow(mean.detach(), variance.detach() * (n / (n - 1)))
        return out.to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(unbiased_variance.to(self.running_var.dtype), share)


def over_all_processes(module: nn.Module, device: torch.device) -> nn.Module:
    """``module`` with each BatchNorm in it exchanged for one over all processes; weights and their names stay."""
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(module)
    if type(module) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
        return _exchanged(module)  # type: ignore[arg-type]
    for name, child in module.named_children():
        setattr(module, name, over_all_processes(child, device))
    return module


def _exchanged(old: _BatchNorm) -> GlobalBatchNorm:
    new = GlobalBatchNorm(old.num_features, old.eps, old.momentum, old.affine, old.track_running_stats)
    new.weight, new.bias = old.weight, old.bias
    new.running_mean, new.running_var = old.running_mean, old.running_var
    new.num_batches_tracked = old.num_batches_tracked
    return new.train(old.training)
