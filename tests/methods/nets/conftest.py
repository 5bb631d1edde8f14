"""Released networks under closed-form weights: their names, shapes, outputs and stages."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.errors import ConfigError
from bench.method.published_names import NameReport, PublishedNames, Rules, compare

GOLDEN = Path(__file__).parents[2] / "golden"
FOLDER = GOLDEN / "foundation_models"
Stage = str | tuple[str, Callable[[Any], Tensor]]


class ReleasedNet:
    """One released network: ``tests/golden/foundation_models/KEY.json`` and ``KEY.npz``."""

    def __init__(self, key: str, fm_recipe):
        stored = json.loads((FOLDER / f"{key}.json").read_text())
        self.key, self.fm_recipe = key, fm_recipe
        self.parameters: int = stored["parameters"]
        self.shapes: dict[str, list[int]] = stored["tensors"]
        self.input_shape: list[int] = stored.get("input", {}).get("shape", [])
        self.stages: dict[str, dict] = stored.get("stages", {})

    @property
    def arrays(self) -> dict[str, Tensor]:
        with np.load(FOLDER / f"{self.key}.npz") as stored:
            return {name: torch.from_numpy(stored[name]) for name in stored}

    def tensors(self, fill: Callable[[str, tuple[int, ...]], np.ndarray | None] = lambda *_: None) -> dict[str, Tensor]:
        """The file's tensors; ``fill`` gives those that do not follow ``fm_recipe``. Counters are zero."""

        def tensor(name: str, shape: tuple[int, ...]) -> Tensor:
            if name.endswith("num_batches_tracked"):
                return torch.zeros(shape, dtype=torch.int64)
            made = fill(name, shape)
            return torch.from_numpy(self.fm_recipe.fill_fm(name, shape) if made is None else made)

        return {name: tensor(name, tuple(shape)) for name, shape in self.shapes.items()}

    def ecg(self, fs: float, leads: int | None = None, samples: int | None = None) -> Tensor:
        """The recipe's two recordings ``[record, lead, time]`` before scaling."""
        *_, default_leads, default_samples = self.input_shape
        made = self.fm_recipe.ecg(f"{self.key}_input", 2, leads or default_leads, samples or default_samples, fs)
        return torch.from_numpy(made)

    @staticmethod
    def report(net: nn.Module, tensors: Mapping[str, Tensor], rules: Rules) -> NameReport:
        own = {name: tuple(value.shape) for name, value in net.state_dict().items()}
        return compare({name: tuple(value.shape) for name, value in tensors.items()}, own, PublishedNames(rules, ()))

    def load(self, net: nn.Module, tensors: Mapping[str, Tensor], rules: Rules) -> NameReport:
        """Give a file's tensors to the network, which must need them all and no others."""
        report = self.report(net, tensors, rules)
        assert report.fits, report
        matched = {own: tensors[published] for published, own in report.matched.items()}
        counters = {k: v for k, v in net.state_dict().items() if k.endswith("num_batches_tracked")}
        net.load_state_dict(counters | matched, assign=True)  # a net on the device meta has no memory yet
        net.eval()
        return report

    @contextlib.contextmanager
    def watched(self, net: nn.Module, stages: Mapping[str, Stage]) -> Iterator[None]:
        """Run the network; if an assertion fails within, add the first stage whose statistics differ.

        Args:
            net: the network.
            stages: stored stage -> module of the network, or that and what makes its output comparable.
        """
        assert set(stages) == set(self.stages), "every stored stage has a module"
        outputs: dict[str, Tensor] = {}
        handles = []
        for stage, module in stages.items():
            path, view = (module, lambda x: x) if isinstance(module, str) else module

            def keep(_module, _given, output, stage=stage, view=view):
                outputs.setdefault(stage, view(output).detach().clone())

            handles.append(net.get_submodule(path).register_forward_hook(keep))
        try:
            yield
        except AssertionError as error:
            first = next((text for stage in self.stages if (text := self._difference(stage, outputs.get(stage)))), None)
            raise AssertionError(f"{self.key}: {first or 'all stages agree'}\n{error}") from error
        finally:
            for handle in handles:
                handle.remove()
        differences = [text for stage in self.stages if (text := self._difference(stage, outputs.get(stage)))]
        assert not differences, f"{self.key}: {differences[0]}"

    def _difference(self, stage: str, output: Tensor | None) -> str:
        if output is None:
            return f"stage {stage} did not run"
        stored = self.stages[stage]
        if list(output.shape) != stored["shape"]:
            return f"first diverging stage is {stage}: shape {list(output.shape)}, expected {stored['shape']}"
        values = output.double().flatten()
        made = {
            "mean": values.mean(),
            "std": values.std(correction=0),
            "absmax": values.abs().max(),
            "first16": values[:16],
            "last4": values[-4:],
        }
        for name, value in made.items():
            expected = torch.tensor(stored[name], dtype=torch.float64)
            error = (value - expected).abs().max().item()
            if error > 2e-5 * max(1.0, stored["absmax"]):
                return f"first diverging stage is {stage}: {name} differs by {error:.2g}"
        return ""


@pytest.fixture
def released(fm_recipe):
    """``released(key)``: names, shapes, outputs and stages of a released network."""
    return lambda key: ReleasedNet(key, fm_recipe)


@pytest.fixture
def refuses_damage():
    """``refuses_damage(net, tensors, rules)``: whatever is missing, left over or of another shape in a file is refused."""

    def check(net: nn.Module, tensors: dict[str, Tensor], rules: Rules, convert: Callable | None = None) -> None:
        convert = convert or (lambda given: given)

        def fits(given: dict[str, Tensor]) -> bool:
            try:
                return ReleasedNet.report(net, convert(given), rules).fits
            except ConfigError:
                return False

        assert fits(tensors)
        report = ReleasedNet.report(net, convert(tensors), rules)
        used = [name for name in tensors if name not in report.unused and not name.endswith("num_batches_tracked")]
        for name in {*used[:: max(1, len(used) // 12)], used[-1]}:
            assert not fits({k: v for k, v in tensors.items() if k != name}), f"{name} is missing and nobody says so"
            larger = tensors[name].new_zeros([size + 1 for size in tensors[name].shape])
            assert not fits(tensors | {name: larger}), f"{name} may have any shape"
        assert not fits(tensors | {"something_else.weight": tensors[used[0]]})

    return check
