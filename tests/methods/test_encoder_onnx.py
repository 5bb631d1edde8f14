"""ONNX graphs as encoders: fed whole batches, or record by record where a graph allows no more."""

import numpy as np
import pytest
import torch
from torch import nn

from bench.checks.synthetic_corpus import synthetic_corpus
from bench.errors import ConfigError
from methods.encoder import Encoder
from methods.external_encoders import weights_digest

LENGTH = 1000


def made(**config) -> Encoder:
    return Encoder(Encoder.Config(fs=100, **config)).eval()


def batch_for(method: Encoder, records: int = 5):
    return synthetic_corpus(method.input, records)[1]


@pytest.fixture
def graph(tmp_path):
    """Writes a graph of nodes: ``ecg`` in, the named outputs out."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    def write(nodes, outputs, batch="record", **tensors):
        made_graph = helper.make_graph(
            [helper.make_node(kind, inputs, names, **more) for kind, inputs, names, more in nodes],
            "net",
            [helper.make_tensor_value_info("ecg", TensorProto.FLOAT, [batch, 12, LENGTH])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
            [numpy_helper.from_array(value, name) for name, value in tensors.items()],
        )
        opset = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(made_graph, opset_imports=opset, ir_version=9), tmp_path / "model.onnx")
        return tmp_path / "model.onnx"

    return write


FLAT = {"size": np.array([1, 12 * LENGTH], np.int64)}
WEIGHTS = np.random.default_rng(0).standard_normal((12 * LENGTH, 8)).astype(np.float32) / 100
FIXED = [("Reshape", ["ecg", "size"], ["flat"], {}), ("MatMul", ["flat", "w"], ["embedding"], {})]
"""torch's tracer writes ``view(1, -1)`` so."""
LOOSE = [("Reshape", ["ecg", "size"], ["steps"], {}), ("ReduceMean", ["steps"], ["mean"], {"axes": [1], "keepdims": 0})]


@pytest.mark.parametrize(
    ("batch", "outputs"),
    [
        ("record", {"embedding": ["record", 8]}),  # Reshape fails on several
        ("record", {"embedding": [1, 8]}),  # and the outputs say why
        (1, {"embedding": [1, 8]}),
    ],
)
def test_a_graph_with_a_batch_of_one_built_in_is_run_record_by_record(graph, batch, outputs, capfd):
    path = graph(FIXED, outputs, batch, w=WEIGHTS, **FLAT)
    method = made(path=str(path))
    records = batch_for(method)
    expected = records.ecg.flatten(1) @ torch.from_numpy(WEIGHTS)
    for _ in range(2):  # the second time it is known
        torch.testing.assert_close(method.encode(records), expected, atol=1e-4, rtol=1e-4)
    assert capfd.readouterr().err == ""


def test_a_graph_that_answers_several_records_with_one_vector_is_run_record_by_record(graph):
    size = np.array([1, -1, 8], np.int64)
    path = graph(LOOSE, {"mean": None}, size=size)
    method = made(path=str(path))
    records = batch_for(method)
    expected = records.ecg.reshape(5, -1, 8).mean(1)
    torch.testing.assert_close(method.encode(records), expected, atol=1e-5, rtol=1e-4)


def test_an_error_of_onnxruntime_is_one_line_with_a_fix(graph):
    path = graph(LOOSE, {"mean": None}, size=np.array([1, -1, 7], np.int64))
    method = made(path=str(path))
    with pytest.raises(ConfigError, match=r"does not take signals of shape \[.*\]: .*Check fs, seconds") as refused:
        method.encode(batch_for(method))
    assert "ONNXRuntimeError" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_onnx_graph_answers_by_name(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(0).standard_normal((8, 12, 15)).astype(np.float32) / 10
    nodes = [
        helper.make_node("Conv", ["ecg", "w"], ["maps"], strides=[8]),
        helper.make_node("GlobalAveragePool", ["maps"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("ecg", TensorProto.FLOAT, ["record", 12, LENGTH])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("maps", "embedding")],
        [numpy_helper.from_array(weights, "w")],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    method = made(path=str(path))  # "embedding" is one of the usual names
    batch = batch_for(method)
    expected = nn.functional.conv1d(batch.ecg, torch.from_numpy(weights), stride=8)
    torch.testing.assert_close(method.encode(batch), expected.mean(-1), atol=1e-5, rtol=1e-4)
    maps = made(path=str(path), output="maps", channels="first", pool="max")
    torch.testing.assert_close(maps.encode(batch), expected.amax(-1), atol=1e-5, rtol=1e-4)
    with pytest.raises(ConfigError, match=r"takes signals \[any, 12, 1000\]"):
        half = made(path=str(path), seconds=5.0)
        half.encode(batch_for(half))


@pytest.mark.parametrize("location", ["weights.bin", "below/weights.bin"])
def test_tensors_next_to_an_onnx_graph_are_part_of_its_digest(tmp_path, location):
    graph = tmp_path / "model.onnx"
    graph.write_bytes(b"\x0a\x08location\x12" + bytes([len(location)]) + location.encode())
    (tmp_path / location).parent.mkdir(exist_ok=True)
    digests = []
    for content in (b"1", b"other"):
        (tmp_path / location).write_bytes(content)
        digests.append(weights_digest(str(graph), trust=False))
    assert digests[0] != digests[1]


def test_an_onnx_graph_reads_no_file_outside_its_folder(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper

    (tmp_path / "secret.bin").write_bytes(np.ones((1000, 4), np.float32).tobytes())
    (tmp_path / "net").mkdir()
    for location in ("../secret.bin", str(tmp_path / "secret.bin")):
        weights = TensorProto(name="w", dims=[1000, 4], data_type=1, data_location=TensorProto.EXTERNAL)
        weights.external_data.add(key="location", value=location)
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"])],
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["record", 12, LENGTH])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [weights],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        (tmp_path / "net" / "model.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(ConfigError, match="cannot be opened as an ONNX graph: .*[Ee]xternal data path"):
            made(path=str(tmp_path / "net" / "model.onnx"))
