"""A cell's key follows the code by which its mode trains, and no further; features follow what they are computed from."""

import pytest

from bench.cells.cell import Cell
from bench.data.source import DataSource
from bench.runner.features import features_folder
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
    source = DataSource(workspace, simulated_records=120)
    cells = {mode: Cell("random-vit", "ptbxl-super", mode) for mode in MODES}
    before = {mode: Session(source, "smoke").resolve(cell).key for mode, cell in cells.items()}
    changed(f"bench.training.{module}", name)
    after = {mode: Session(source, "smoke").resolve(cell).key for mode, cell in cells.items()}
    assert {mode for mode in MODES if before[mode] != after[mode]} == modes


def test_a_changed_transform_changes_the_keys_of_the_cells_and_checkpoints_that_pass_it(workspace, changed):
    """The smoke profile of both z-scores; only K-MERL pretrains."""

    def keys() -> dict[str, str | None]:
        session = Session(DataSource(workspace, simulated_records=120), "smoke")
        methods = ("kmerl", "random-vit")
        cells = {name: Cell(name, "ptbxl-super", "linear") for name in methods}
        return {
            **{
                f"{name} {mode}": session.resolve(Cell(name, "ptbxl-super", mode)).key
                for name in methods
                for mode in MODES[:2]
            },
            **{f"{name} features": str(features_folder(session.resolve(cells[name]))[0]) for name in methods},
            "checkpoint": session.resolve(cells["kmerl"]).spec.key,
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
    session = Session(DataSource(workspace, simulated_records=120), "smoke")

    def resolved(name):
        return [session.resolve(Cell(name, "ptbxl-super", "linear", seed=seed)) for seed in (0, 1)]

    def places(name):
        return {features_folder(cell)[0] for cell in resolved(name)}

    def weights(name):
        return [next(iter(cell.starting_method().parameters())).flatten().tolist() for cell in resolved(name)]

    assert len(places("frozen")) == 1
    assert weights("frozen")[0] == weights("frozen")[1]  # or they would be those of whichever seed came first
    assert weights("random-vit")[0] != weights("random-vit")[1]
    assert len(places("random-vit")) == 2
    keys = {session.resolve(Cell("frozen", "ptbxl-super", "linear", seed=seed)).key for seed in (0, 1)}
    assert len(keys) == 2  # the head is drawn
    assert session.resolve(Cell("frozen", "ptbxl-super", "linear")).inputs["checkpoint"] is None
