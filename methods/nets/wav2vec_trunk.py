"""The wav2vec-like trunk of ECG-FM, MELP, D-BETA and HuBERT-ECG: convolutions, then a post-LayerNorm transformer.

Sources: Baevski et al. (wav2vec 2.0), NeurIPS 2020, and the architectures of the four releases. Quantisers, mask vectors and
prediction heads serve pretraining alone and are not built; neither are dropout and layer drop.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import ConfigError
from bench.method.published_names import Rules


class ConvLayer(nn.Module):
    """Convolution without padding and bias, GroupNorm per channel over time if asked for, GELU."""

    def __init__(self, channels: int, width: int, kernel: int, stride: int, norm: bool):
        super().__init__()
        self.conv = nn.Conv1d(channels, width, kernel, stride, bias=False)
        self.norm = nn.GroupNorm(width, width) if norm else nn.Identity()

    def forward(self, x: Float[Tensor, "batch channel time"]) -> Float[Tensor, "batch width position"]:
        return F.gelu(self.norm(self.conv(x)))


class FeatureExtractor(nn.Module):
    """Convolutions of one width; the first alone is normalised.

    Args:
        channels: of the input.
        width: of all layers.
        kernels, strides: of each layer.
    """

    def __init__(self, channels: int, width: int, kernels: Sequence[int], strides: Sequence[int]):
        super().__init__()
        widths = pairwise((channels, *[width] * len(kernels)))
        self.conv_layers = nn.ModuleList(
            ConvLayer(before, after, kernel, stride, norm=layer == 0)
            for layer, ((before, after), kernel, stride) in enumerate(zip(widths, kernels, strides, strict=True))
        )

    def forward(self, x: Float[Tensor, "batch channel time"]) -> Float[Tensor, "batch width position"]:
        for layer in self.conv_layers:
            x = layer(x)
        return x


class PositionalConvolution(nn.Module):
    """Relative positions: a wide grouped convolution over the tokens, then GELU.

    The kernel is weight-normalised for each of its taps: ``weight_g * weight_v / |weight_v|``, where the norm runs over the
    channels in and out. An even kernel gives one token too many; the last is dropped.

    Args:
        dim: channels in and out.
        kernel: tokens that one position sees.
        groups: of channels.
    """

    def __init__(self, dim: int, kernel: int = 128, groups: int = 16):
        super().__init__()
        self.kernel, self.groups = kernel, groups
        start = torch.randn(dim, dim // groups, kernel) * (4 / (kernel * dim)) ** 0.5
        self.weight_v = nn.Parameter(start)
        self.weight_g = nn.Parameter(_tap_norms(start))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, tokens: Float[Tensor, "batch token dim"]) -> Float[Tensor, "batch token dim"]:
        weight = self.weight_v * (self.weight_g / _tap_norms(self.weight_v))
        x = F.conv1d(tokens.transpose(1, 2), weight, self.bias, padding=self.kernel // 2, groups=self.groups)
        return F.gelu(x[..., : tokens.shape[1]]).transpose(1, 2)


def _tap_norms(weight: Float[Tensor, "out in tap"]) -> Float[Tensor, "1 1 tap"]:
    return torch.linalg.vector_norm(weight, dim=(0, 1), keepdim=True)


class Attention(nn.Module):
    """Multi-head self-attention with separate projections, each with a bias."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        if dim % heads:
            raise ConfigError(f"width {dim} is not a multiple of {heads} attention heads; change one of them.")
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, x: Float[Tensor, "batch token dim"]) -> Float[Tensor, "batch token dim"]:
        q, k, v = (
            project(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        return self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class PostNormBlock(nn.Module):
    """``x = norm(x + attention(x))``, then ``x = norm(x + mlp(x))``."""

    def __init__(self, dim: int, heads: int, hidden: int):
        super().__init__()
        self.self_attn = Attention(dim, heads)
        self.self_attn_layer_norm = nn.LayerNorm(dim)
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)
        self.final_layer_norm = nn.LayerNorm(dim)

    def forward(self, x: Float[Tensor, "batch token dim"]) -> Float[Tensor, "batch token dim"]:
        x = self.self_attn_layer_norm(x + self.self_attn(x))
        return self.final_layer_norm(x + self.fc2(F.gelu(self.fc1(x))))


class PostNormEncoder(nn.Module):
    """LayerNorm, then blocks; no norm after them, since each block ends in one."""

    def __init__(self, dim: int, heads: int, hidden: int, depth: int):
        super().__init__()
        self.layer_norm = nn.LayerNorm(dim)
        self.layers = nn.ModuleList(PostNormBlock(dim, heads, hidden) for _ in range(depth))

    def forward(self, tokens: Float[Tensor, "batch token dim"]) -> Float[Tensor, "batch token dim"]:
        tokens = self.layer_norm(tokens)
        for layer in self.layers:
            tokens = layer(tokens)
        return tokens


class Wav2vecTrunk(nn.Module):
    """From a signal to tokens. The defaults are ECG-FM's, except for its 12 blocks.

    Args:
        channels: of the input.
        width, kernels, strides: of the convolutions.
        dim, heads, hidden, depth: width, attention heads, hidden width of the MLP and number of the blocks.

    Attributes:
        dim: length of a token.
    """

    def __init__(
        self,
        channels: int = 12,
        width: int = 256,
        kernels: Sequence[int] = (2, 2, 2, 2),
        strides: Sequence[int] = (2, 2, 2, 2),
        dim: int = 768,
        heads: int = 12,
        hidden: int = 3072,
        depth: int = 8,
    ):
        super().__init__()
        self.dim = dim
        self.feature_extractor = FeatureExtractor(channels, width, kernels, strides)
        self.layer_norm = nn.LayerNorm(width)
        self.post_extract_proj = nn.Linear(width, dim)
        self.conv_pos = PositionalConvolution(dim)
        self.encoder = PostNormEncoder(dim, heads, hidden, depth)

    def embed(self, ecg: Float[Tensor, "batch channel time"]) -> Float[Tensor, "batch token dim"]:
        """The tokens with their positions, before the encoder."""
        tokens = self.post_extract_proj(self.layer_norm(self.feature_extractor(ecg).transpose(1, 2)))
        return tokens + self.conv_pos(tokens)

    def forward(self, ecg: Float[Tensor, "batch channel time"]) -> Float[Tensor, "batch token dim"]:
        """The tokens after the last block."""
        return self.encoder(self.embed(ecg))


def weight_norm(published: str, own: str) -> Rules:
    """Rules for a weight-normalised convolution, which torch has written under two pairs of names."""
    return (
        (rf"{published}\.(?:weight_g|parametrizations\.weight\.original0)$", f"{own}.weight_g"),
        (rf"{published}\.(?:weight_v|parametrizations\.weight\.original1)$", f"{own}.weight_v"),
        (rf"{published}\.bias$", f"{own}.bias"),
    )


FAIRSEQ_TRUNK: Rules = (
    (r"feature_extractor\.conv_layers\.(\d+)\.0\.", r"feature_extractor.conv_layers.\1.conv."),
    (r"feature_extractor\.conv_layers\.(\d+)\.2\.", r"feature_extractor.conv_layers.\1.norm."),
    (r"layer_norm\.", "layer_norm."),
    (r"post_extract_proj\.", "post_extract_proj."),
    *weight_norm(r"conv_pos\.pos_conv\.0", "conv_pos"),
    (r"encoder\.layer_norm\.", "encoder.layer_norm."),
    (r"encoder\.layers\.", "encoder.layers."),
    (r"mask_emb$", None),
    (r"quantizer\.", None),
    (r"project_q\.", None),
    (r"final_proj\.", None),
)
"""The trunk as fairseq-signals writes it (ECG-FM, MELP, D-BETA); what serves pretraining alone is dropped."""
