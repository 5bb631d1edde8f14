"""Image encoders by name: timm's ResNet50 and ViT-B/16, which MMCL compares (Table IV), and a small one.

All map float32 [batch, 3, height, width] to [batch, dim], and have ``features``, [batch, dim, row, column], and ``dim``.
"""

from __future__ import annotations

from typing import Any, Literal

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import UnknownName
from methods.text.torchvision_operators import declare_missing_operators

ImageEncoderName = Literal["resnet50", "vit_base_patch16", "small"]


class TimmResNet(nn.Module):
    """ResNet50 without its classifier (23,508,032 parameters); the mean over its last map."""

    dim = 2048
    net: Any

    def __init__(self) -> None:
        super().__init__()
        self.net = _timm("resnet50", num_classes=0, global_pool="")

    def features(self, image: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dim row column"]:
        return self.net.forward_features(image)

    def forward(self, image: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dim"]:
        return self.features(image).mean((2, 3))


class TimmViT(nn.Module):
    """ViT-B/16 without its classifier; the class token. Images are resized to its 224 pixels."""

    dim = 768
    net: Any

    def __init__(self) -> None:
        super().__init__()
        self.net = _timm("vit_base_patch16_224", num_classes=0)

    def _tokens(self, image: Tensor) -> Tensor:
        return self.net.forward_features(F.interpolate(image, size=(224, 224), mode="bilinear", antialias=True))

    def features(self, image: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dim row column"]:
        return self._tokens(image)[:, 1:].transpose(1, 2).unflatten(2, (14, 14))

    def forward(self, image: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dim"]:
        return self._tokens(image)[:, 0]


class SmallCNN(nn.Module):
    """Five convolutions, each of which halves the image; for the smoke profile, in no paper."""

    dim = 64

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 16, 16, 32, 32, self.dim)
        self.net = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
                for a, b in zip(widths, widths[1:], strict=False)
            )
        )

    def features(self, image: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dim row column"]:
        return self.net(image)

    def forward(self, image: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dim"]:
        return self.features(image).mean((2, 3))


ENCODERS: dict[str, type[nn.Module]] = {"resnet50": TimmResNet, "vit_base_patch16": TimmViT, "small": SmallCNN}


def image_encoder(name: str) -> Any:
    """An image encoder with fresh weights.

    Raises:
        UnknownName: there is no such encoder.
    """
    if name not in ENCODERS:
        raise UnknownName("image encoder", name, ENCODERS)
    return ENCODERS[name]()


def _timm(name: str, **options: Any) -> nn.Module:
    declare_missing_operators()  # before timm imports torchvision
    import timm

    return timm.create_model(name, pretrained=False, **options)
