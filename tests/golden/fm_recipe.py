"""Closed-form weights and inputs for the released-foundation-model goldens (own code, no reference code).

Builds on recipe.py: fill(name, shape, kind).  `kind_fm` adds three rules to recipe.kind_of:
  'embed' : 0.5*s         learned or fixed position / lead / separator / class / mask vectors (see EMBED)
  'gain'  : 1 + 0.2*s     also for the magnitude tensor of a weight-normalised convolution (weight_g, ...original0)
  'scale' : 0.5 + 0.1*s   layer-scale vectors
Every parameter and every float buffer of the state dict is filled, trainable or not, used or not;
integer buffers (num_batches_tracked, relative indices) keep the value that the constructor gives them.
`gain_of(model_key)` multiplies the 'weight' kind only (1 unless listed in GAIN).
"""

import numpy as np
from recipe import fill, kind_of, signed

EMBED = (
    "pos_embed",
    "pos_embedding",
    "position_embeddings",
    "lead_embedding",
    "lead_embeddings",
    "sep_embedding",
    "cls_embedding",
    "cls_token",
    "mask_emb",
    "mask_token",
    "mask_embedding",
    "masked_spec_embed",
    "time_embed",
    "temporal_embed",
    "spatial_embed",
    "in_embed",
    "positional_embedding",
    "class_embedding",
    "query_tokens",
)
GAIN = {}


def kind_fm(name, shape):
    parts = name.split(".")
    if parts[-1] in ("weight_g", "original0"):
        return "gain"
    if any(p in EMBED for p in parts):
        return "embed"
    if parts[-1] in ("gamma_1", "gamma_2"):
        return "scale"
    return kind_of(name, shape)


def fill_fm(name, shape, gain=1.0, kind=None):
    kind = kind or kind_fm(name, tuple(shape))
    if kind == "embed":
        return (0.5 * signed(name, int(np.prod(shape)))).reshape(shape).astype(np.float32)
    if kind == "scale":
        return (0.5 + 0.1 * signed(name, int(np.prod(shape)))).reshape(shape).astype(np.float32)
    v = fill(name, tuple(shape), kind)
    return (v * np.float32(gain)).astype(np.float32) if kind == "weight" and gain != 1.0 else v


def ecg(name, batch, leads, samples, fs):
    """float32 (batch, leads, samples); two quite different rows, each lead different."""
    t = np.arange(samples, dtype=np.float64) / fs
    out = np.empty((batch, leads, samples))
    noise = signed(name, batch * leads * samples).reshape(batch, leads, samples)
    for b in range(batch):
        period = 0.8 + 0.3 * b
        phase = np.mod(t, period) - 0.4
        for c in range(leads):
            beat = (0.4 + 0.1 * c) * np.exp(-0.5 * (phase / 0.02) ** 2) * (1 if (c + b) % 3 else -1)
            wave = 0.2 * np.exp(-0.5 * ((phase - 0.25) / 0.05) ** 2)
            out[b, c] = (
                beat + wave + 0.1 * (1 + b) * np.sin(2 * np.pi * (0.5 + 0.2 * b) * t + 0.3 * c) + 0.05 * noise[b, c]
            )
    return out.astype(np.float32)
