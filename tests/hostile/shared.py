"""Valid inputs, made once for all cases that copy and damage them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path

import numpy as np

CONDITIONS = "ConditionNames_SNOMED-CT.csv"
RECORDS = ("JS00001", "JS00002", "JS00003")
CLASSES = ("HYP", "NORM", "MI", "CD", "STTC")


@dataclass
class Shared:
    """Below ``root``; each is made when a case first asks for it."""

    root: Path

    @cached_property
    def csn(self) -> Path:
        """CSN with three recordings of 10 s: headers, MATLAB 4 files and the table of conditions."""
        from tasks.datasets.challenge_files import write_challenge_record

        folder = self.root / "csn"
        folder.mkdir()
        table = resources.files("tasks.datasets").joinpath("condition_names.csv").read_text(encoding="utf-8")
        (folder / CONDITIONS).write_text(table, encoding="utf-8")
        random = np.random.default_rng(0)
        for name in RECORDS:
            signal = (300 * random.standard_normal((12, 5000))).astype(np.int16)
            write_challenge_record(folder / name, signal, 500, 61, "male", ["426783006"])
        return folder

    def simulated(self, dataset: str) -> Path:
        """A dataset of 50 simulated recordings in its publisher's format."""
        from bench import registry

        folder = self.root / f"simulated-{dataset}"
        if not folder.exists():
            registry.load(registry.DATASETS, dataset).simulate(folder, 50, 0)
        return folder

    @cached_property
    def ptbxl(self) -> Path:
        """PTB-XL with four recordings."""
        return self._few("ptbxl", {"ptbxl_database.csv": 4})

    @cached_property
    def mimic(self) -> Path:
        """MIMIC-IV-ECG with four recordings; the measurements of all 50 are there."""
        return self._few("mimic-iv-ecg", {"record_list.csv": 4})

    @cached_property
    def ukb(self) -> Path:
        """UK Biobank with four participants, eid 1000001 the first of them; no images."""
        from tasks.datasets.simulated.ukb import simulate_ukb

        simulate_ukb(self.root / "ukb", 4, seed=2, cine="none")
        return self.root / "ukb"

    @cached_property
    def cpsc(self) -> Path:
        """CPSC2018 in the challenge's own layout, with three recordings."""
        from scipy.io import savemat

        folder = self.root / "cpsc2018"
        (folder / "TrainingSet1").mkdir(parents=True)
        random = np.random.default_rng(0)
        for name in ("A0001", "A0002", "A0003"):
            signal = 0.3 * random.standard_normal((12, 3000))
            facts = {"sex": "Male", "age": np.array([[61]]), "data": signal}
            savemat(folder / "TrainingSet1" / f"{name}.mat", {"ECG": facts})
        rows = ["Recording,First_label,Second_label,Third_label", "A0001,1,,", "A0002,2,,", "A0003,3,5,"]
        (folder / "REFERENCE.csv").write_text("\n".join(rows) + "\n")
        return folder

    def _few(self, dataset: str, rows: dict[str, int]) -> Path:
        """A simulated dataset whose tables are cut to their first rows."""
        folder = self.simulated(dataset)
        for name, number in rows.items():
            lines = (folder / name).read_text(encoding="utf-8").splitlines()
            kept = "\n".join(lines[: 1 + number]) + "\n"
            (folder / name).write_text(kept, encoding="utf-8")
            for path in folder.rglob("*.*"):
                if path.suffix in (".hea", ".dat") and path.stem not in kept:
                    path.unlink()
        return folder

    @cached_property
    def prepared(self) -> Path:
        """A workspace whose simulated PTB-XL of 50 recordings is prepared."""
        from bench.data.source import DataSource
        from bench.storage.workspace import Workspace

        workspace = self.root / "prepared-workspace"
        DataSource(Workspace(workspace), simulated_records=50).store("ptbxl")
        return workspace

    @cached_property
    def exported(self) -> Path:
        """An honest exported program."""
        import torch

        class Net(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv = torch.nn.Conv1d(12, 8, 15, stride=8)

            def forward(self, x):
                return self.conv(x).mean(-1)

        path = self.root / "model.pt2"
        sizes = ({0: torch.export.Dim("record", min=1, max=4096)},)
        torch.export.save(torch.export.export(Net().eval(), (torch.zeros(2, 12, 1000),), dynamic_shapes=sizes), path)
        return path

    @cached_property
    def results(self) -> Path:
        """A workspace with two finished cells of ptbxl-super, whose predictions were really scored."""
        workspace = self.root / "results-workspace"
        for method, skill in (("kmerl", 1.0), ("merl", 0.5)):
            _write_cell(workspace / "results", method, skill)
        return workspace

    @cached_property
    def cards(self) -> Path:
        """A folder of the result cards of :attr:`results`."""
        from bench.cells.result import read_results
        from bench.leaderboard.board import load_board
        from bench.leaderboard.cards import export

        folder = self.root / "cards"
        export(load_board("ptbxl_super"), read_results(self.results / "results"), folder)
        return folder

    @cached_property
    def kept(self) -> Path:
        """A folder of kept boards of :attr:`results`."""
        from bench.cells.result import read_results
        from bench.leaderboard.frozen_boards import freeze

        folder = self.root / "kept"
        freeze(["ptbxl_super"], read_results(self.results / "results"), folder)
        return folder


def _write_cell(results: Path, method: str, skill: float, records: int = 80) -> None:
    import pandas as pd

    from bench.cells.cell import Cell
    from bench.cells.result import SCHEMA, Result, write_result
    from bench.scoring.score import score
    from bench.storage.artifacts import digest

    both = 2 * records
    random = np.random.default_rng(0)
    targets = (random.random((both, 5)) < [0.5, 0.4, 0.3, 0.2, 0.2]).astype(np.uint8)
    scores = skill * targets + random.normal(size=targets.shape)
    ids = np.array([str(k) for k in range(both)])
    validation, test = slice(0, records), slice(records, both)
    scored = score(
        "multilabel", targets[test], scores[test], list(CLASSES), ids[test],
        validation=(targets[validation], scores[validation])
    )  # fmt: skip
    cell = Cell(method, "ptbxl-super", "linear", seed=0)
    inputs = {"method": digest(method), "data": "0" * 32}
    result = Result(
        key=digest([SCHEMA, list(cell.to_dict().values()), "smoke", "simulated", list(inputs.values())]),
        cell=cell,
        profile="smoke",
        data="simulated",
        score=scored.to_dict(),
        counts={"train": 400, "validation": records, "test": records, "expected": None},
        split={"name": "ptbxl-super", "digest": digest("split"), "complete": False, "fold": 0},
        dataset={"name": "ptbxl", "version": "1.0.3", "digest": digest("ptbxl"), "fs": 500.0},
        checkpoint={},
        config={"method": {"backbone": "resnet18"}, "linear": {"epochs": 100}},
        selection={"metric": "macro_auroc", "value": 0.8, "epoch": 7},
        provenance={"started": "2026-01-01T00:00:00+00:00", "seconds": {"encode": 1.5}, "git_commit": "0" * 40},
        inputs=inputs,
        contamination="none",
    )
    table = {"record_id": ids, "patient_id": ids, "partition": ["validation"] * records + ["test"] * records}
    table |= {f"target_{name}": targets[:, k] for k, name in enumerate(CLASSES)}
    table |= {f"score_{name}": scores[:, k] for k, name in enumerate(CLASSES)}
    write_result(results, result, pd.DataFrame(table))
