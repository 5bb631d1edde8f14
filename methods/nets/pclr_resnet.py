"""The residual network of Ribeiro et al. and PCLR, from Keras.

Sources: Ribeiro et al., "Automatic diagnosis of the 12-lead ECG using a deep neural network", Nature Communications
2020; Diamant et al., "Patient contrastive learning", PLOS Computational Biology 2022; the layers of the released files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from bench.method.published_names import Rules
from methods.nets.same_padding import SameConv, same_max_pool

KERNEL = 16
STEM = 64
WIDTHS = (128, 196, 256, 320)
STRIDES = {4096: (4, 4, 4, 4), 2500: (2, 4, 4, 4)}
"""Samples of the input -> strides of the units."""


def _norm(dim: int) -> nn.BatchNorm1d:
    return nn.BatchNorm1d(dim, eps=1e-3)


class ResidualUnit(nn.Module):
    """Two convolutions; the sum goes on unchanged as the next shortcut, and activated as the next input.

    Args:
        before, after: channels in and out.
        stride: of the second convolution and of the shortcut's maximum.
    """

    def __init__(self, before: int, after: int, stride: int):
        super().__init__()
        self.stride = stride
        self.skip = nn.Conv1d(before, after, 1, bias=False)
        self.conv1 = SameConv(before, after, KERNEL, bias=False)
        self.norm1 = _norm(after)
        self.conv2 = SameConv(after, after, KERNEL, stride, bias=False)
        self.norm2 = _norm(after)

    def forward(
        self, shortcut: Float[Tensor, "batch dim time"], x: Float[Tensor, "batch dim time"]
    ) -> tuple[Float[Tensor, "batch wide position"], Float[Tensor, "batch wide position"]]:
        main = self.conv2(F.relu(self.norm1(self.conv1(x))))
        total = main + self.skip(same_max_pool(shortcut, self.stride))
        return total, F.relu(self.norm2(total))


class KerasResNet(nn.Module):
    """The mean over time of the last activation: PCLR's representation, and the usual one of Ribeiro's network.

    Args:
        leads: rows of the recording.
        strides: of the four units; see :data:`STRIDES`.
        stem_norm: whether a BatchNorm follows the first convolution. PCLR's released network for lead II has none.

    Attributes:
        dim: 320.
    """

    def __init__(self, leads: int = 12, strides: tuple[int, ...] = STRIDES[4096], stem_norm: bool = True):
        super().__init__()
        self.dim = WIDTHS[-1]
        self.stem = SameConv(leads, STEM, KERNEL, bias=False)
        self.stem_norm = _norm(STEM) if stem_norm else nn.Identity()
        befores = (STEM, *WIDTHS[:-1])
        self.units = nn.ModuleList(ResidualUnit(*sizes) for sizes in zip(befores, WIDTHS, strides, strict=True))

    def features(self, ecg: Float[Tensor, "batch time lead"]) -> Float[Tensor, "batch dim position"]:
        """The last activation; Ribeiro's classifier reads it flattened, position by position."""
        shortcut = x = F.relu(self.stem_norm(self.stem(ecg.transpose(1, 2))))
        for unit in self.units:
            shortcut, x = unit(shortcut, x)
        return x

    def forward(self, ecg: Float[Tensor, "batch time lead"]) -> Float[Tensor, "batch dim"]:
        return self.features(ecg).mean(-1)


_CONVOLUTIONS = ("skip", "conv1", "conv2")
_NORMS = ("norm1", "norm2")
_VARIABLES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def layers_by_number(names: Iterable[str], kind: str) -> list[str]:
    """Layers of one kind in the order in which the model made them.

    Keras numbers them from a count of the session, so that the first may be ``conv1d``, ``conv1d_1`` or ``conv1d_13``;
    HDF5 lists them by the alphabet. The order of the numbers is always that of the model.
    """
    numbers = {
        match[0]: int(match[1] or 0)
        for name in names
        if (match := re.fullmatch(rf"{kind}(?:_(\d+))?", name.split("/")[0]))
    }
    return sorted(numbers, key=numbers.__getitem__)


def convert(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Keras's layers by their place in the network, and its kernels (kernel, in, out) in torch's order.

    Every unit makes the convolution of its shortcut first. An odd number of BatchNorms means that one follows the first
    convolution. Tensors of other layers keep their names.

    Args:
        tensors: ``LAYER/VARIABLE`` -> tensor, of :func:`bench.training.keras_file.read_keras_tensors`.
    """
    places = {}
    for number, layer in enumerate(layers_by_number(tensors, "conv1d")):
        unit, part = divmod(number - 1, len(_CONVOLUTIONS))
        places[layer] = f"units.{unit}.{_CONVOLUTIONS[part]}" if number else "stem"
    norms = layers_by_number(tensors, "batch_normalization")
    if len(norms) % 2:
        places[norms.pop(0)] = "stem_norm"
    for number, layer in enumerate(norms):
        unit, part = divmod(number, len(_NORMS))
        places[layer] = f"units.{unit}.{_NORMS[part]}"

    converted = {}
    for name, tensor in tensors.items():
        layer, _, variable = name.partition("/")
        known = layer in places and variable in _VARIABLES
        turned = tensor.permute(2, 1, 0).contiguous() if known and tensor.ndim == 3 else tensor
        converted[f"{places[layer]}.{_VARIABLES[variable]}" if known else name] = turned
    return converted


PCLR: Rules = ((r"(stem|stem_norm|units)\.", r"\1."),)
"""PCLR's and C3PO-PCLR's files after :func:`convert`."""

RIBEIRO: Rules = (*PCLR, (r"dense(?:_\d+)?/", None))  # six diagnoses
"""Ribeiro's file after :func:`convert`."""
