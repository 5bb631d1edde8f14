"""ECG-FM's network as its authors probe it.

Source: McKeen et al., arXiv 2408.05178, and its released architecture, which is smaller than the paper's.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from bench.method.published_names import Rules, within
from methods.nets.wav2vec_trunk import FAIRSEQ_TRUNK, Wav2vecTrunk


class ECGFMNet(nn.Module):
    """The trunk, then the sum over tokens divided by the number of values that are not zero, channel by channel.

    That is the mean, unless tokens were set to zero.

    Args:
        depth: blocks of the trunk.

    Attributes:
        dim: length of the pooled vector.
    """

    def __init__(self, depth: int = 12):
        super().__init__()
        self.trunk = Wav2vecTrunk(depth=depth)
        self.dim = self.trunk.dim

    def forward(self, ecg: Float[Tensor, "batch 12 time"]) -> Float[Tensor, "batch dim"]:
        return nonzero_mean(self.trunk(ecg))


def nonzero_mean(tokens: Float[Tensor, "batch token dim"]) -> Float[Tensor, "batch dim"]:
    """The mean over tokens, where values of exactly zero are not counted; 0 where all are."""
    return tokens.sum(1) / tokens.count_nonzero(1).clamp(min=1)


ECG_FM_PRETRAINED: Rules = within("", "trunk.", FAIRSEQ_TRUNK)
"""ECG-FM's pretrained files."""

ECG_FM_FINETUNED: Rules = (*within("encoder.", "trunk.", FAIRSEQ_TRUNK), (r"proj\.", None))
"""ECG-FM's fine-tuned files, without the classifier."""
