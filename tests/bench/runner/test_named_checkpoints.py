"""``--checkpoint METHOD=FOLDER``: whatever the folder holds, it is used or refused in one line before anything runs."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from bench import registry
from bench.cells.cell import Cell
from bench.data.source import DataSource
from bench.errors import BenchError, ConfigError
from bench.frozen_encoder import FrozenEncoder
from bench.leaderboard import load_board
from bench.leaderboard.board_runs import board_options
from bench.runner.named_checkpoints import named_checkpoints
from bench.runner.plan import Plan, RunOptions
from bench.runner.prepare import prepare_session
from bench.signals.leads import LEADS
from bench.training.checkpoint_files import load_weights, read_config

PLAN = Plan([Cell("simclr", "ptbxl-super", "linear", LEADS, 1.0, 0, 0, "stratified")])
WEIGHTS, CONFIG, FACTS = "model.safetensors", "config.yaml", "provenance.json"


@pytest.fixture
def folder(tmp_path):
    """A checkpoint without a seal, of weights that fit nothing."""
    folder = tmp_path / "mine"
    folder.mkdir()
    save_file({"a": np.zeros(3, np.float32)}, folder / WEIGHTS)
    (folder / CONFIG).write_text("{}")
    weigh(folder)
    return folder


def weigh(folder: Path, **changes) -> None:
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    facts = {"key": "k", "method": "simclr", "weights_sha256": digest, "corpus": {"dataset": "ptbxl"}}
    (folder / FACTS).write_text(json.dumps(facts | changes))


def use(folder: Path) -> None:
    """What a run does with a folder before it computes."""
    named = named_checkpoints([f"simclr={folder}"], folder.parent / "checkpoints", PLAN)
    read_config(registry.load(registry.METHODS, "simclr"), named["simclr"])


def weights(content: bytes):
    def change(folder: Path) -> None:
        (folder / WEIGHTS).write_bytes(content)
        weigh(folder)

    return change


def write(name: str, content: bytes):
    return lambda folder: (folder / name).write_bytes(content)


def replace(name: str, make):
    def change(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return change


def loop(path: Path) -> None:
    path.symlink_to(path)


def instead_of_the_folder(make):
    def change(folder: Path) -> None:
        shutil.rmtree(folder)
        make(folder)

    return change


BOMB = "a: &a [" + "x," * 9 + "x]\n" + "".join(f"k{i}: &b{i} [{'*a,' * 9}*a]\n" for i in range(3000))
DAMAGES = {
    **{f"{name}-missing": lambda folder, name=name: (folder / name).unlink() for name in (WEIGHTS, CONFIG, FACTS)},
    **{f"{name}-empty": write(name, b"") for name in (WEIGHTS, FACTS)},
    **{f"{name}-garbage": write(name, bytes(range(256)) * 9) for name in (WEIGHTS, CONFIG, FACTS)},
    **{
        f"{name}-{how.__name__}": replace(name, how)
        for name in (WEIGHTS, CONFIG, FACTS)
        for how in (os.mkdir, os.mkfifo, loop)
    },
    "folder-is-a-file": instead_of_the_folder(Path.touch),
    "folder-is-a-loop": instead_of_the_folder(loop),
    "folder-is-a-pipe": instead_of_the_folder(os.mkfifo),
    "weights-empty-but-recorded": weights(b""),
    "weights-cut-but-recorded": weights(b"\x40\0\0\0\0\0\0\0{"),
    "weights-of-an-endless-header": weights(b"\xff" * 8 + b"{}"),
    "weights-nested": weights((5000).to_bytes(8, "little") + b"[" * 5000),
    "facts-a-list": write(FACTS, b"[]"),
    "facts-nested": write(FACTS, b"[" * 100_000),
    "facts-null": write(FACTS, b"null"),
    "facts-cut": write(FACTS, b'{"method": "simc'),
    "method-a-number": lambda folder: weigh(folder, method=3),
    "method-another": lambda folder: weigh(folder, method="merl"),
    "corpus-a-text": lambda folder: weigh(folder, corpus="ptbxl"),
    "digest-null": lambda folder: weigh(folder, weights_sha256=None),
    "concepts-an-object": write("concepts.json", b"{}"),
    "concepts-nested": write("concepts.json", b"[" * 100_000),
    "seal-empty": write("artifact.json", b""),
    "seal-a-list": write("artifact.json", b"[]"),
    "config-aliases": write(CONFIG, BOMB.encode()),
    "config-a-list": write(CONFIG, b"[]"),
    "config-a-text": write(CONFIG, b"x"),
    "config-twice": write(CONFIG, b"pretrain: {}\npretrain: {}"),
    "config-unknown-field": write(CONFIG, b"brand_new: 1"),
    "config-wrong-type": write(CONFIG, b"pretrain: {lr: [1]}"),
    "config-infinite": write(CONFIG, b"pretrain: {lr: 'inf'}"),
    "config-latin-1": write(CONFIG, b"pretrain: \xe4"),
    "config-code": write(CONFIG, b"!!python/object/apply:os.getcwd []"),
}


def test_the_undamaged_folder_is_used(folder):
    use(folder)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_malformed_folder_is_refused_in_one_line(folder, damage):
    damage(folder)
    with pytest.raises(BenchError) as caught:
        use(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    assert len(str(caught.value)) < 700


def test_weights_that_do_not_fit_are_refused_in_one_line(folder):
    cls = registry.load(registry.METHODS, "simclr")
    with pytest.raises(BenchError, match="weights of another architecture") as caught:
        load_weights(cls(cls.Config()), folder)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


def test_one_method_has_one_checkpoint_and_its_name_may_be_written_otherwise(folder):
    assert named_checkpoints([f"SimCLR={folder}"], folder, PLAN) == {"simclr": folder}
    with pytest.raises(BenchError, match="given twice"):
        named_checkpoints([f"simclr={folder}", f"simclr={folder}"], folder, PLAN)


@pytest.fixture
def prepare(folder, workspace):
    """Prepares a run of SimCLR with the named checkpoint."""

    def session(**options):
        asked = {"methods": ["simclr"], "tasks": ["ptbxl-super"], "modes": ["linear"]} | options
        source = DataSource(workspace, simulated_records=120)
        return prepare_session(RunOptions(checkpoints=[f"SIM-CLR={folder}"], **asked), source)[1]

    return session


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"modes": ["scratch"]}, "no cell of simclr starts from a checkpoint in scratch. Leave it out, or run one of "),
        ({"overrides": ["pretrain.epochs=2"]}, "--set pretrain.epochs=2 has no effect: --checkpoint gives a finished"),
        ({"overrides": ["simclr.pretrain.lr=1"]}, "--set simclr.pretrain.lr=1 has no effect: --checkpoint gives"),
        ({"corpus": "csn"}, "--corpus csn has no effect: --checkpoint gives a finished checkpoint of simclr"),
    ],
)
def test_what_a_given_checkpoint_leaves_without_effect_is_refused(prepare, options, words):
    with pytest.raises(ConfigError) as refused:
        prepare(**options)
    assert words in str(refused.value)


def test_settings_of_pretraining_reach_only_methods_that_are_pretrained(prepare):
    before = prepare(methods=["simclr", "byol"])
    after = prepare(methods=["simclr", "byol"], overrides=["pretrain.epochs=7"], corpus="csn")
    assert after.method_config("simclr") == before.method_config("simclr")
    assert after.method_config("byol").pretrain.epochs == 7


def test_a_board_takes_a_checkpoint_of_one_row(folder, workspace):
    source = DataSource(workspace, simulated_records=120)
    facts = json.loads((folder / FACTS).read_text())
    (folder / FACTS).write_text(json.dumps(facts | {"method": "kmerl"}))
    options = RunOptions([], [], [], checkpoints=[f"kmerl={folder}"])
    runs, _ = board_options(load_board("zeroshot"), options, source)
    sessions = {
        run.methods[0]: prepare_session(run, source)[1] for run in runs if run.methods[0] in ("kmerl", "random-vit")
    }
    assert {name: list(session.checkpoints) for name, session in sessions.items()} == {
        "kmerl": ["kmerl"],
        "random-vit": [],
    }
    with pytest.raises(ConfigError, match="board zeroshot has no row of simclr"):
        board_options(load_board("zeroshot"), RunOptions([], [], [], checkpoints=[f"simclr={folder}"]), source)


def test_an_encoder_without_its_checkpoint_names_both_folders(workspace):
    encoder = FrozenEncoder("simclr", checkpoint="absent", workspace=workspace.root)
    with pytest.raises(
        ConfigError, match=f"checkpoint = absent: no checkpoint at absent or {workspace.checkpoints}/absent"
    ):
        encoder.fit(np.zeros((1, 12, 5000), np.float32))
