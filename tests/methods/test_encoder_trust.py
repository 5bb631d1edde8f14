"""Encoders that others made are not trusted with more than tensors."""

import json
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from bench.errors import ConfigError
from methods.encoder import Encoder


def made(**config) -> Encoder:
    return Encoder(Encoder.Config(fs=100, **config)).eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    net = nn.Sequential(nn.Conv1d(12, 8, 15, stride=8), nn.BatchNorm1d(8), nn.AdaptiveAvgPool1d(1), nn.Flatten()).eval()
    path = tmp_path_factory.mktemp("exported") / "model.pt2"
    sizes = ({0: torch.export.Dim("record", min=1, max=4096)},)
    torch.export.save(torch.export.export(net, (torch.zeros(2, 12, 1000),), dynamic_shapes=sizes), path)
    return path


class Spy:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return (os.mkdir, (self.mark,))


def rewritten(source, target, change) -> str:
    """A copy of an archive with some members changed: ``change(name, content) -> content``."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            new.writestr(name, change(name.split("/", 1)[1], old.read(name)))
    return str(target)


def with_json(change):
    def apply(name, content):
        if name != "models/model.json":
            return content
        model = json.loads(content)
        change(model)
        return json.dumps(model).encode()

    return apply


def test_a_pickle_in_an_archive_is_not_opened(exported, tmp_path):
    mark = tmp_path / "mark"
    evil = rewritten(
        exported,
        tmp_path / "evil.pt2",
        lambda n, c: pickle.dumps(Spy(mark)) if n.startswith("data/sample_inputs") else c,
    )
    with pytest.raises(ConfigError, match="would run code when it is opened: .*pickle.*add --trust"):
        made(path=evil)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m["graph_module"]["graph"]["nodes"][0].update(target="torch.os.mkdir"), "it calls 'torch.os.mkdir'"),
        (lambda m: m["graph_module"]["graph"]["nodes"][0].update(target="torch.ops.load_library"), "it calls"),
        (lambda m: m["range_constraints"].update({"__import__('os')": {}}), "a size is named"),
        (
            lambda m: m["graph_module"]["graph"]["tensor_values"]["input"]["sizes"].append(
                {"as_expr": {"expr_str": "__import__('os').mkdir('mark')", "hint": None}}
            ),
            "a size is",
        ),
    ],
)
def test_source_code_in_an_archive_is_not_run(exported, tmp_path, change, words):
    evil = rewritten(exported, tmp_path / "evil.pt2", with_json(change))
    with pytest.raises(ConfigError, match=words):
        made(path=evil)


def test_pickled_weights_and_compiled_code_are_refused(exported, tmp_path):
    def pickled(name, content):
        return (
            content.replace(b'"use_pickle": false', b'"use_pickle": true') if name.endswith("_config.json") else content
        )

    with pytest.raises(ConfigError, match="is pickled"):
        made(path=rewritten(exported, tmp_path / "a.pt2", pickled))
    compiled = tmp_path / "b.pt2"
    rewritten(exported, compiled, lambda n, c: c)
    with zipfile.ZipFile(compiled, "a") as archive:
        archive.writestr("model/data/aotinductor/model/model.so", b"\x7fELF")
    with pytest.raises(ConfigError, match="it holds data/aotinductor"):
        made(path=str(compiled))
    (tmp_path / "c.pt2").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="not an archive of torch.export.save"):
        made(path=str(tmp_path / "c.pt2"))


def poisoned_configuration(content: bytes, mark) -> tuple[bytes, bytes]:
    """A table of weights that says a pickle holds one of them, and the pickle."""
    table = json.loads(content)
    first = next(iter(table["config"].values()))
    first["use_pickle"] = True
    return json.dumps(table).encode(), pickle.dumps(Spy(mark))


def test_two_names_that_differ_by_case_alone_are_refused(exported, tmp_path):
    """torch looks names up without regard to case: it may read the other one."""
    mark, evil = tmp_path / "mark", tmp_path / "evil.pt2"
    with zipfile.ZipFile(exported) as old, zipfile.ZipFile(evil, "w", zipfile.ZIP_STORED) as new:
        names = old.namelist()
        folder = names[0].split("/")[0]
        table, spy = poisoned_configuration(old.read(f"{folder}/data/weights/model_weights_config.json"), mark)
        for name in names:
            new.writestr(name, spy if name.endswith("/data/weights/weight_0") else old.read(name))
        new.writestr(f"{folder}/data/weights/model_weights_CONFIG.json", table)
        for k in range(20):  # the directory is searched by halves: some number of others makes the search meet it first
            new.writestr(f"{folder}/extra/zz{k}", b"")
    with pytest.raises(ConfigError, match="two files of one name"):
        made(path=str(evil))
    assert not mark.exists()


def test_an_archive_behind_another_is_refused(exported, tmp_path):
    """zipfile reads the second one. torch takes the place of the directory, which its end record counts from the start of
    the second, from the start of the file: of two archives with members of the same sizes it reads the first."""
    mark = tmp_path / "mark"

    def poisoned(name, content):
        if name == "data/weights/model_weights_config.json":
            return poisoned_configuration(content, mark)[0].ljust(len(content))
        return pickle.dumps(Spy(mark)).ljust(len(content), b".") if name == "data/weights/weight_0" else content

    first = Path(rewritten(exported, tmp_path / "first.pt2", poisoned))
    second = Path(rewritten(exported, tmp_path / "second.pt2", lambda n, c: c))
    assert first.stat().st_size == second.stat().st_size
    evil = tmp_path / "evil.pt2"
    evil.write_bytes(first.read_bytes() + second.read_bytes())
    with pytest.raises(ConfigError, match="other bytes lie before its first file"):
        made(path=str(evil))
    assert not mark.exists()


def test_what_torch_reads_is_the_copy_that_was_checked(exported, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(torch.export, "load", lambda file: opened.append(file.read()) or 1 / 0)
    with pytest.raises(ConfigError, match="ZeroDivisionError"):
        made(path=rewritten(exported, tmp_path / "more.pt2", lambda n, c: c))
    with zipfile.ZipFile(__import__("io").BytesIO(opened[0])) as copy:
        folded = [name.casefold() for name in copy.namelist()]
    assert len(set(folded)) == len(folded) and all(name.startswith("model/") for name in folded)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda archive: archive.writestr("model/byteorder", b"l" * 99, zipfile.ZIP_DEFLATED), "is compressed"),
        (lambda archive: archive.writestr("other/data/weights/weight_9", b""), "more than one folder"),
        (lambda archive: archive.writestr("model/../../escape", b""), "it holds ../../escape"),
        (lambda archive: archive.writestr("model/models/b.json", "[" * 100_000), "not an archive of torch.export.save"),
        (
            lambda archive: archive.writestr("model/data/constants/b_config.json", "[]"),
            "not an archive of torch.export.save",
        ),
    ],
)
def test_odd_members_of_an_archive_are_refused(tmp_path, change, words):
    path = tmp_path / "odd.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/archive_format", "pt2")
        change(archive)
    with pytest.raises(ConfigError, match=words):
        made(path=str(path))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("model.pth", r"a \.pth file is a pickle.*torch\.export\.save.*module:function --trust"),
        ("model.safetensors", "weights without a network"),
        ("model.onnx", "there is no file"),
        ("what is this", "expected model.pt2"),
        ("methods.encoder:small_example", "Python code, which will run with your rights.*--trust"),
        ("hf:not a name", "expected hf:organisation/name"),
    ],
)
def test_what_cannot_be_opened_is_refused_with_the_cure(path, words):
    with pytest.raises(ConfigError, match=words):
        made(path=path)


def test_another_file_than_the_one_named_is_refused(exported):
    with pytest.raises(ConfigError, match=r"digest .*, not 00ff"):
        made(path=str(exported), sha256="00ff")
