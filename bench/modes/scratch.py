"""The mode ``scratch``."""

from __future__ import annotations

from bench.modes.finetune import Config, run
from bench.modes.mode import Mode


class Scratch(Mode):
    """As finetune, but from random weights: what pretraining adds is the difference."""

    name = "scratch"
    needs_one_of = ("encode", "fit", "combine")
    trains = True
    uses_checkpoint = False
    gives_head = True
    Config = Config
    run = staticmethod(run)
