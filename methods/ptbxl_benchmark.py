"""The deep networks of the PTB-XL benchmark, with its head and its training protocol.

Source: Strodthoff, Wagner, Schaeffter and Samek, "Deep Learning for ECG Analysis: Benchmarks and Insights from PTB-XL",
IEEE JBHI 2021, and its released code (helme/ecg_ptbxl_benchmarking). What ESI calls its ResNet50 is ``resnet1d-wang``.
"""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from bench.batch import ECGBatch
from bench.signals.input_spec import InputSpec
from methods.nets.classifier_head import ClassifierHead
from methods.supervised import PTBXL_DEVIATION, PTBXL_MEAN, SupervisedEncoder


class PTBXLBenchmarkNet(SupervisedEncoder):
    """An encoder of the benchmark: 100 Hz, maximum and mean over time, two-layer head, one-cycle training on crops."""

    input = InputSpec(fs=100, seconds=10)
    protocols: ClassVar = {"scratch": {"protocol": "strodthoff"}}

    class Config(SupervisedEncoder.Config):
        fs: int = Field(100, ge=50, description="Hz of the input; Strodthoff et al. 2021")
        mean: float = Field(PTBXL_MEAN, description="mV, subtracted; released code")
        deviation: float = Field(PTBXL_DEVIATION, gt=0, description="mV, divided by; released code")

    def encode(self, batch: ECGBatch) -> Float[Tensor, "record dim"]:
        return self.encoder((batch.ecg - self.config.mean) / self.config.deviation)

    def head(self, dim: int, n_outputs: int) -> nn.Module:
        return ClassifierHead(dim, n_outputs)


class XResNet50(PTBXLBenchmarkNet):
    """An xresnet (residual bottlenecks behind a stem of three convolutions), 50 layers deep.

    Source: Strodthoff et al. 2021, xresnet1d50.
    """

    name = "xresnet1d50"

    class Config(PTBXLBenchmarkNet.Config):
        encoder: str = Field("xresnet1d50", description="Strodthoff et al. 2021")


class XResNet101(PTBXLBenchmarkNet):
    """An xresnet (residual bottlenecks behind a stem of three convolutions), 101 layers deep.

    Source: Strodthoff et al. 2021, xresnet1d101; ESI Table 2, "XResNet101".
    """

    name = "xresnet1d101"

    class Config(PTBXLBenchmarkNet.Config):
        encoder: str = Field("xresnet1d101", description="Strodthoff et al. 2021")


class ResNetWang(PTBXLBenchmarkNet):
    """A residual network of three blocks, all 128 channels wide.

    Source: Strodthoff et al. 2021, resnet1d_wang; ESI Table 2, "ResNet50".
    """

    name = "resnet1d-wang"

    class Config(PTBXLBenchmarkNet.Config):
        encoder: str = Field("resnet1d-wang", description="Strodthoff et al. 2021, after Wang et al., IJCNN 2017")


class ResNet50(PTBXLBenchmarkNet):
    """A residual network of sixteen bottlenecks, all 128 channels wide.

    Source: Strodthoff et al. 2021, released code, resnet1d50.
    """

    name = "resnet1d50"

    class Config(PTBXLBenchmarkNet.Config):
        encoder: str = Field("resnet1d50", description="Strodthoff et al. 2021, 128 channels as released")


class InceptionTime(PTBXLBenchmarkNet):
    """An Inception network: parallel convolutions of three lengths, six deep. Source: Strodthoff et al. 2021, inception1d."""

    name = "inception1d"

    class Config(PTBXLBenchmarkNet.Config):
        encoder: str = Field("inception1d", description="Strodthoff et al. 2021, after Fawaz et al. 2020")


class FCNWang(PTBXLBenchmarkNet):
    """A fully convolutional network of three layers without stride. Source: Strodthoff et al. 2021, fcn_wang."""

    name = "fcn-wang"

    class Config(PTBXLBenchmarkNet.Config):
        encoder: str = Field("fcn-wang", description="Strodthoff et al. 2021, after Wang et al., IJCNN 2017")


class LSTM(PTBXLBenchmarkNet):
    """An LSTM of two layers with 256 units. Source: Strodthoff et al. 2021, lstm; ESI Table 2, "LSTM"."""

    name = "lstm"
    smoke: ClassVar = {"width": 64}
    protocols: ClassVar = {"scratch": {"protocol": "strodthoff", "lr": 1e-3, "clip_norm": 0.25}}

    class Config(PTBXLBenchmarkNet.Config):
        encoder: str = Field("lstm", description="Strodthoff et al. 2021")


class BidirectionalLSTM(PTBXLBenchmarkNet):
    """An LSTM of two layers with 256 units in each direction. Source: Strodthoff et al. 2021, lstm_bidir."""

    name = "lstm-bidir"
    smoke: ClassVar = {"width": 32}
    protocols: ClassVar = LSTM.protocols

    class Config(PTBXLBenchmarkNet.Config):
        encoder: str = Field("lstm-bidir", description="Strodthoff et al. 2021")
