"""Map the parameter names of published checkpoints to the names here.

A table is a sequence of rules ``(pattern, replacement)``. The first pattern that matches the start of a name rewrites
that part of it; ``None`` drops the tensor. A name that no rule knows is an error: silence would leave random weights.
"""

from __future__ import annotations

from bench.method.published_names import Rules, within

MERL_RESNET_ENCODER: Rules = (
    (r"conv1\.", "stem.0."),
    (r"bn1\.", "stem.1."),
    *(
        (rf"layer{stage}\.(\d+)\.{theirs}\.", rf"stages.{stage - 1}.\1.{ours}.")
        for stage in (1, 2, 3, 4)
        for theirs, ours in {
            "conv1": "body.0",
            "bn1": "body.1",
            "conv2": "body.3",
            "bn2": "body.4",
            "conv3": "body.6",
            "bn3": "body.7",
            "shortcut": "shortcut",
        }.items()
    ),
    (r"linear\.", None),  # a 10-way classifier that nothing calls
)
"""MERL's encoder-only checkpoints with a ResNet."""

VIT_BLOCKS: Rules = (
    (r"pos_embedding$", "positions"),
    (r"block(\d+)\.attn\.norm\.", r"blocks.\1.norm1."),
    (r"block(\d+)\.attn\.fn\.to_qkv\.", r"blocks.\1.attn.qkv."),
    (r"block(\d+)\.attn\.fn\.to_out\.0\.", r"blocks.\1.attn.proj."),
    (r"block(\d+)\.ff\.norm\.", r"blocks.\1.norm2."),
    (r"block(\d+)\.ff\.fn\.net\.0\.", r"blocks.\1.mlp.fc1."),
    (r"block(\d+)\.ff\.fn\.net\.3\.", r"blocks.\1.mlp.fc2."),
    (r"norm\.", "norm."),
)
"""The transformer behind the patches, in MERL's and ST-MEM's files."""

MERL_VIT_ENCODER: Rules = (
    (r"to_patch_embedding\.", "patch_embedding."),
    *VIT_BLOCKS,
)
"""MERL's encoder-only checkpoints with a ViT."""

_MERL_HEADS: Rules = (
    (r"downconv\.", "heads.reduce."),
    (r"att_pool_head\.positional_embedding$", "heads.pool.positions"),
    (r"att_pool_head\.cls_token$", "heads.pool.class_token"),
    (r"att_pool_head\.mhsa\.", "heads.pool.attention."),
    (r"att_pool_head\.c_proj\.", "heads.pool.project."),
    (r"proj_e\.", "heads.project."),
    (r"linear(1|2)\.", r"heads.branch\1."),
    (r"proj_t\.", "text_projector."),
    (r"lm_model\.", None),  # the text encoder is loaded from its own publisher
)


MERL_RESNET: Rules = (*within("ecg_encoder.", "encoder.", MERL_RESNET_ENCODER), *_MERL_HEADS)
"""MERL's whole-model checkpoints with a ResNet, for :class:`methods.nets.merl_heads.MERLNet`."""

MERL_VIT: Rules = (*within("ecg_encoder.", "encoder.", MERL_VIT_ENCODER), *_MERL_HEADS)
"""MERL's whole-model checkpoints with a ViT."""

ESI_CONVNEXT: Rules = (
    (r"downsample_layers\.", "downsamplers."),
    *(
        (rf"stages\.(\d)\.(\d+)\.{theirs}\.", rf"stages.\1.\2.{ours}.")
        for theirs, ours in {
            "dwconv": "depthwise",
            "norm": "norm",
            "pwconv1": "widen",
            "grn": "response_norm",
            "pwconv2": "narrow",
        }.items()
    ),
    (r"norm\.", "norm."),
    (r"head\.", None),  # a classifier that nothing calls
)
"""ESI's ConvNeXt encoder, for :class:`methods.nets.convnext.ConvNeXt`."""

_CAPTIONER: Rules = (
    *(
        (rf"multimodal_layers\.(\d+)\.{number}\.fn\.{theirs}", rf"layers.\1.{block}.{ours}")
        for number, block, names in (
            (
                0,
                "causal",
                {
                    r"norm\.gamma$": "norm.gain",
                    r"norm\.beta$": "norm.offset",
                    r"rotary_emb\.inv_freq$": "rates",
                    r"fused_attn_ff_proj\.": "project.",
                    r"attn_out\.": "attention_out.",
                    r"ff_out\.1\.": "mlp_out.",
                },
            ),
            (
                1,
                "cross",
                {
                    r"norm\.gamma$": "norm.gain",
                    r"norm\.beta$": "norm.offset",
                    r"to_q\.": "queries.",
                    r"to_kv\.": "keys_values.",
                    r"to_out\.": "attention_out.",
                    r"ff\.0\.": "mlp.widen.",
                    r"ff\.2\.": "mlp.narrow.",
                },
            ),
        )
        for theirs, ours in names.items()
    ),
    (r"multimodal_layers\.(\d+)\.0\.fn\.(?:mask|pos_emb)$", None),  # tables that are made again for each length
    (r"to_logits\.0\.gamma$", "norm.gain"),
    (r"to_logits\.0\.beta$", "norm.offset"),
    (r"to_logits\.1\.", "vocabulary."),
)

ESI: Rules = (
    *within("img_encoder.", "encoder.", ESI_CONVNEXT),
    (r"img_token_head\.", "ecg_token."),
    (r"img_attn_pool_norm\.gamma$", "ecg_norm.gain"),
    (r"img_attn_pool_norm\.beta$", "ecg_norm.offset"),
    (r"(?:img_attn_pool|img_queries|text_cls_norm)(?:\.|$)", None),  # nothing that the release computes depends on them
    (r"img_to_latents\.to_latents\.", "project_ecg."),
    (r"text_to_latents\.to_latents\.", "project_text."),
    (r"temperature$", "log_scale"),
    (r"pretrained_text_encoder\.(?:pooler\.|embeddings\.position_ids$)", None),
    (r"pretrained_text_encoder\.", "text.trained.transformer."),
    (r"unimodal_layers\.", None),  # the same text encoder, listed twice
    *within("", "captioner.", _CAPTIONER),
)
"""ESI's whole-model checkpoints, for :class:`methods.esi.ESI` with a text encoder that trains."""

_DAN_BLOCK = {
    "idfunc_0": "up",
    "idfunc_1": "shortcut",
    "conv1": "conv1",
    "conv2": "conv2",
    "bn1": "norm1",
    "bn2": "norm2",
}

DAN: Rules = (
    (r"encoder\.input_conv\.", "encoder.input_conv."),
    *((rf"encoder\.encoder\.(\d+)\.{a}\.", rf"encoder.blocks.\1.{b}.") for a, b in _DAN_BLOCK.items()),
    (r"encoder\.attention\.lead_mha\.", "encoder.lead_attention.attention."),
    (r"encoder\.attention\.lead_mlp\.", "encoder.lead_attention."),
    (r"encoder\.attention\.norm2\.", "encoder.lead_attention.norm1."),
    (r"encoder\.attention\.lead_norm_1\.", "encoder.lead_attention.norm2."),
    (r"encoder\.attention\.time_mha\.(\d+)\.", r"encoder.time_attention.\1.attention."),
    (r"encoder\.attention\.time_mlp\.(\d+)\.", r"encoder.time_attention.\1."),
    (r"encoder\.attention\.time_norm_1\.(\d+)\.", r"encoder.time_attention.\1.norm1."),
    (r"encoder\.attention\.mlp_norm_1\.(\d+)\.", r"encoder.time_attention.\1.norm2."),
    (r"encoder\.attention\.attention_pool_1\.1\.", "encoder.average_pool."),
    (r"encoder\.attention\.attention_pool_2\.1\.", "encoder.max_pool."),
    (r"decoder\.linear\.", "decoder.linear."),
    *((rf"decoder\.decoder\.(\d+)\.{a}\.", rf"decoder.blocks.\1.{b}.") for a, b in _DAN_BLOCK.items()),
    (r"decoder\.final_conv\.0\.", "decoder.smooth."),
)
"""LLM-DAN's encoder and decoder, as released; the norms' names there do not say which comes first."""
