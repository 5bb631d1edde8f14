"""A cell that was really run on a complete copy of real data, as far as bench can tell, and a forger's tools."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from bench import registry
from bench.cells.cell import Cell
from bench.cells.result import SCHEMA, Result
from bench.data.source import DataSource
from bench.leaderboard.cards import card_of
from bench.runner.overrides import parse_overrides
from bench.runner.rescore import rescored
from bench.runner.run_cell import run_cell
from bench.runner.session import Session
from bench.splitting import split as splits
from bench.storage.artifacts import digest, file_digest
from bench.storage.workspace import Workspace

OVERRIDES = ["simclr.width=4", "simclr.pretrain.epochs=1", "linear.epochs=2"]


@dataclass
class Honest:
    """A finished cell with its card and predictions, and the data that it was run on."""

    result: Result
    source: DataSource

    @functools.cached_property
    def card(self) -> dict[str, Any]:
        return card_of(self.result)

    @functools.cached_property
    def table(self) -> pd.DataFrame:
        return self.result.predictions()


@pytest.fixture(scope="module")
def honest(simulated_workspace, tmp_path_factory):
    """SimCLR, linear, on recordings that are named as real data, with a split whose file states all of them.

    The split stays replaced until the tests of the module are over.
    """
    folder = tmp_path_factory.mktemp("contributed")
    files = DataSource(simulated_workspace, simulated_records=120).simulated_root("ptbxl")
    source = DataSource(Workspace(folder / "workspace"), roots={"ptbxl": files}, workers=1)
    store = source.store("ptbxl")
    original = splits.load_split("ptbxl-super")
    examples = registry.load(registry.TASKS, "ptbxl-super")().examples(store.records)
    parts = {}
    for name, rows in original.partition(examples).items():
        facts = original.facts(examples, rows).model_dump(exclude_none=True)
        own = replace(examples, record_ids=examples.record_ids[rows], patient_ids=examples.patient_ids[rows])
        parts[name] = facts | {"patients_digest": splits.patients_digest(own)}
    content = original.content.model_dump(mode="json", exclude_none=True, exclude={"complete"})
    complete = {"version": store.manifest["version"], "records": len(examples), "partitions": parts}
    path = folder / "ptbxl-super.yaml"
    path.write_text(yaml.safe_dump(content | {"complete": complete}, sort_keys=False))
    known = splits.split_files()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits, "split_files", lambda: known | {"ptbxl-super": path})
        overrides = parse_overrides(OVERRIDES, list(registry.entries(registry.METHODS)))
        cell = Session(source, "smoke", overrides, "ptbxl").resolve(Cell("simclr", "ptbxl-super", "linear"))
        yield Honest(run_cell(cell)[0], source)


@dataclass
class Forgery:
    """A card and its predictions in the hands of a forger, who brings every digest up to date."""

    card: dict[str, Any]
    table: pd.DataFrame

    def set(self, *place: str, to: Any) -> Forgery:
        target = self.card
        for name in place[:-1]:
            target = target[name]
        assert target.get(place[-1]) != to, f"the forgery changes nothing at {place}"
        target[place[-1]] = to
        return self

    def scored_again(self) -> Forgery:
        """Scores and counts that follow from the table."""
        from bench.leaderboard.card_form import Card

        whole = Card.model_validate(self.card | {"digest": "0" * 32}).result()
        self.card["score"] = json.loads(json.dumps(rescored(whole, self.table)))
        for name in ("validation", "test"):
            self.card["counts"][name] = int((self.table.partition == name).sum())
        return self

    def keyed_again(self) -> Forgery:
        card = self.card
        coordinates = list(Cell.from_dict(card["cell"]).to_dict().values())
        card["key"] = digest([SCHEMA, coordinates, card["profile"], card["data"], list(card["inputs"].values())])
        return self

    def inputs_again(self) -> Forgery:
        """The digests that the installed method gives for what the card now states."""
        from bench.leaderboard.card_form import Card
        from bench.leaderboard.validation import method

        card = Card.model_validate(self.card | {"digest": "0" * 32})
        cls, config, _ = method._loaded(card, True)
        if isinstance(config, str):  # the method cannot have this config, and nothing gives a digest
            return self
        settings = method.modes.load(card.cell["mode"]).Config.model_validate(card.config[card.cell["mode"]])
        self.card["inputs"] |= {name: make() for name, make in method._digests(card, cls, config, settings).items()}
        return self

    def write(self, folder: Path, name: str = "card") -> Path:
        folder.mkdir(exist_ok=True)
        self.table.to_parquet(folder / f"{name}.parquet", index=False)
        self.card["predictions"]["sha256"] = file_digest(folder / f"{name}.parquet")
        self.card["digest"] = digest({key: value for key, value in self.card.items() if key != "digest"})
        path = folder / f"{name}.json"
        path.write_text(json.dumps(self.card))
        return path


@pytest.fixture
def forge(honest) -> Callable[[], Forgery]:
    """A function that hands out a copy of the honest card."""
    return lambda: Forgery(copy.deepcopy(honest.card), honest.table.copy())
