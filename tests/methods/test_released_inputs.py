"""Alternative inputs of released models (``inputs``), and the protocol that needs one."""

import numpy as np
import pytest
import torch
from torch import nn

from bench import registry
from bench.batch import ECGBatch
from bench.errors import ConfigError
from bench.modes import linear_ecg_fm_benchmarking as protocol
from bench.signals.input_spec import InputSpec
from bench.signals.leads import LEADS
from bench.training.import_checkpoint import imported_spec
from methods.nets.ecg_jepa import ECGJEPAEncoder
from methods.nets.spatiotemporal_mae import SpatioTemporalViT
from methods.nets.st_mem_short import ShortSpatioTemporalViT
from methods.released_model import PTBXL_MEAN, PTBXL_SD, ReleasedModel


class Means(ReleasedModel):
    """Of each lead, and how many samples the network read."""

    name = "means"
    input = InputSpec(fs=200, seconds=10, normalise="zscore", filters=("notch:50",))
    net_samples = 1500

    def encode_window(self, ecg, leads):
        return torch.cat([ecg.mean(2), torch.full((len(ecg), 1), float(ecg.shape[2]))], dim=1)

    def scaled(self, ecg, leads):
        return 10 * ecg


def encoded(inputs, ecg):
    method = Means(Means.Config(inputs=inputs))
    return method.encode(ECGBatch(ecg, torch.ones(len(ecg), 12, dtype=torch.bool), torch.arange(len(ecg))))[0]


def level(samples):
    """Recordings whose leads are 1, 2, ..., 12 mV."""
    return torch.arange(1.0, 13.0)[None, :, None].expand(1, 12, samples).clone()


def test_uniform_inputs_leave_out_the_preparation():
    spec = Means.input_for(Means.Config(inputs="raw-windows"))
    assert (spec.fs, spec.normalise, spec.filters) == (200, "none", ())
    features = encoded("raw-windows", level(2000))
    assert features.tolist() == [*range(1, 13), 500]
    features = encoded("ptbxl-zscore", level(2000))
    expected = (torch.arange(1.0, 13.0) - torch.tensor(PTBXL_MEAN)) / torch.tensor(PTBXL_SD)
    torch.testing.assert_close(features[:12], expected)
    assert features[12] == 1500
    assert dict(zip(LEADS, PTBXL_SD, strict=True))["V2"] == max(PTBXL_SD)


def test_another_rate_keeps_the_preparation_and_no_sample_is_left_out():
    spec = Means.input_for(Means.Config(inputs="500hz"))
    assert (spec.fs, spec.length, spec.normalise, spec.filters) == (500, 5000, "zscore", ("notch:50",))
    assert Means.input_for(Means.Config(inputs="100hz")).filters == ()  # there is no notch at 50 Hz
    method = Means(Means.Config(inputs="500hz"))
    windows = method.windows(torch.arange(5000.0).expand(1, 12, 5000))
    assert windows[0, :, 0, [0, -1]].tolist() == [[0, 1499], [1167, 2666], [2333, 3832], [3500, 4999]]
    assert encoded("500hz", level(5000)).tolist() == [*range(10, 121, 10), 1500]


def test_avl_and_avf_are_exchanged_and_nothing_else_changes():
    assert Means.input_for(Means.Config(inputs="avl-avf-exchanged")) == Means.input
    trained, exchanged = encoded("as-trained", level(2000)), encoded("avl-avf-exchanged", level(2000))
    assert trained[:12].tolist() == list(range(10, 121, 10))
    assert exchanged[:12].tolist() == [10, 20, 30, 40, 60, 50, *range(70, 121, 10)]


def test_windows_without_a_signal_take_no_part_in_the_mean():
    ecg = level(2000)
    ecg[..., 500:] = 0
    assert encoded("raw-windows", ecg)[:12].tolist() == list(range(1, 13))
    assert encoded("raw-windows", 0 * ecg)[:12].tolist() == [0] * 12


def test_one_imported_checkpoint_serves_all_inputs(tmp_path):
    cls = registry.load(registry.METHODS, "ecgfounder")
    settings = ({}, {"inputs": "250hz"}, {"preparation": "unfiltered"})
    folders = {imported_spec(cls, cls.Config(**each), "0" * 64).folder(tmp_path) for each in settings}
    assert len(folders) == 1


def test_st_mem_reads_fewer_patches_with_the_first_positions():
    torch.manual_seed(0)
    sizes = {"patch": 10, "dim": 16, "heads": 2, "depth": 2}
    net, built_for = ShortSpatioTemporalViT(60, **sizes).eval(), SpatioTemporalViT(40, **sizes).eval()
    built_for.load_state_dict(net.state_dict() | {"positions": built_for.positions})
    ecg, leads = torch.randn(2, 12, 40), torch.ones(2, 12, dtype=torch.bool)
    torch.testing.assert_close(net(ecg, leads), built_for(ecg, leads))
    with pytest.raises(ConfigError, match="positions for 60 samples"):
        net(ecg[..., :35], leads)


def test_ecg_jepa_reads_fewer_patches_with_the_first_positions():
    torch.manual_seed(0)
    net = ECGJEPAEncoder(dim=16, heads=2, depth=1).eval()
    seen = []
    net.blocks[0].register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    ecg = torch.randn(1, 8, 2500)
    net.encode_tokens(ecg)
    net.encode_tokens(ecg[..., :600])
    torch.testing.assert_close(seen[1].unflatten(1, (8, 12)), seen[0].unflatten(1, (8, 50))[:, :, :12])


class Cell:
    """What the protocol reads of a cell: twelve recordings of two windows, of which the first tells the classes apart."""

    class method(nn.Module):
        name = "means"
        config = Means.Config(inputs="ecg-fm-benchmarking")

        def encode_windows(self, ecg):
            return ecg

    def __init__(self, **settings):
        self.config = protocol.Config(epochs=20, lr=0.1, **settings)
        self.targets = np.arange(12)[:, None] % 2 == np.array([[0, 1]])
        self.targets = self.targets.astype(np.float32)
        signs = torch.from_numpy(self.targets[:, :1]) * 2 - 1
        self.ecg = torch.stack([signs, 0 * signs], dim=1)
        self.method = self.method()
        self.source = self
        self.train, self.validation, self.test = np.arange(0, 6), np.arange(6, 8), np.arange(8, 12)
        self.n_outputs, self.seed = 2, 0
        self.task = type("Task", (), {"kind": "multilabel", "metric": "macro_auroc"})

    def in_order(self, rows, size):
        for start in range(0, len(rows), size):
            yield self.ecg[rows[start : start + size]]

    def progress(self, *_):
        pass


def test_the_protocol_averages_the_scores_of_windows():
    output = protocol.run(Cell())
    alone = protocol.run(whole := Cell())
    assert output.test.shape == (4, 2)
    np.testing.assert_array_equal(output.test, alone.test)
    assert (output.test[:, 0] > output.test[:, 1]).tolist() == (whole.targets[whole.test, 0] == 1).tolist()
    assert 0.5 < output.test[0, 0] < 0.8  # the empty window says nothing, and its score is half of the mean


def test_the_protocol_refuses_another_input():
    cell = Cell()
    cell.method.config = Means.Config()
    with pytest.raises(ConfigError, match=r"--set means\.inputs=ecg-fm-benchmarking"):
        protocol.run(cell)
