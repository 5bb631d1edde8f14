"""Names of ST-MEM's released files, for :class:`methods.nets.spatiotemporal_mae.SpatioTemporalViT`.

Source: names and shapes of the released files, which hold the encoder alone or with its decoder.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from bench.method.published_names import Rules, within
from methods.nets.checkpoint_names import VIT_BLOCKS

ENCODER: Rules = (
    *((rf"to_patch_embedding\.{i + 1}\.", f"embed.{i}.") for i in range(3)),
    (r"sep_embedding$", "separator"),
    (r"lead_embeddings$", "lead_embedding"),
    *VIT_BLOCKS,
)
"""The encoder alone, after :func:`convert`."""

WHOLE: Rules = (
    *within("encoder.", "", ENCODER),
    (r"to_patch_embedding\.", None),  # the encoder's, listed twice
    (r"(?:mask_embedding|decoder_pos_embed)$", None),
    (r"(?:to_decoder_embedding|decoder_blocks\.\d+|decoder_norm|decoder_head)\.", None),
)
"""Encoder and decoder, after :func:`convert`."""


def convert(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Stack the vectors ``lead_embeddings.0`` to the last into one tensor with a row per lead.

    Where one of them is missing or of another shape, they stay as they are, and no rule knows them.
    """
    leads: dict[int, str] = {}
    prefix = ""
    for name in tensors:
        if match := re.fullmatch(r"((?:module\.)?(?:encoder\.)?)lead_embeddings\.(\d+)", name):
            prefix, leads[int(match[2])] = match[1], name
    rows = [tensors[leads[lead]] for lead in sorted(leads)]
    if sorted(leads) != list(range(len(leads))) or len({row.shape for row in rows}) != 1:
        return tensors
    rest = {name: tensor for name, tensor in tensors.items() if name not in leads.values()}
    return rest | {f"{prefix}lead_embeddings": torch.stack(rows)}
