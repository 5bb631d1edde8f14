"""ONNX graphs, run by onnxruntime (extra ``[onnx]``), frozen."""

from __future__ import annotations

import mmap
import os
import re
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.errors import ConfigError, printable
from methods.external_encoders.fixed_batch import expect_shape, in_fixed_batches, shows_batch_of_one

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


MOST_FILES = 10_000
"""In the folder of a graph whose tensors lie in files next to it."""


def weight_files(path: Path) -> list[Path]:
    """Files in the graph's folder and below that it names: tensors too large for it lie in them.

    Raises:
        ConfigError: the folder holds too many files to look for their names in the graph.
    """
    if path.stat().st_size == 0:
        return []
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(b"location") < 0:  # the field that names such a file
            return []
        candidates = [other for other in islice(path.parent.rglob("*"), MOST_FILES + 1) if other != path]
        if len(candidates) >= MOST_FILES:
            raise ConfigError(
                f"path = {path}: the graph keeps tensors in other files, and {path.parent} holds more than "
                f"{MOST_FILES:,}. Move the graph and its files to a separate folder."
            )
        return sorted(other for other in candidates if other.is_file() and content.find(other.name.encode()) >= 0)


class OnnxGraph(nn.Module):
    """A graph with one input, the signals; on a GPU where onnxruntime has it.

    A number of recordings that is built in is kept to: that of the input, else that of the outputs; and one where the graph
    answers several recordings with one vector, or only recordings one by one.

    Raises:
        ConfigError: onnxruntime is not installed, the file is no ONNX graph, or it takes anything else than one tensor.
    """

    trainable = False

    def __init__(self, path: Path):
        super().__init__()
        self.path = path
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else it keeps a device id in the home folder, and reports
        try:
            import onnxruntime
        except ImportError as error:
            raise ConfigError(f"{path} needs onnxruntime; install it with: pip install 'ecg-bench[onnx]'") from error
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = torch.get_num_threads()
        settings.log_severity_level = 4  # errors are raised; its own log would say them again
        try:
            session = onnxruntime.InferenceSession(str(path), settings, onnxruntime.get_available_providers())
        except Exception as error:  # onnxruntime's own exceptions share no base
            raise ConfigError(f"{path} cannot be opened as an ONNX graph: {_one_line(error)}") from error
        inputs = session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in TYPES:
            takes = ", ".join(f"{i.name}: {i.type}" for i in inputs)
            raise ConfigError(f"{path} takes {takes}; expected one tensor of floats, the signals.")
        self.expected = [size if isinstance(size, int) else None for size in inputs[0].shape]
        self._session, self._input, self._type = session, inputs[0].name, TYPES[inputs[0].type]
        self._outputs = [output.name for output in session.get_outputs()]
        built_in = {o.shape[0] for o in session.get_outputs() if len(o.shape) > 1 and isinstance(o.shape[0], int)}
        self._batch = self.expected[0] or (built_in.pop() if len(built_in) == 1 else None)

    def forward(self, signals: Tensor) -> dict[str, Tensor]:
        expect_shape(self.path, self.expected, signals.shape)
        if self._batch is not None or len(signals) == 1:
            return in_fixed_batches(self._run, signals, self._batch)
        try:
            answer = self._run(signals)
        except RuntimeError:
            answer = in_fixed_batches(self._run, signals, 1)  # raises again where the batch is not the reason
            self._batch = 1
            return answer
        if shows_batch_of_one(answer, len(signals)):
            self._batch = 1
            return in_fixed_batches(self._run, signals, 1)
        return answer

    def _run(self, signals: Tensor) -> dict[str, Tensor]:
        feeds: dict[str, Any] = {self._input: signals.detach().cpu().numpy().astype(self._type, copy=False)}
        try:
            answers = self._session.run(self._outputs, feeds)
        except Exception as error:  # onnxruntime's own exceptions share no base
            raise RuntimeError(_one_line(error)) from error
        named = zip(self._outputs, answers, strict=True)
        arrays = {name: value for name, value in named if isinstance(value, np.ndarray) and value.dtype.kind in "fiub"}
        return {name: torch.from_numpy(value).to(signals.device) for name, value in arrays.items()}


def _one_line(error: Exception) -> str:
    """What onnxruntime says, without its codes and line breaks."""
    text = " ".join(printable(str(error)).split())
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text) or type(error).__name__
