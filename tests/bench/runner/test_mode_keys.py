"""A cell's key follows the code by which its mode trains, and no further; features follow what they are computed from."""

import pytest

from bench import registry
from bench.cells.cell import Cell
from bench.data.source import DataSource
from bench.runner.features import features_folder
from bench.runner.keys import cell_inputs, cell_key
from bench.runner.session import Session

MODES = ("zeroshot", "linear", "knn", "finetune", "scratch")


@pytest.mark.parametrize(
    ("module", "name", "modes"),
    [
        ("schedule", "warmup_cosine", {"linear", "finetune", "scratch"}),
        ("layer_decay", "layer_factors", {"finetune", "scratch"}),
        ("linear_head", "LinearHead", {"linear"}),
        ("exact_head", "exact_path", {"linear"}),
        ("objective", "Objective", {"linear", "knn", "finetune", "scratch"}),
        ("loop", "train", set()),  # pretraining's own: the checkpoint's key covers it
    ],
)
def test_a_change_in_training_changes_the_keys_of_the_modes_that_use_it(workspace, changed, module, name, modes):
    source = DataSource(workspace, simulated_records=240)
    cells = {mode: Cell("random-vit", "ptbxl-super", mode) for mode in MODES}
    before = {mode: cell_key(cell, Session(source, "smoke")) for mode, cell in cells.items()}
    changed(f"bench.training.{module}", name)
    after = {mode: cell_key(cell, Session(source, "smoke")) for mode, cell in cells.items()}
    assert {mode for mode in MODES if before[mode] != after[mode]} == modes


def test_a_changed_transform_changes_the_keys_of_the_cells_and_checkpoints_that_pass_it(workspace, changed):
    """The smoke profile of both z-scores; only K-MERL pretrains."""

    def keys() -> dict[str, str | None]:
        session = Session(DataSource(workspace, simulated_records=240), "smoke")
        methods = {name: registry.load(registry.METHODS, name) for name in ("kmerl", "random-vit")}
        data = session.task_data("ptbxl-super")
        specs = {name: session.checkpoint_spec(cls, "ptbxl") for name, cls in methods.items()}
        cells = {name: Cell(name, "ptbxl-super", "linear") for name in methods}
        return {
            **{
                f"{name} {mode}": cell_key(Cell(name, "ptbxl-super", mode), session)
                for name in methods
                for mode in MODES[:2]
            },
            **{
                f"{name} features": str(features_folder(session, methods[name], specs[name], data, cells[name])[0])
                for name in methods
            },
            "checkpoint": specs["kmerl"].key,
        }

    before = keys()
    changed("bench.signals.windows", "_minmax")
    assert keys() == before
    changed("bench.signals.windows", "_zscore")
    after = keys()
    assert [name for name in before if after[name] == before[name]] == []


def test_a_method_without_initial_weights_has_the_same_features_for_every_seed(workspace, plugin):
    plugin(
        "frozen_plugin",
        """
        import torch
        from bench.method import Method
        from bench.signals.input_spec import InputSpec

        class Frozen(Method):
            name = "frozen"
            input = InputSpec(fs=100, seconds=1)
            only_modes = ("linear", "knn", "finetune")

            def build(self, config):
                self.kernels = torch.nn.Linear(100, 8)  # drawn all the same

            def encode(self, batch):
                return self.kernels(batch.ecg.mean(1))
        """,
    )
    session = Session(DataSource(workspace, simulated_records=240), "smoke")
    data = session.task_data("ptbxl-super")

    def places(name):
        cls = registry.load(registry.METHODS, name)
        cells = [Cell(name, "ptbxl-super", "linear", seed=seed) for seed in (0, 1)]
        return {features_folder(session, cls, None, data, cell)[0] for cell in cells}

    def weights(name):
        cls = registry.load(registry.METHODS, name)
        return [
            next(iter(session.method(cls, None, "linear", seed).parameters())).flatten().tolist() for seed in (0, 1)
        ]

    assert len(places("frozen")) == 1
    assert weights("frozen")[0] == weights("frozen")[1]  # or they would be those of whichever seed came first
    assert weights("random-vit")[0] != weights("random-vit")[1]
    assert len(places("random-vit")) == 2
    keys = {cell_key(Cell("frozen", "ptbxl-super", "linear", seed=seed), session) for seed in (0, 1)}
    assert len(keys) == 2  # the head is drawn
    assert cell_inputs(Cell("frozen", "ptbxl-super", "linear"), session)["checkpoint"] is None
