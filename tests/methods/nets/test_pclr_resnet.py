"""PCLR's and Ribeiro's network against numbers of their released code."""

import h5py
import numpy as np
import pytest
import torch

from bench.errors import DataError
from bench.training.keras_file import read_keras_tensors
from methods.nets.pclr_resnet import PCLR, RIBEIRO, STRIDES, KerasResNet, convert, layers_by_number

NETS = {
    "pclr": (KerasResNet, {}, PCLR, 409.6),
    "c3po_pclr": (KerasResNet, {"strides": STRIDES[2500]}, PCLR, 250),
    "pclr_lead_II": (KerasResNet, {"leads": 1, "strides": STRIDES[2500], "stem_norm": False}, PCLR, 250),
    "ribeiro_resnet": (KerasResNet, {}, RIBEIRO, 400),
}


def keras_kernel(fm_recipe):
    """Keras's kernels have their inputs before their outputs, which the recipe's scale follows."""

    def fill(name, shape):
        if not name.endswith("/kernel"):
            variables = {"gamma": "gain", "beta": "bias", "moving_mean": "mean", "moving_variance": "var"}
            return fm_recipe.fill(name, shape, variables.get(name.split("/")[-1], "bias"))
        scale = np.sqrt(3 / np.prod(shape[:-1]))
        return (fm_recipe.signed(name, int(np.prod(shape))) * scale).reshape(shape).astype(np.float32)

    return fill


def renumbered(name: str, first: int) -> str:
    """A layer's name in a session that made ``first`` layers of its kind before."""
    layer, variable = name.split("/")
    kind, _, number = layer.rpartition("_") if layer[-1].isdigit() and layer != "conv1d" else (layer, "", "0")
    return f"{kind}_{int(number) + first}/{variable}"


@pytest.mark.parametrize("key", NETS)
def test_the_released_file_fits_and_nothing_else_does(released, refuses_damage, key):
    build, sizes, rules, _ = NETS[key]
    stored = released(key)
    net = build(**sizes)
    refuses_damage(net, {name: torch.zeros(shape) for name, shape in stored.shapes.items()}, rules, convert)
    classifier = 5120 * 6 + 6 if key == "ribeiro_resnet" else 0
    assert sum(p.numel() for p in net.parameters()) == stored.parameters - classifier


@pytest.mark.parametrize("key", NETS)
def test_features_are_those_of_the_release(released, fm_recipe, key):
    build, sizes, rules, fs = NETS[key]
    stored = released(key)
    tensors = stored.tensors(keras_kernel(fm_recipe))
    net = build(**sizes)
    stored.load(net, convert(tensors), rules)
    _, samples, leads = stored.input_shape
    ecg = stored.ecg(fs, leads, samples).transpose(1, 2) * (10 if key == "ribeiro_resnet" else 1)

    def flat(output):
        return output[1].transpose(1, 2).flatten(1)

    def probabilities(output):
        return torch.sigmoid(flat(output) @ tensors["dense/kernel"] + tensors["dense/bias"])

    stages = {f"add_{i}" if i else "add": (f"units.{i}", lambda o: o[0].transpose(1, 2)) for i in range(4)}
    stages["activation"] = ("stem_norm", lambda o: o.relu().transpose(1, 2))
    stages["activation_8"] = ("units.3", lambda o: o[1].transpose(1, 2))
    if key == "ribeiro_resnet":
        stages |= {"flatten": ("units.3", flat), "dense": ("units.3", probabilities)}
    else:
        stages["embed"] = ""
    with stored.watched(net, stages), torch.no_grad():
        if key == "ribeiro_resnet":
            outputs = (None, net.features(ecg))
            largest = stored.arrays["flat"].abs().max().item()
            torch.testing.assert_close(flat(outputs), stored.arrays["flat"], atol=2e-5 * largest, rtol=0)
            torch.testing.assert_close(probabilities(outputs), stored.arrays["probabilities"], atol=2e-5, rtol=0)
            torch.testing.assert_close(net(ecg), flat(outputs).unflatten(1, (16, 320)).mean(1))
        else:
            torch.testing.assert_close(net(ecg), stored.arrays["embed"], atol=2e-5, rtol=0)


@pytest.mark.parametrize("first", [0, 1, 13])
def test_layers_are_found_by_their_order_and_not_by_their_number(released, first):
    stored = released("ribeiro_resnet")
    tensors = {name: torch.full(shape, float(i)) for i, (name, shape) in enumerate(stored.shapes.items())}
    expected = convert(tensors)
    again = convert(dict(sorted((renumbered(name, first), tensor) for name, tensor in tensors.items())))
    for name in (name for name in expected if not name.startswith("dense")):
        assert torch.equal(again[name], expected[name]), name
    assert stored.report(KerasResNet(), again, RIBEIRO).fits


def test_numbers_are_not_sorted_as_text():
    assert layers_by_number(["conv1d_10/kernel", "conv1d/kernel", "conv1d_9/kernel"], "conv1d") == [
        "conv1d",
        "conv1d_9",
        "conv1d_10",
    ]


@pytest.mark.parametrize("root", ["model_weights/", ""])
def test_keras_files_are_read_in_their_layout(released, tmp_path, root):
    stored = released("pclr_lead_II")
    with h5py.File(tmp_path / "model.h5", "w") as file:
        for name, shape in stored.shapes.items():
            layer, variable = name.split("/")
            file[f"{root}{layer}/{layer}/{variable}:0"] = np.zeros(shape, np.float32)
        if root:
            file["optimizer_weights/Adam/conv1d/kernel/m:0"] = np.zeros((16, 1, 64), np.float32)
    tensors = read_keras_tensors(tmp_path / "model.h5")
    assert {name: list(tensor.shape) for name, tensor in tensors.items()} == stored.shapes
    assert stored.report(KerasResNet(**NETS["pclr_lead_II"][1]), convert(tensors), PCLR).fits


def test_files_that_keras_did_not_write_are_refused(tmp_path):
    path = tmp_path / "model.h5"
    path.write_text("no HDF5")
    with pytest.raises(DataError, match="not readable as HDF5"):
        read_keras_tensors(path)
    with h5py.File(path, "w"):
        pass
    with pytest.raises(DataError, match="no weights"):
        read_keras_tensors(path)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["kernel:0"] = np.ones(3, np.float32)
    for damage in ("compressed", "external", "virtual", "text", "linked"):
        with h5py.File(path, "w") as file:
            group = file.create_group("model_weights/conv1d/conv1d")
            if damage == "compressed":
                group.create_dataset("kernel:0", data=np.zeros(1000, np.float32), compression="gzip")
            elif damage == "external":
                group.create_dataset("kernel:0", (3,), np.float32, external=[(str(tmp_path / "raw"), 0, 12)])
            elif damage == "virtual":
                layout = h5py.VirtualLayout((3,), np.float32)
                layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "kernel:0", (3,))
                group.create_virtual_dataset("kernel:0", layout)
            elif damage == "text":
                group["kernel:0"] = "text"
            else:
                group["kernel:0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "kernel:0")
        with pytest.raises(DataError, match="as Keras writes it|no weights"):
            read_keras_tensors(path)
