"""Weight files of released models in their authors' layouts, with the closed-form weights of ``fm_recipe.py``.

``LAYOUTS`` names the methods with published weights; ``ReleasedFile.write`` makes the file that ``bench weights import``
takes. Import this module with its folder on ``sys.path``.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from fm_recipe import fill_fm
from safetensors.torch import save_file
from torch import Tensor

HERE = Path(__file__).parent
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class ReleasedFile:
    """The layout of one released file.

    Attributes:
        key: of its names and shapes in ``foundation_models/KEY.json``; ``merl:KEY`` of ``merl_state_shapes.json``; ``ked`` of
            :func:`ked_shapes`.
        content: what the file holds, from tensors under the names of that list.
        suffix: how the file is written: by ``torch.save``, safetensors or Keras.
        settings: config fields of the method that choose the file.
    """

    key: str
    content: Callable[[Tensors], dict] = dict
    suffix: Literal[".pth", ".safetensors", ".h5"] = ".pth"
    settings: dict[str, str] = field(default_factory=dict)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by the names of the list."""
        if self.key == "ked":
            return ked_shapes()
        source, _, key = self.key.rpartition(":")
        if source == "merl":
            prefix = "ecg_encoder."
            every = json.loads((HERE / "merl_state_shapes.json").read_text())[key]
            return {name.removeprefix(prefix): tuple(shape) for name, shape in every if name.startswith(prefix)}
        every = json.loads((HERE / "foundation_models" / f"{key}.json").read_text())["tensors"]
        return {name: tuple(shape) for name, shape in every.items()}

    def tensors(self) -> Tensors:
        """Closed-form tensors under the names of the list."""
        return {name: _closed_form(name, shape) for name, shape in self.shapes().items()}

    def write(self, folder: Path, tensors: Tensors | None = None) -> Path:
        """The file in ``folder``, of closed-form weights unless ``tensors`` are given."""
        content, path = self.content(self.tensors() if tensors is None else tensors), folder / f"released{self.suffix}"
        if self.suffix == ".pth":
            torch.save(content, path)
        elif self.suffix == ".safetensors":
            save_file(content, path)
        else:
            _save_keras(content, path)
        return path


def _lightning(prefix: str) -> Callable[[Tensors], dict]:
    def content(tensors: Tensors) -> dict:
        state = {f"{prefix}{name}": value for name, value in tensors.items()}
        return {"state_dict": state, "hyper_parameters": {}, "callbacks": {}}

    return content


def _trained(tensors: Tensors) -> dict:
    return {"epoch": 1, "state_dict": tensors, "val_auroc": np.float64(0.9)}


def _with_other_heads(names: dict[str, tuple[int, ...]], container: str = "") -> Callable[[Tensors], dict]:
    """With parts that the file has and the encoder does not need."""

    def content(tensors: Tensors) -> dict:
        state = tensors | {name: torch.ones(shape) for name, shape in names.items()}
        return {container: state} if container else state

    return content


def _fairseq(tensors: Tensors) -> dict:
    return {
        "args": None,
        "cfg": {"model": {"_name": "wav2vec2_cmsc"}},
        "model": tensors,
        "criterion": None,
        "optimizer_history": [{"num_updates": 1}],
        "task_state": {},
        "extra_state": {"epoch": 1},
        "last_optimizer_state": {},
    }


def _melp(tensors: Tensors) -> dict:
    return {name.removeprefix("ecg_encoder."): value.bfloat16() for name, value in tensors.items()}


def ked_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of KED's encoder by the rules of its released code: fastai's xresnet1d101 with stages of 64, 128, 128
    and 192, without head. Each convolution of a block is registered twice."""
    shapes: dict[str, tuple[int, ...]] = {}

    def layer(name: str, source: int, target: int, kernel: int) -> None:
        shapes[f"{name}.0.weight"] = (target, source, kernel)
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.1.{part}"] = (target,)
        shapes[f"{name}.1.num_batches_tracked"] = ()

    for i, (source, target) in enumerate(((12, 32), (32, 32), (32, 64))):
        layer(str(i), source, target, 5)
    before = 64
    for stage, (width, blocks) in enumerate(zip((64, 128, 128, 192), (3, 4, 23, 3), strict=True), start=4):
        for i in range(blocks):
            for place in ("convs", "convpath.0"):
                for n, sizes in enumerate(((before, width, 1), (width, width, 5), (width, 4 * width, 1))):
                    layer(f"{stage}.{i}.{place}.{n}", *sizes)
            if before != 4 * width:
                layer(f"{stage}.{i}.idpath.{int(stage > 4)}", before, 4 * width, 1)
            before = 4 * width
    return shapes


HUBERT_HEADS = {"final_proj.0.weight": (256, 4), "label_embedding.0.weight": (500, 256)}
D_BETA_PARTS = (
    "ecg_encoder.mask_emb", "language_encoder.shared.weight", "modality_type_embeddings.weight",
    "multi_modal_ecg_pooler.dense.bias", "mlm_head.bias", "mim_head.mask_token", "itm_head.fc.bias",
)  # fmt: skip
LAYOUTS = {
    "ecgfounder": ReleasedFile("ecgfounder_12lead", _trained),
    "ecgfounder-1lead": ReleasedFile("ecgfounder_1lead", _trained),
    "clef-small": ReleasedFile("clef_small", _lightning("backbone.")),
    "clef-medium": ReleasedFile("clef_medium", _lightning("backbone.")),
    "clef-large": ReleasedFile("clef_large", _lightning("backbone.")),
    "ecg-fm": ReleasedFile("ecg_fm", _fairseq),
    "melp": ReleasedFile("melp", _melp, ".safetensors"),
    "d-beta": ReleasedFile("d_beta", _with_other_heads(dict.fromkeys(D_BETA_PARTS, (4,)), "model")),
    **{
        f"hubert-ecg-{size}": ReleasedFile(f"hubert_ecg_{size}", _with_other_heads(HUBERT_HEADS), ".safetensors")
        for size in ("small", "base", "large")
    },
    "ecg-jepa": ReleasedFile("ecg_jepa", lambda tensors: {"encoder": tensors, "epoch": 100}),
    "heartlang": ReleasedFile(
        "heartlang", lambda tensors: {"model": tensors, "epoch": 200, "args": argparse.Namespace(lr=1.0)}
    ),
    "st-mem-released": ReleasedFile(
        "st_mem_vit_base", lambda tensors: {"model": tensors, "epoch": 1, "config": {"a": "b"}}
    ),
    "st-mem-released, full": ReleasedFile(
        "st_mem_full", lambda tensors: {"model": tensors, "epoch": 1}, settings={"weights": "full"}
    ),
    "merl-released": ReleasedFile("merl:resnet18"),
    "merl-released, vit-tiny": ReleasedFile("merl:vit_tiny", settings={"weights": "vit-tiny"}),
    "ecg-ked": ReleasedFile(
        "ked",
        lambda tensors: {
            "model": {"a": torch.ones(1)},
            "ecg_model": tensors,
            "text_encoder": {},
            "config": {},
            "epoch": 3,
        },
    ),
    "ecg-cpc": ReleasedFile("ecg_cpc", lambda tensors: {"state_dict": tensors, "hyper_parameters": {}}),
    "pclr": ReleasedFile("pclr", suffix=".h5"),
    "pclr-lead-ii": ReleasedFile("pclr_lead_II", suffix=".h5"),
    "c3po-pclr": ReleasedFile("c3po_pclr", suffix=".h5"),
    "ribeiro-resnet": ReleasedFile("ribeiro_resnet", suffix=".h5"),
}
"""By ``METHOD`` or ``METHOD, VARIANT``."""

_OLDER = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}


def _closed_form(name: str, shape: tuple[int, ...]) -> Tensor:
    """The recipe's weights. Keras's kernels are (kernel, in, out); weight norm has its older names in the recipe."""
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    variable = name.rpartition("/")[2]
    if variable == "kernel":
        return torch.from_numpy(fill_fm(name, shape, kind="bias") * np.float32(20 * np.sqrt(3 / np.prod(shape[:-1]))))
    kinds = {"gamma": "gain", "beta": "bias", "moving_mean": "mean", "moving_variance": "var"}
    kind = "embed" if name.endswith(".query") else kinds.get(variable)
    known = re.sub("|".join(map(re.escape, _OLDER)), lambda match: _OLDER[match[0]], name)
    return torch.from_numpy(fill_fm(known, shape, kind=kind))


def _save_keras(tensors: Tensors, path: Path) -> None:
    """As ``model.save`` writes it."""
    import h5py

    with h5py.File(path, "w") as file:
        for name, value in tensors.items():
            layer, variable = name.split("/")
            file[f"model_weights/{layer}/{layer}/{variable}:0"] = value.numpy()
