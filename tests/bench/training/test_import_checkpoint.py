"""Importing published weights: every name accounted for, nothing partial, nothing unpickled. The method is made up."""

import hashlib
import json
import pickle
import zipfile
from dataclasses import replace

import pytest
import torch
from pydantic import Field
from torch import nn

from bench.errors import ConfigError, DataError, UnknownName
from bench.method import Method, MethodConfig
from bench.method.published_names import PublishedNames, within
from bench.signals.leads import LEADS, MIMIC_ORDER
from bench.storage.artifacts import SEAL
from bench.training.checkpoint import CheckpointSpec, seeded_method
from bench.training.checkpoint_files import load_weights, read_config, read_provenance
from bench.training.import_checkpoint import import_checkpoint
from bench.training.published_file import read_weights
from bench.weights.checkpoint import checkpoint_of_file

ENCODER = ((r"conv\.", "0."), (r"bn\.", "1."), (r"classifier\.", None))


class Small(Method):
    name = "small"
    corpus = "somewhere"

    class Config(MethodConfig):
        width: int = Field(4)

    def build(self, config):
        self.encoder = nn.Sequential(nn.Conv1d(12, config.width, 3), nn.BatchNorm1d(config.width))
        self.projector = nn.Linear(config.width, 2)

    @classmethod
    def published_names(cls, config):
        return {
            "model": PublishedNames((*within("backbone.", "encoder.", ENCODER), (r"proj\.", "projector.")), LEADS),
            "encoder": PublishedNames(within("", "encoder.", ENCODER), LEADS, covers="encoder."),
        }


class Unpublished(Method):
    name = "unpublished"


def encoder_file() -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    state = {
        "conv.weight": torch.randn(4, 12, 3, generator=draw),
        "conv.bias": torch.randn(4, generator=draw),
        "classifier.weight": torch.randn(10, 4, generator=draw),
    }
    names = ("weight", "bias", "running_mean", "running_var")
    return state | {f"bn.{name}": torch.rand(4, generator=draw) for name in names}


def model_file() -> dict[str, torch.Tensor]:
    whole = {f"backbone.{name}": tensor for name, tensor in encoder_file().items()}
    return whole | {"proj.weight": torch.ones(2, 4), "proj.bias": torch.zeros(2)}


def save(path, content):
    torch.save(content, path)
    return path


def kept(folder) -> Small:
    method = seeded_method(Small, read_config(Small, folder), 1)
    load_weights(method, folder)
    return method


@pytest.mark.parametrize("wrapped", [None, "state_dict", "model"])
def test_a_whole_model_becomes_a_checkpoint_with_an_account_of_its_names(tmp_path, wrapped):
    state = {f"module.{name}": tensor for name, tensor in model_file().items()}  # as data-parallel training saves it
    path = save(tmp_path / "best.pth", {"epoch": 3, wrapped: state} if wrapped else state)
    folder, report = import_checkpoint(Small, Small.Config(), path, tmp_path / "checkpoints")
    method = kept(folder)
    assert torch.equal(method.encoder[0].weight, state["module.backbone.conv.weight"])
    assert torch.equal(method.encoder[1].running_var, state["module.backbone.bn.running_var"])
    assert torch.equal(method.projector.weight, torch.ones(2, 4))
    assert report.matched["module.proj.bias"] == "projector.bias"
    assert report.unused == ["module.backbone.classifier.weight"]
    assert not report.initial

    facts = read_provenance(folder)
    assert facts["imported"]["file"] == "best.pth"
    assert facts["imported"]["whole"]
    assert facts["imported"]["names"]["unused"] == report.unused
    assert facts["imported"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert facts["corpus"]["dataset"] == "somewhere"
    again, _ = import_checkpoint(Small, Small.Config(), path, tmp_path / "checkpoints")
    assert again == folder


def test_an_encoder_alone_is_imported_only_as_such(tmp_path):
    path = save(tmp_path / "encoder.pth", encoder_file())
    with pytest.raises(DataError, match=r"7 unknown .*Nothing was imported\. It fits as --part encoder"):
        import_checkpoint(Small, Small.Config(), path, tmp_path / "checkpoints")
    assert not (tmp_path / "checkpoints").exists()
    folder, report = import_checkpoint(Small, Small.Config(), path, tmp_path / "checkpoints", "encoder")
    assert report.initial == ["projector.weight", "projector.bias"]
    assert not read_provenance(folder)["imported"]["whole"]
    assert torch.equal(kept(folder).encoder[0].bias, encoder_file()["conv.bias"])


def test_a_file_named_in_place_of_a_checkpoint_is_imported_as_the_part_that_fits(tmp_path):
    checkpoints = tmp_path / "checkpoints"
    for file, state, part in (("m.pth", model_file(), "model"), ("e.pth", encoder_file(), "encoder")):
        path = save(tmp_path / file, state)
        folder = checkpoint_of_file(Small, Small.Config(), checkpoints, path)
        assert read_provenance(folder)["corpus"]["part"] == part
        assert checkpoint_of_file(Small, Small.Config(), checkpoints, path) == folder
        assert import_checkpoint(Small, Small.Config(), path, checkpoints, part)[0] == folder
    path = save(tmp_path / "cut.pth", {n: t for n, t in encoder_file().items() if n != "conv.bias"})
    with pytest.raises(DataError, match=r"does not fit small as --part encoder: 5 tensors match, 1 missing"):
        checkpoint_of_file(Small, Small.Config(), checkpoints, path)
    with pytest.raises(DataError, match=r"absent"):
        checkpoint_of_file(Small, Small.Config(), checkpoints, save(tmp_path / "absent.pth", {"a": 1}))
    with pytest.raises(ConfigError, match=r"m\.pth: unpublished: no layout"):
        checkpoint_of_file(Unpublished, Unpublished.Config(), checkpoints, tmp_path / "m.pth")
    assert len([f for f in checkpoints.iterdir() if not f.name.startswith(".")]) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("proj.bias"), "1 missing (projector.bias)"),
        (lambda s: s.update({"brand.new": torch.zeros(1)}), "1 unknown (brand.new)"),
        (lambda s: s.update({"proj.extra": torch.zeros(1)}), "1 that lead nowhere (proj.extra)"),
        (
            lambda s: s.update({"proj.weight": torch.zeros(2, 5)}),
            "1 of another shape (proj.weight is [2, 5], expected [2, 4])",
        ),
    ],
)
def test_what_does_not_fit_whole_is_refused(tmp_path, change, words):
    state = model_file()
    change(state)
    with pytest.raises(DataError) as message:
        import_checkpoint(Small, Small.Config(), save(tmp_path / "a.pth", state), tmp_path / "checkpoints")
    assert words in str(message.value)
    assert not (tmp_path / "checkpoints").exists()


class Runs:
    """What a pickle may do when it is opened."""

    def __reduce__(self):
        return (open, ("/tmp/should-never-be-written", "w"))


@pytest.mark.parametrize("content", [{"model": model_file(), "extra": Runs()}, Runs(), nn.Linear(2, 2)])
def test_objects_are_not_unpickled(tmp_path, content):
    path = tmp_path / "a.pth"
    torch.save(content, path)
    with pytest.raises(DataError, match=r"a\.pth: it holds objects of .*(open|torch\.nn\.modules\.linear\.Linear)"):
        read_weights(path)


def test_other_files_are_refused_with_the_reason(tmp_path):
    (tmp_path / "text.pth").write_text("no weights")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(DataError, match="begins with the bytes .* not a file of weights"):
        read_weights(tmp_path / "text.pth")
    with pytest.raises(DataError, match=r"not readable|without named tensors"):
        read_weights(tmp_path / "plain.pth")
    with pytest.raises(DataError, match="no such file"):
        read_weights(tmp_path / "absent.pth")
    with pytest.raises(DataError, match="found also epoch"):
        read_weights(save(tmp_path / "flat.pth", {"conv.weight": torch.ones(1), "epoch": 3}))
    with pytest.raises(DataError, match="a list without named tensors"):
        read_weights(save(tmp_path / "list.pth", [torch.ones(1)]))


def test_safetensors_are_read_too(tmp_path):
    from safetensors.torch import save_file

    save_file(model_file(), tmp_path / "a.safetensors")
    assert read_weights(tmp_path / "a.safetensors").keys() == model_file().keys()


def test_methods_without_published_names_and_unknown_parts(tmp_path):
    with pytest.raises(ConfigError, match="no layout of published checkpoints"):
        import_checkpoint(Unpublished, Unpublished.Config(), tmp_path / "a", tmp_path)
    with pytest.raises(UnknownName, match="Did you mean 'encoder'"):
        import_checkpoint(Small, Small.Config(), tmp_path / "a", tmp_path, "encodr")


def test_a_named_checkpoint_is_keyed_by_its_weights(tmp_path):
    one = import_checkpoint(Small, Small.Config(), save(tmp_path / "a.pth", model_file()), tmp_path / "c")[0]
    other_state = model_file() | {"proj.bias": torch.ones(2)}
    other = import_checkpoint(Small, Small.Config(), save(tmp_path / "b.pth", other_state), tmp_path / "c")[0]
    assert one != other
    corpus = {"dataset": "x"}
    keys = {CheckpointSpec(Small, Small.Config(), corpus, given=folder).key for folder in (one, other)}
    assert len(keys | {CheckpointSpec(Small, Small.Config(), corpus).key}) == 3
    assert CheckpointSpec(Small, Small.Config(), corpus, given=one).folder(tmp_path) == one


class LearnedMimic(Small):
    """The same network, whose authors trained it on MIMIC-IV-ECG's order of leads."""

    @classmethod
    def published_names(cls, config):
        axes = {"encoder.0.weight": 1}
        return {k: replace(v, lead_order=MIMIC_ORDER, lead_axes=axes) for k, v in Small.published_names(config).items()}


def test_an_imported_network_is_given_the_leads_in_the_order_that_it_learned(tmp_path):
    path = save(tmp_path / "a.pth", model_file())
    folder, _ = import_checkpoint(LearnedMimic, Small.Config(), path, tmp_path / "c")
    other, _ = import_checkpoint(Small, Small.Config(), path, tmp_path / "c")
    swapped, _ = import_checkpoint(LearnedMimic, Small.Config(), path, tmp_path / "c", leads=[x.upper() for x in LEADS])
    ours = torch.randn(2, 12, 20, generator=torch.Generator().manual_seed(0))  # in the order of LEADS
    theirs = ours[:, [LEADS.index(lead) for lead in MIMIC_ORDER]]
    published, imported = kept(other).encoder[0], kept(folder).encoder[0]
    torch.testing.assert_close(imported(ours), published(theirs))
    assert not torch.allclose(imported(theirs), published(theirs))
    assert torch.equal(kept(swapped).encoder[0].weight, published.weight)
    assert read_provenance(folder)["corpus"]["lead_order"] == list(MIMIC_ORDER)
    assert len({folder, other, swapped}) == 3
    keys = {CheckpointSpec(Small, Small.Config(), {"dataset": "x"}, given=one).key for one in (folder, other)}
    assert len(keys) == 2


def test_an_order_that_cannot_be_followed_is_refused(tmp_path):
    path = save(tmp_path / "a.pth", model_file())
    with pytest.raises(ConfigError, match=r"expected all of I, II, .*V6, each once"):
        import_checkpoint(Small, Small.Config(), path, tmp_path / "c", leads=("I", "II"))
    with pytest.raises(ConfigError, match=r"does not state which weights read the leads"):
        import_checkpoint(Small, Small.Config(), path, tmp_path / "c", leads=MIMIC_ORDER)
    assert not (tmp_path / "c").exists()


def test_a_checkpoint_imported_without_an_order_of_leads_is_refused(tmp_path):
    folder = import_checkpoint(Small, Small.Config(), save(tmp_path / "a.pth", model_file()), tmp_path / "c")[0]
    facts = read_provenance(folder)
    del facts["corpus"]["lead_order"]
    (folder / SEAL).unlink()  # as an earlier version left it
    (folder / "provenance.json").write_text(json.dumps(facts))
    with pytest.raises(DataError, match="imported by an earlier version .* bench checkpoints import small FILE"):
        read_config(Small, folder)


def test_a_checkpoint_of_another_method_is_refused(tmp_path):
    folder = import_checkpoint(Small, Small.Config(), save(tmp_path / "a.pth", model_file()), tmp_path / "c")[0]

    class Other(Small):
        name = "other"

    with pytest.raises(DataError, match="a checkpoint of small, expected one of other"):
        read_config(Other, folder)


def test_a_state_dict_that_expands_is_refused(tmp_path):
    torch.save({"weight": torch.zeros(1 << 16)}, tmp_path / "plain.pt")
    with zipfile.ZipFile(tmp_path / "plain.pt") as old, zipfile.ZipFile(tmp_path / "bomb.pt", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name), zipfile.ZIP_DEFLATED)
    assert read_weights(tmp_path / "plain.pt")["weight"].numel() == 1 << 16
    with pytest.raises(DataError, match="torch.save compresses nothing"):
        read_weights(tmp_path / "bomb.pt")
