"""``bench weights``, and a run of a method that starts from released weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bench import registry
from bench.frozen_encoder import FrozenEncoder
from bench.model_registry.register import Registered

METHOD = """
    from typing import ClassVar, Literal
    import torch
    from pydantic import Field
    from bench.method import Method, MethodConfig
    from bench.method.published_names import PublishedNames
    from bench.signals.input_spec import InputSpec
    from bench.signals.leads import LEADS
    class Mine(Method):
        '''Released. Source: this test.'''
        name = "released"
        input = InputSpec(fs=100, seconds=1)
        published_weights: ClassVar = {
            "first": {"file": "first.pth", "page": "https://example.org", "licence": "MIT", "corpora": ("mimic-iv-ecg",)},
            "second": {"file": "second.pth", "page": "https://example.org", "licence": "CC-BY-NC-4.0", "corpora": ()},
        }
        class Config(MethodConfig):
            weights: Literal["first", "second"] = Field("first", description="which file")
        def build(self, config):
            self.net = torch.nn.Linear(100, 3)
        def encode(self, batch):
            return self.net(batch.ecg).mean(1)
        @classmethod
        def published_names(cls, config):
            return {"model": PublishedNames(((r"fc\\.", "net."),), LEADS)}
"""


def publish(path, **change):
    tensors = {"fc.weight": torch.full((3, 100), 0.5), "fc.bias": torch.arange(3.0)} | change
    torch.save({"state_dict": {name: value for name, value in tensors.items() if value is not None}, "epoch": 1}, path)
    return path


def test_a_method_starts_from_its_released_weights(plugin, bench, tmp_path):
    plugin("releases", METHOD)
    run = ("run", "-m", "released", "-t", "ptbxl-super", "--mode", "linear", "--no-track", "--set", "linear.epochs=1")
    refused = bench(*run)
    assert refused.code == 2
    assert "published where only a person can fetch them. Fetch first.pth" in refused.err
    wrong = bench("weights", "import", "released", str(publish(tmp_path / "short.pth", **{"fc.bias": None})))
    assert (wrong.code, "1 missing (net.bias)" in wrong.err) == (2, True)
    assert bench("weights", "import", "released", str(publish(tmp_path / "first.pth"))).code == 0
    assert '"here": "yes"' in bench("weights", "list", "--json").out
    done = bench(*run)
    assert done.code == 0, done.err
    assert "macro_auroc" in done.out
    second = (
        "weights",
        "import",
        "released",
        str(publish(tmp_path / "second.pth")),
        "--set",
        "released.weights=second",
    )
    assert "bench weights import released" in (unaccepted := bench(*second)).err
    assert (unaccepted.code, bench(*second, "--accept-licence").code) == (2, 0)
    cls = registry.load(registry.METHODS, "released")
    assert cls.weights_for(cls.Config(weights="second")).file == "second.pth"


def test_a_dry_run_fetches_nothing(plugin, bench):
    plugin("releases", METHOD)
    done = bench("run", "-m", "released", "-t", "ptbxl-super", "--mode", "linear", "--dry-run")
    assert "the weights of released are not here yet: bench weights fetch released" in done.err


def test_what_a_wildcard_chose_is_not_fetched(plugin, bench, monkeypatch):
    plugin("releases", METHOD)
    monkeypatch.setattr("bench.weights.checkpoint.fetch", lambda *_: pytest.fail("fetched"))
    run = ("run", "-t", "ptbxl-super", "--no-track", "--set", "linear.epochs=1", "--mode", "linear")
    alone = bench(*run, "-m", "rel?ased")
    assert (alone.code, "nothing to run: the weights of released are not here" in alone.err) == (2, True)
    done = bench(*run, "-m", "rel?ased,random-vit", "--set", "random-vit.depth=1")
    assert done.code == 0, done.err
    assert "the weights of released are not here (bench weights fetch NAME)" in done.err


def test_a_frozen_encoder_has_the_released_weights(plugin, bench, tmp_path, monkeypatch):
    plugin("releases", METHOD)
    monkeypatch.setenv("BENCH_WORKSPACE", str(tmp_path / "own"))
    assert (
        bench(
            "weights", "import", "released", str(publish(tmp_path / "first.pth")), "--workspace", str(tmp_path / "own")
        ).code
        == 0
    )
    encoder = FrozenEncoder("released", fs=100, workspace=tmp_path / "own")
    signals = np.ones((2, 12, 100), np.float32)
    np.testing.assert_allclose(encoder.transform(signals), [[50.0, 51.0, 52.0]] * 2)


FED = """
    from typing import ClassVar
    import torch
    from bench.method.published_names import PublishedNames
    from bench.signals.input_spec import InputSpec
    from bench.signals.leads import LEADS
    from methods.released_model import ReleasedModel
    class Mine(ReleasedModel):
        '''Released. Source: this test.'''
        name = "fed"
        input = InputSpec(fs=100, seconds=10, normalise="zscore")
        published_facts: ClassVar = {"page": "https://example.org", "licence": "MIT", "assumed": "that it works"}
        published_weights: ClassVar = {"first": {"file": "first.pth", "corpora": ("mimic-iv-ecg",)}}
        def build(self, config):
            self.net = torch.nn.Linear(12, 12)
        def encode_window(self, ecg, leads):
            return self.net(ecg.square().mean(2))
        @classmethod
        def published_names(cls, config):
            return {"model": PublishedNames(((r"fc\\.", "net."),), LEADS)}
"""
BOARD = """
title: Fed
metric: macro_auroc
config: {inputs: as-trained}
columns:
  - {label: trained, task: ptbxl-super, mode: linear}
  - {label: windows, task: ptbxl-super, mode: linear, change: {inputs: raw-windows}}
rows:
  - {label: Mine, method: fed}
"""


def test_inputs_of_a_released_model_share_its_weights_and_not_their_results(plugin, bench, tmp_path):
    plugin("feeds", FED)
    torch.save({"fc.weight": torch.eye(12), "fc.bias": torch.zeros(12)}, tmp_path / "first.pth")
    board = tmp_path / "fed.yaml"
    board.write_text(BOARD)
    absent = bench("run", "--board", str(board), "--no-track")
    assert "left out: the weights of fed are not here (bench weights fetch fed)" in absent.err
    assert (absent.code, "no cell of board" in absent.err) == (2, True)
    assert bench("weights", "import", "fed", str(tmp_path / "first.pth")).code == 0
    assert '"assumed": "that it works"' in bench("weights", "list", "--json").out
    ran = bench("run", "--board", str(board), "--no-track", "--set", "linear.epochs=2")
    assert ran.code == 0, ran.err
    page = Path(bench("leaderboard", "render", str(board)).out.strip())
    shown = page.read_text()
    assert "it is assumed that it works" in shown
    row = next(line for line in shown.splitlines() if line.startswith("| Mine"))
    assert row.count("[") == 2, row  # a value and a difference, each with its interval
    assert len(list((page.parents[1] / "checkpoints").glob("fed-*"))) == 1
    assert len(list((page.parents[1] / "features").glob("fed-*"))) == 2
    protocol = ("run", "-m", "fed", "-t", "ptbxl-super", "--mode", "linear", "--protocol", "ecg-fm-benchmarking")
    short = ("--no-track", "--set", "linear-ecg-fm-benchmarking.epochs=2", "--set", "fed.inputs=ecg-fm-benchmarking")
    stamped = bench(*protocol, *short, "--json")
    assert stamped.code == 0, stamped.err
    assert '"protocol": "ecg-fm-benchmarking"' in stamped.out
    bench("leaderboard", "render", str(board))
    counted = "as scored"  # the line that counts every scoring
    before, after = ([line for line in text.splitlines() if counted not in line] for text in (shown, page.read_text()))
    assert after == before


def test_a_published_file_is_registered_by_its_method(plugin, bench, tmp_path, monkeypatch):
    plugin("releases", METHOD)
    taken = []
    monkeypatch.setattr(
        "bench.model_registry.register.register",
        lambda name, folder, *_: taken.append(folder) or Registered(name, "1", "models:/mine/1", "features"),
    )
    file = publish(tmp_path / "first.pth")
    done = bench("checkpoints", "register", "mine", "--checkpoint", f"released={file}")
    assert done.code == 0, done.err
    assert (taken[0] / "model.safetensors").is_file()
    absent = bench("checkpoints", "register", "mine", "--checkpoint", f"released={tmp_path / 'absent.pth'}")
    assert (absent.code, "no checkpoint at" in absent.err) == (2, True)
