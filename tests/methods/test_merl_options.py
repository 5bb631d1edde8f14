"""MERL's encoders and options: what its paper and its released code disagree on, each a name."""

import json

import pytest
import torch
from pydantic import ValidationError

from bench.runner.overrides import method_config, parse_overrides
from bench.seeding import seeded
from bench.signals.windows import normalise
from bench.task import ClassName
from methods.merl import MERL, thousandths
from methods.nets.backbones import backbone
from methods.nets.merl_heads import FeatureMapHeads, MERLNet, VectorHeads

CLASSES = [ClassName("inferior myocardial infarction", "IMI"), ClassName("normal ECG", "NORM")]

ENCODERS = {
    "resnet18": 3_848_832,
    "resnet34": 7_223_168,
    "resnet50": 15_959_168,
    "resnet101": 28_266_624,
    "vit-tiny": 5_473_152,
    "vit-small": 21_563_136,
    "vit-middle": 38_188_032,
    "vit-base": 85_593_600,
}


@pytest.mark.parametrize("name", ENCODERS)
def test_every_published_encoder_has_its_size_and_its_heads(name):
    with torch.device("meta"):
        net = MERLNet(backbone(name))
    assert sum(p.numel() for p in net.encoder.parameters()) == ENCODERS[name]
    assert isinstance(net.heads, VectorHeads if name.startswith("vit") else FeatureMapHeads)


def config_with(*texts: str, profile: str = "smoke") -> MERL.Config:
    return method_config(MERL, profile, parse_overrides(texts, ["merl"]))


def made(small_corpus, *texts: str):
    with seeded(0):
        method = MERL(config_with(*texts))
    corpus, batch = small_corpus(method.input)
    method.prepare_corpus(corpus)
    return method, batch


def test_a_vit_answers_everything(small_corpus):
    method, batch = made(small_corpus, "merl.encoder=vit-tiny", "merl.width=24")
    losses = method.pretraining_loss(batch)
    assert set(losses) == {"cma", "uma"}
    assert method.encode(batch).shape == (8, 24)
    assert method.zero_shot(batch, CLASSES).shape == (8, 2)


def test_the_text_encoder_is_frozen_unless_its_top_is_told_to_train(small_corpus):
    frozen, _ = made(small_corpus)
    assert not [name for name, _ in frozen.named_parameters() if name.startswith("text.")]
    top, batch = made(small_corpus, "merl.text_grad=top6", "merl.text.max_tokens=16")
    assert top.config.text.trainable_layers == 6
    sum(top.pretraining_loss(batch).values()).backward()
    learning = {name for name, p in top.named_parameters() if name.startswith("text.") and p.grad is not None}
    assert learning == {n for n, p in top.named_parameters() if n.startswith("text.") and p.requires_grad}
    assert all(".layer." in name for name in learning)
    assert config_with("merl.text_grad=frozen", "merl.text.trainable_layers=3").text.trainable_layers == 0
    with pytest.raises(ValidationError, match="text_grad"):
        MERL.Config(text_grad="half")


def test_hyperparameters_of_the_paper_and_of_the_released_file():
    paper, released = MERL.Config().pretrain, MERL.Config(hyperparameters="config").pretrain
    assert (paper.epochs, paper.batch_size, paper.lr, paper.weight_decay) == (50, 4096, 2e-4, 1e-5)
    assert (released.epochs, released.batch_size, released.lr, released.weight_decay) == (21, 1024, 1e-3, 1e-8)
    assert (paper.schedule, released.schedule, released.restart_steps) == ("cosine", "cosine-restarts", 5000)
    message = config_with("merl.hyperparameters=config", "merl.pretrain.epochs=3", profile="paper").pretrain
    assert (message.epochs, message.lr) == (3, 1e-3)
    small = config_with("merl.hyperparameters=config").pretrain
    assert (small.epochs, small.weight_decay) == (MERL.smoke["pretrain.epochs"], 1e-8)
    again = MERL.Config.model_validate(MERL.Config(hyperparameters="config").model_dump())
    assert again.pretrain == released


def test_prompts_come_from_a_file_by_the_code_of_the_class(small_corpus, tmp_path):
    path = tmp_path / "CKEPE_prompt.json"
    path.write_text(json.dumps({"IMI": "Q waves in inferior leads", "NORM": "sinus rhythm, no abnormality"}))
    plain, batch = made(small_corpus)
    asked, _ = made(small_corpus, "merl.prompts.kind=file", f"merl.prompts.file={path}")
    asked.load_state_dict(plain.state_dict())
    with torch.no_grad():
        scores = asked.eval().zero_shot(batch, CLASSES)
        expected = plain.eval().zero_shot(batch, ["Q waves in inferior leads", "sinus rhythm, no abnormality"])
    torch.testing.assert_close(scores, expected)
    with pytest.raises(ValidationError, match="no file"):
        MERL.Config(prompts={"kind": "file", "file": tmp_path / "absent.json"})


def test_thousandths_are_those_of_the_released_pretraining_data(golden, small_corpus):
    """Reference: MERL's preparation of MIMIC-IV-ECG, on a synthetic recording in mV."""
    stored = golden("merl_mimic_preproc.npz")
    raw = (golden("inputs_ecg8.npz")["ecg8"][3].double() - 0.5) * 3
    raw[7] *= 2
    torch.testing.assert_close(raw[:, ::25], stored["raw_slice"], atol=1e-12, rtol=0)
    cut = thousandths(torch.from_numpy(normalise(raw[None].float().numpy(), "minmax")))
    assert torch.equal((cut[0, :, ::25] * 1000).round(), stored["int16_slice"].float())
    method, batch = made(small_corpus, "merl.pretraining_signal=thousandths")
    reads = []
    method.net.register_forward_pre_hook(lambda _, inputs: reads.append(inputs[0]))
    method.eval().pretraining_loss(batch)
    method.zero_shot(batch, CLASSES)
    assert torch.equal(reads[0], thousandths(batch.ecg))
    assert torch.equal(reads[1], batch.ecg)
