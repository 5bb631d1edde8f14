"""The encoders that ESI trains without pretraining, for comparison."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from methods.supervised import SupervisedEncoder


class ConvNeXtTiny(SupervisedEncoder):
    """One-dimensional ConvNeXt V2, tiny, 26.81 M parameters. Source: ESI (Yu et al., TMLR 2024), Table 2.

    The paper states neither rate nor training of this row: whole recordings at 500 Hz, the mode's own defaults.
    """

    name = "convnext1d-tiny"
    smoke: ClassVar = {"fs": 100, "width": 16}

    class Config(SupervisedEncoder.Config):
        encoder: str = Field("convnext-tiny", description="ESI Table 2")


class ConvNeXtBase(SupervisedEncoder):
    """One-dimensional ConvNeXt V2, base, 85.56 M parameters. Source: ESI (Yu et al., TMLR 2024), Table 2."""

    name = "convnext1d-base"
    smoke: ClassVar = {"fs": 100, "width": 16}

    class Config(SupervisedEncoder.Config):
        encoder: str = Field("convnext-base", description="ESI Table 2")


class ViTBase(SupervisedEncoder):
    """A one-dimensional ViT, base. Source: ESI (Yu et al., TMLR 2024), Table 5(b).

    ESI counts 84.92 M parameters and released no such network; this is MERL's ViT-base, 85.59 M.
    """

    name = "vit1d"
    smoke: ClassVar = {"fs": 100, "width": 96, "depth": 4}

    class Config(SupervisedEncoder.Config):
        encoder: str = Field("vit-base", description="MERL's (ICML 2024), the nearest released one in size")
