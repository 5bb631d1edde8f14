"""Encoders that others made: opened, fed as they declare, pooled to vectors, and never trusted with more than tensors."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from bench.checks.method_subject import take_rows
from bench.checks.synthetic_corpus import synthetic_corpus
from bench.errors import BenchError, ConfigError
from bench.method.independence import check_batches
from methods.encoder import Encoder
from methods.text.torchvision_operators import declare_missing_operators

LENGTH = 1000


class Net(nn.Module):
    def __init__(self, leads: int = 12, pool: bool = True):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.pool = nn.Conv1d(leads, 8, 15, stride=8, padding=7), nn.BatchNorm1d(8), pool

    def forward(self, x):
        maps = torch.relu(self.norm(self.conv(x)))
        return maps.mean(-1) if self.pool else maps


def made(**config) -> Encoder:
    method = Encoder(Encoder.Config(fs=100, **config))
    return method.eval()


def batch_for(method: Encoder, records: int = 5):
    return synthetic_corpus(method.input, records)[1]


def export(path, net: nn.Module, shape=(2, 12, LENGTH), dynamic: bool = True):
    sizes = ({0: torch.export.Dim("record", min=1, max=4096)},) if dynamic else None
    torch.export.save(torch.export.export(net.eval(), (torch.zeros(shape),), dynamic_shapes=sizes), path)
    return path


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return export(tmp_path_factory.mktemp("exported") / "model.pt2", Net())


def test_an_exported_program_answers_as_the_network_did(exported):
    method = made(path=str(exported))
    batch = batch_for(method)
    with torch.no_grad():
        torch.testing.assert_close(method.encode(batch), Net().eval()(batch.ecg))
    assert method.config.sha256 == __import__("hashlib").sha256(exported.read_bytes()).hexdigest()
    method.train()  # the harness does so before it trains a head
    with pytest.raises(ConfigError, match="is frozen as it was exported.*use --mode linear"):
        method.head(8, 5)


def test_a_program_of_a_fixed_number_of_recordings_is_filled_up(tmp_path):
    path = export(tmp_path / "four.pt2", Net(), (4, 12, LENGTH), dynamic=False)
    method = made(path=str(path))
    batch = batch_for(method, 6)
    torch.testing.assert_close(method.encode(batch), Net().eval()(batch.ecg), atol=1e-5, rtol=1e-5)


def test_leads_scale_and_layout_are_the_encoders_own(tmp_path):
    class TimeFirst(Net):
        def forward(self, x):
            return super().forward(x.transpose(1, 2))

    path = export(tmp_path / "two.pt2", TimeFirst(leads=2), (2, LENGTH, 2))
    method = made(path=str(path), lead_order="v5, II", layout="time-lead", scale=1000.0)
    batch = batch_for(method)
    expected = Net(leads=2).eval()(batch.ecg[:, [10, 1]] * 1000)
    torch.testing.assert_close(method.encode(batch), expected)


@pytest.mark.parametrize(
    ("pool", "channels", "dim"), [("mean", "first", 8), ("max", "last", 125), ("flatten", "last", 1000)]
)
def test_an_output_with_a_time_axis_is_pooled(tmp_path, pool, channels, dim):
    path = export(tmp_path / "maps.pt2", Net(pool=False))
    method = made(path=str(path), pool=pool, channels=channels)
    batch = batch_for(method)
    maps = Net(pool=False).eval()(batch.ecg)  # [record, dim, time]
    vectors = {"mean": maps.mean(-1), "max": maps.amax(1), "flatten": maps.flatten(1)}[pool]
    assert vectors.shape[1] == dim
    torch.testing.assert_close(method.encode(batch), vectors, atol=1e-5, rtol=1e-5)


def test_wrong_shapes_are_explained(exported):
    for config, words in {
        (("seconds", 5.0),): "takes signals [any, 12, 1000] and would be given [any, 12, 500]",
        (("lead_order", "I,II"),): "would be given [any, 2, 1000]. Leads come from lead_order",
        (("layout", "flat"),): "would be given [any, 12000]",
        (("output", "features"),): "output = 'features': the model returns 0",
    }.items():
        method = made(path=str(exported), **dict(config))
        with pytest.raises(ConfigError, match="the model|takes signals") as error:
            method.encode(batch_for(method))
        assert words in str(error.value)


def test_several_outputs_must_be_told_apart(tmp_path):
    class Two(Net):
        def forward(self, x):
            maps = self.conv(x)
            return maps.mean(-1), maps.amax(-1)

    path = str(export(tmp_path / "two.pt2", Two()))
    method = made(path=path)
    with pytest.raises(ConfigError, match=r"returns 0 \[5, 8\], 1 \[5, 8\]; name the representation"):
        method.encode(batch_for(method))
    chosen = made(path=path, output="1")
    batch = batch_for(chosen)
    torch.testing.assert_close(chosen.encode(batch), Two().conv(batch.ecg).amax(-1))


# -- the other kinds --------------------------------------------------------------------------------------------------


def test_a_factory_runs_if_trusted_and_its_weights_are_part_of_the_key(tmp_path, monkeypatch):
    source = "import torch\ndef net():\n    torch.manual_seed({seed})\n    return torch.nn.Conv1d(12, 8, 15)\n"
    digests = []
    for seed in (1, 2):
        (tmp_path / f"strangers_net{seed}.py").write_text(source.format(seed=seed))
        monkeypatch.syspath_prepend(str(tmp_path))
        method = made(path=f"strangers_net{seed}:net", trust=True, channels="first")
        assert method.encode(batch_for(method)).shape == (5, 8)
        assert method.head(8, 3).out_features == 3
        digests.append(method.config.sha256)
        del sys.modules[f"strangers_net{seed}"]
    assert digests[0] != digests[1]
    with pytest.raises(ConfigError, match="No module named 'not_there'"):
        made(path="not_there:net", trust=True)
    with pytest.raises(ConfigError, match="returned a OrderedDict"):
        made(path="collections:OrderedDict", trust=True)


def test_a_transformers_model_from_a_folder(tmp_path):
    declare_missing_operators()
    from transformers import HubertConfig, HubertModel

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    layers = {"conv_dim": (8,), "conv_kernel": (10,), "conv_stride": (5,), "num_conv_pos_embeddings": 16}
    net = HubertModel(HubertConfig(**sizes, **layers, num_conv_pos_embedding_groups=4)).eval()
    net.save_pretrained(tmp_path / "net")
    method = made(path=f"hf:{tmp_path / 'net'}", layout="flat", lead_order="I,II")
    batch = batch_for(method)
    with torch.no_grad():
        expected = net(batch.ecg[:, :2].flatten(1)).last_hidden_state.mean(1)
        torch.testing.assert_close(method.encode(batch), expected)
    assert method.head(16, 3).in_features == 16
    assert made(path=str(tmp_path / "net"), layout="flat").config.sha256 == method.config.sha256
    (tmp_path / "net" / "model.safetensors").rename(tmp_path / "net" / "pytorch_model.bin")
    with pytest.raises(ConfigError, match="Weights must be safetensors"):
        made(path=str(tmp_path / "net"), layout="flat")
    (tmp_path / "net" / "config.json").unlink()
    with pytest.raises(ConfigError, match="holds no config.json"):
        made(path=str(tmp_path / "net"))


def test_a_model_type_of_the_authors_own_needs_trust(tmp_path):
    config = {"model_type": "hubert_ecg", "auto_map": {"AutoModel": "hubert_ecg.HuBERTECG"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="model type 'hubert_ecg', which transformers .*--set trust=true") as refused:
        made(path=str(tmp_path))
    assert "pgrade" not in str(refused.value)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "hubert_ecg"}))
    with pytest.raises(ConfigError, match="names no code for it .*module:function"):
        made(path=str(tmp_path))


def test_without_a_network_the_hub_is_answered_with_the_cure(monkeypatch):
    import huggingface_hub

    def offline(*_, **__):
        raise ConnectionError("[Errno -3] Temporary failure in name resolution")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(ConfigError, match="hf download somebody/net --local-dir FOLDER"):
        made(path="hf:somebody/net")


def test_from_the_command_line_to_a_row(exported, tmp_path):
    from bench.data.source import DataSource
    from bench.runner.execute import run
    from bench.runner.plan import RunOptions
    from bench.runner.preview import preview
    from bench.storage.workspace import Workspace

    source = DataSource(Workspace(tmp_path / "workspace"), simulated_records=60)
    settings = [
        f"encoder.path={exported}",
        "encoder.fs=100",
        "encoder.lead_order=I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6",
    ]
    options = RunOptions(
        ["encoder"], ["ptbxl-super"], ["linear"], overrides=[*settings, "linear.epochs=2"], track=False
    )
    (result,) = run(options, source).results
    sha256 = Encoder.Config(path=str(exported)).sha256
    assert result.config["method"]["sha256"] == sha256
    assert result.title == f"{exported.stem}-{sha256[:6]} · ptbxl-super · linear · 100% · seed 0"
    assert [previewed.title for previewed in preview([options], source).cells] == [result.title]
    with pytest.raises(
        BenchError,
        match="method encoder cannot answer zeroshot; it offers attentive, finetune, knn, kshot, layer, linear, lora",
    ):
        run(RunOptions(["encoder"], ["ptbxl-super"], ["zeroshot"], overrides=settings), source)


@pytest.mark.parametrize(
    ("settings", "mode", "words"),
    [
        (["trained_on=ptbxl,mimc-iv-ecg"], "linear", "'mimc-iv-ecg'. Did you mean 'mimic-iv-ecg'"),
        (["seconds=5"], "linear", "takes signals [any, 12, 1000] and would be given [any, 12, 500]"),
        (["output=features"], "knn", "output = 'features': the model returns 0"),
        ([], "finetune", "is frozen as it was exported"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_simulated(exported, tmp_path, settings, mode, words):
    from bench.data.source import DataSource
    from bench.runner.execute import run
    from bench.runner.plan import RunOptions
    from bench.storage.workspace import Workspace

    source = DataSource(Workspace(tmp_path / "workspace"), simulated_records=60)
    settings = [f"encoder.{setting}" for setting in (f"path={exported}", "fs=100", *settings)]
    with pytest.raises(BenchError) as refused:
        run(RunOptions(["encoder"], ["ptbxl-super"], [mode], overrides=settings, track=False), source)
    assert words in str(refused.value)
    assert not (tmp_path / "workspace").exists()


def test_an_encoder_is_named_after_its_file_or_by_the_user(exported):
    plain = Encoder.Config(path=str(exported))
    assert plain.name == f"{exported.stem}-{plain.sha256[:6]}"
    assert Encoder.Config(path=str(exported), name="mine 2").name == "mine 2"
    with pytest.raises(ValueError, match="expected letters, digits"):
        Encoder.Config(path=str(exported), name="../mine")
    factory = Encoder.Config(path="methods.encoder:small_example", trust=True)
    assert factory.name == f"small_example-{factory.sha256[:6]}"


def test_a_network_that_was_exported_with_dropout_is_refused(tmp_path):
    class Dropping(Net):
        def forward(self, x):
            return nn.functional.dropout(super().forward(x), 0.5, training=True)

    method = made(path=str(export(tmp_path / "dropping.pt2", Dropping())))
    batch = batch_for(method)
    recordings = SimpleNamespace(batch=lambda rows: take_rows(batch, list(rows)))
    with pytest.raises(BenchError, match=r"encoder\.encode gives other values the second time.*dropout switched on"):
        check_batches(method, np.arange(5), recordings, None)
    check_batches(made(path=str(export(tmp_path / "steady.pt2", Net()))), np.arange(5), recordings, None)


def test_a_scale_of_zero_is_refused(exported):
    with pytest.raises(ValueError, match="0 would make all recordings equal"):
        made(path=str(exported), scale=0)
