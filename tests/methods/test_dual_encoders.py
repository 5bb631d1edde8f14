"""ETP and METS: what each adds to two encoders, and the options that their papers leave open."""

import json

import pytest
import torch
from pydantic import ValidationError

from bench import registry
from bench.method import MethodConfig
from bench.runner.overrides import method_config
from bench.seeding import seeded
from bench.task import ClassName
from bench.training.checkpoint import CheckpointSpec
from methods.etp import ETP
from methods.losses.contrastive import info_nce
from methods.mets import METS
from methods.text import tower
from methods.text.prompts import prompts_for

CLASSES = [ClassName("inferior myocardial infarction", "IMI"), ClassName("normal ECG", "NORM")]


def made(cls, corpus_of, **settings):
    config = method_config(cls, "smoke")
    with seeded(0):
        method = cls(config.model_validate(config.model_dump() | settings))
    corpus, batch = corpus_of(method.input)
    method.prepare_corpus(corpus)
    return method, corpus, batch


@pytest.fixture(scope="module")
def etp(small_corpus):
    return made(ETP, small_corpus)


@pytest.fixture(scope="module")
def mets(small_corpus):
    return made(METS, small_corpus)


def test_etp_meets_in_512_dimensions_through_two_linear_heads(etp):
    method, _, batch = etp
    assert method.project_ecg.weight.shape == (512, method.encoder.dim)
    assert method.project_text.weight.shape == (512, method.text.dim)
    method.eval()
    with torch.no_grad():
        ecg = method.project_ecg(method.encoder(batch.ecg))
        text = method.project_text(method.text.encoder.encode(batch.text))
        expected = info_nce(ecg, text, 0.07, directions="mean")
        torch.testing.assert_close(method.pretraining_loss(batch)["contrastive"], expected, rtol=1e-5, atol=1e-6)


def test_etp_at_paper_size_is_merls_resnet_and_adam_at_its_settings():
    config = ETP.Config()
    assert (config.encoder, config.dim, config.temperature) == ("resnet18", 512, 0.07)
    settings = config.pretrain
    assert settings.optimiser == "adam"
    assert (settings.epochs, settings.batch_size, settings.lr, settings.weight_decay) == (50, 128, 2e-3, 1e-5)


def test_etp_temperature_trains_only_if_told(etp, small_corpus):
    assert not etp[0].log_scale.requires_grad
    learned, _, batch = made(ETP, small_corpus, learn_temperature=True, projection="mlp")
    assert torch.isclose((-learned.log_scale).exp(), torch.tensor(0.07))
    learned.pretraining_loss(batch)["contrastive"].backward()
    assert learned.log_scale.grad.abs() > 0
    assert learned.project_ecg[2].weight.shape == (512, 512)


def test_etp_asks_for_a_class_by_its_sentence(etp):
    method, _, batch = etp
    method.eval()
    with torch.no_grad():
        scores = method.zero_shot(batch, CLASSES)
        ecg = torch.nn.functional.normalize(method.project_ecg(method.encoder(batch.ecg)))
        asked = method.text.encoder.encode(
            ["this ecg indicates inferior myocardial infarction", "this ecg indicates normal ecg"]
        )
        text = torch.nn.functional.normalize(method.project_text(asked))
    torch.testing.assert_close(scores, ecg @ text.T, rtol=1e-4, atol=1e-5)


def test_mets_trains_towards_the_frozen_embedding_of_prefix_and_report(mets):
    method, corpus, batch = mets
    method.eval()
    expected = method.text.encoder.encode([f"The report of the ECG is that {text}" for text in corpus.text])
    torch.testing.assert_close(method.text.reports(batch), expected, rtol=1e-4, atol=1e-5)
    trainable = {name.split(".")[0] for name, p in method.named_parameters() if p.requires_grad}
    assert trainable == {"encoder", "project"}
    assert method.text.encoder.max_tokens == 100


def test_mets_leaves_the_positive_out_only_if_told(mets, small_corpus):
    method, _, batch = mets
    other, _, _ = made(METS, small_corpus, exclude_positive=True)
    other.load_state_dict(method.state_dict())
    method.eval()
    other.eval()
    with torch.no_grad():
        assert other.pretraining_loss(batch)["contrastive"] < method.pretraining_loss(batch)["contrastive"]


@pytest.mark.parametrize("cls", [ETP, METS])
def test_prompts_do_not_change_which_checkpoint_serves(cls):
    plain = cls.Config()
    asked = plain.model_validate(plain.model_dump() | {"prompts": {"kind": "names"}})
    other = plain.model_validate(plain.model_dump() | {"width": 8})
    keys = [CheckpointSpec(cls, config, {"dataset": "made-up"}).key for config in (plain, asked, other)]
    assert keys[0] == keys[1] != keys[2]
    assert MethodConfig.after_training == frozenset()


def test_a_prompt_file_finds_a_class_by_the_code_that_its_name_carries(tmp_path):
    path = tmp_path / "CKEPE_prompt.json"
    path.write_text(json.dumps({"IMI": "Q waves in II, III and aVF", "NORM": "no abnormality"}))
    config = ETP.Config(prompts={"kind": "file", "file": path}).prompts
    assert prompts_for(CLASSES, config) == ["q waves in ii, iii and avf", "no abnormality"]
    again = ETP.Config.model_validate(ETP.Config(prompts=config).model_dump()).prompts
    assert again.sha256 == config.sha256
    path.write_text(json.dumps({"IMI": "another", "NORM": "one"}))
    with pytest.raises(ValidationError, match="now has"):
        type(config).model_validate(config.model_dump())
    with pytest.raises(ValidationError, match="kind=file uses it"):
        ETP.Config(prompts={"file": path})


@pytest.mark.parametrize("name", ["merl", "kmerl", "etp", "mets", "random-resnet"])
def test_a_frozen_text_encoder_is_loaded_when_a_text_is_read(name, small_corpus, monkeypatch):
    def load(config):
        raise AssertionError("loaded")

    monkeypatch.setattr(tower, "text_encoder", load)
    cls = registry.load(registry.METHODS, name)
    method = cls(method_config(cls, "smoke"))
    _, batch = small_corpus(method.input)
    with torch.no_grad():
        assert len(method.encode(batch)) == len(batch)
    with pytest.raises(AssertionError, match="loaded"):
        method.text.prompts(["normal ECG"], torch.device("cpu"))
