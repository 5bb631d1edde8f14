"""Pictures of a site's pages: parts of networks, example recordings, and their cache."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from bench import registry
from bench.data.source import DataSource
from bench.errors import DataError
from bench.explain import site_pictures
from bench.explain.network_blocks import network_blocks
from bench.explain.site_pictures import answer_words, kept, pictures_of_method, pictures_of_task
from bench.leaderboard.site.pictures import Block, Pictures
from bench.task import Examples


@pytest.fixture
def source(workspace):
    return DataSource(workspace, simulated_records=60)


def test_parts_have_the_sizes_of_one_recording_and_unused_ones_are_marked():
    cls = registry.load(registry.METHODS, "simclr")
    method = cls(cls.Config(encoder="resnet18"))
    blocks = {block.name: block for block in network_blocks(method)}
    assert blocks["input"].shape == "12 × 5,000"
    assert blocks["encoder"].parameters == sum(p.numel() for p in method.encoder.parameters())
    assert blocks["encoder.stages.0"].depth == 2
    assert blocks["projector"].shape == ""  # for pretraining alone
    assert list(blocks)[-1] == "representation"
    assert blocks["representation"].shape == blocks["encoder"].shape == "512"
    assert not any(module._forward_hooks for module in method.modules())


def test_equal_layers_are_one_line_and_hooks_leave_no_trace():
    class Layers(registry.load(registry.METHODS, "simclr")):
        def build(self, config):
            self.layers = nn.ModuleList(nn.Linear(self.input.length, self.input.length) for _ in range(3))

        def encode(self, batch):
            out = batch.ecg
            for layer in self.layers:
                out = layer(out)
            return out.mean(1)

    state = torch.random.get_rng_state()
    with torch.random.fork_rng():
        method = Layers(Layers.Config(fs=50))
    blocks = network_blocks(method)
    assert blocks[1:-1] == [Block("layers.0 to 2 (3 times)", 0, "Linear", "12 × 500", 3 * 500 * 501)]
    assert torch.equal(state, torch.random.get_rng_state())


def task(name):
    return registry.load(registry.TASKS, name)()


def examples(targets):
    ids = np.array([f"r{k}" for k in range(len(targets))])
    return Examples(ids, np.array(["p"] * len(ids)), np.array(targets), pd.DataFrame(index=range(len(ids))))


@pytest.mark.parametrize(
    ("name", "target", "words"),
    [
        ("ptbxl-super", [0, 1, 0, 0, 0], "NORM (normal ECG)"),
        ("ptbxl-super", [0, 0, 0, 0, 0], "None of the classes"),
        ("ukb-hyp-hf", [2.34, 1.0], "Event after 2.3 years"),
        ("ukb-hyp-hf", [8.0, 0.0], "No event within 8.0 years"),
        ("ptbxl-age", [61.0], "age: 61"),
        ("ptbxl-identification", 0, "Person p"),
    ],
)
def test_the_answer_of_an_example_in_words(name, target, words):
    assert answer_words(task(name), examples([target]), 0) == words


def test_examples_of_a_task_differ_and_are_simulated(source, tmp_path):
    drawn = pictures_of_task(registry.entries(registry.TASKS)["ptbxl-super"], source, tmp_path, [])
    captions = [drawing.caption for drawing in drawn.drawings]
    assert len(set(captions)) == len(captions) == 2
    assert all(caption.startswith("Simulated recording: ") for caption in captions)
    assert all(drawing.file.read_text().startswith("<?xml") for drawing in drawn.drawings)
    again = pictures_of_task(registry.entries(registry.TASKS)["ptbxl-super"], source, tmp_path, [])
    assert again == drawn


def test_what_is_unchanged_is_not_drawn_again_and_a_failure_is_not_kept(tmp_path):
    def fail(save):
        raise DataError("no such file")

    with pytest.raises(DataError):
        kept(tmp_path / "key", fail)
    first = kept(tmp_path / "key", lambda save: Pictures(missing="No shapes."))
    assert first == kept(tmp_path / "key", fail) == Pictures(missing="No shapes.")


def test_a_method_without_an_encoder_says_so(source, tmp_path):
    entry = registry.entries(registry.METHODS)["cox-ecg"]
    assert (
        pictures_of_method(entry, source, tmp_path, []).missing
        == "No picture: the method has no encoder of recordings."
    )


def test_what_cannot_be_built_keeps_its_page_with_the_reason(workspace, monkeypatch):
    wanted = {registry.METHODS: ["encoder"], registry.TASKS: []}
    entries = registry.entries
    monkeypatch.setattr(
        registry, "entries", lambda group: {n: entries(group)[n] for n in wanted.get(group, entries(group))}
    )
    made = site_pictures.site_pictures(workspace)
    assert made.methods["encoder"].missing.startswith("No picture: ")
    assert "--set path=" in made.methods["encoder"].missing
