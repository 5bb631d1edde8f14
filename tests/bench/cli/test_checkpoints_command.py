"""``bench checkpoints import`` and ``bench run --checkpoint`` with files in the layout that MERL's authors publish."""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.frozen_encoder import FrozenEncoder

GOLDEN = Path(__file__).parents[2] / "golden"
RUN = ("run", "-m", "merl", "-t", "ptbxl-super", "--no-track", "--json")


@pytest.fixture(scope="module")
def published():
    """MERL's whole model with a ResNet18, text encoder left out, as its training saves it: recipe weights."""
    spec = importlib.util.spec_from_file_location("recipe", GOLDEN / "recipe.py")
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    shapes = json.loads((GOLDEN / "merl_state_shapes.json").read_text())["resnet18"]
    return {
        f"module.{name}": torch.from_numpy(recipe.fill(name, tuple(shape), recipe.kind_of(name, tuple(shape))))
        if shape
        else torch.tensor(0)
        for name, shape in shapes
    }


@pytest.fixture(scope="module")
def encoder_file(published, tmp_path_factory):
    path = tmp_path_factory.mktemp("published") / "res18_best_encoder.pth"
    prefix = "module.ecg_encoder."
    torch.save({n.removeprefix(prefix): t for n, t in published.items() if n.startswith(prefix)}, path)
    return path


@pytest.fixture(scope="module")
def text_model(tmp_path_factory):
    """A text encoder as wide as MedCPT, of one layer."""
    from methods.text import models
    from methods.text.torchvision_operators import declare_missing_operators

    declare_missing_operators()
    import transformers

    folder = tmp_path_factory.mktemp("text") / "bert"
    config = transformers.BertConfig(
        hidden_size=768, num_hidden_layers=1, num_attention_heads=12, intermediate_size=16, max_position_embeddings=64
    )
    torch.manual_seed(0)
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (folder / file).write_bytes((models.find_model("minilm").folder / file).read_bytes())
    return ("--set", f"merl.text.model={folder}", "--set", "merl.text.pooling=cls")


def test_an_encoder_is_imported_accounted_for_and_probed_but_not_asked_zero_shot(bench, workspace, encoder_file):
    done = bench("checkpoints", "import", "merl", str(encoder_file), "--part", "encoder", "--set", "merl.fs=100")
    assert done.code == 0, done.err
    said = " ".join(done.err.split())
    assert "unused: linear.weight" in said
    assert "keeps its initial weights: net.heads.pool.class_token" in said
    (folder,) = [p for p in workspace.checkpoints.iterdir() if not p.name.startswith(".")]
    assert f"--checkpoint merl={folder.name}" in said

    probe = bench(*RUN, "--mode", "linear", "--set", "linear.epochs=2", "--checkpoint", f"merl={folder.name}")
    assert probe.code == 0, probe.err
    (result,) = json.loads(probe.out)
    assert result["checkpoint"]["name"] == folder.name
    assert result["checkpoint"]["imported"]["file"] == encoder_file.name
    assert result["checkpoint"]["corpus"]["dataset"] == "mimic-iv-ecg"
    assert result["config"]["method"]["width"] is None  # the checkpoint's own config, not that of the smoke profile
    assert "pretrain" not in probe.err.replace("pretrained", "")

    file = shutil.copy(encoder_file, workspace.root / encoder_file.name)
    settings = ("--set", "linear.epochs=2", "--set", "merl.fs=100", "--checkpoint", f"merl={file}")
    on_the_fly = bench(*RUN, "--mode", "linear", *settings)
    assert on_the_fly.code == 0, on_the_fly.err
    (same,) = json.loads(on_the_fly.out)  # the part that fits was taken, and the import that was there
    assert same["checkpoint"] == result["checkpoint"]
    file.write_bytes(b"another")  # of the same name: what was known of the run no longer holds
    assert f"{file}: " in bench(*RUN, "--mode", "linear", *settings).err
    frozen = FrozenEncoder("merl", checkpoint=encoder_file, settings={"fs": 100}, workspace=workspace.root)
    assert frozen.transform(np.ones((1, 12, 5000), np.float32)).shape[0] == 1

    refused = bench(*RUN, "--mode", "zeroshot", "--checkpoint", f"merl={folder}")
    assert refused.code == 1
    assert "imported from an encoder alone" in " ".join(bench("runs", "--failed").out.split())


def test_a_whole_model_needs_its_text_encoder_and_then_answers_zero_shot(
    bench, workspace, published, text_model, tmp_path
):
    path = tmp_path / "res18_best_ckpt.pth"
    torch.save(published, path)
    refused = bench("checkpoints", "import", "merl", str(path))
    assert refused.code == 2
    assert "proj_t.0.weight is [256, 768], expected [256, 384]" in " ".join(refused.err.split())
    assert not list(workspace.checkpoints.glob("*"))

    done = bench("checkpoints", "import", "merl", str(path), *text_model, "--json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report["matched"]["module.proj_t.0.weight"] == "net.text_projector.0.weight"
    assert not (report["missing"] or report["mismatched"] or report["initial"])
    name = Path(report["checkpoint"]).name
    answered = bench(*RUN, "--mode", "zeroshot", "--checkpoint", f"merl={name}")
    assert answered.code == 0, answered.err
    (result,) = json.loads(answered.out)
    assert result["checkpoint"]["imported"]["whole"]
    again = bench(*RUN, "--mode", "zeroshot", "--checkpoint", f"merl={name}")
    assert json.loads(again.out)[0]["key"] == result["key"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("kmerl=somewhere", "expected METHOD=FOLDER or METHOD=FILE with one of merl"),
        ("merl", "expected METHOD=FOLDER"),
        ("merl=nowhere", "no checkpoint at nowhere or "),
        ("merl=", "--checkpoint merl=: the path is empty"),
    ],
)
def test_a_checkpoint_that_is_not_there_is_refused_before_anything_runs(bench, workspace, given, words):
    done = bench(*RUN, "--mode", "zeroshot", "--checkpoint", given)
    assert done.code == 2
    assert words in " ".join(done.err.split())
    assert not workspace.results.exists()


def test_files_that_nobody_published(bench, tmp_path):
    torch.save({"brand.new": torch.zeros(1)}, tmp_path / "a.pth")
    done = bench("checkpoints", "import", "merl", str(tmp_path / "a.pth"))
    assert done.code == 2
    assert "1 unknown (brand.new)" in " ".join(done.err.split())
    assert "no layout" in bench("checkpoints", "import", "kmerl", str(tmp_path / "a.pth")).err
    assert "no such file" in bench("checkpoints", "import", "merl", str(tmp_path / "b.pth")).err
