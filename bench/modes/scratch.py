"""The mode ``scratch``."""

from __future__ import annotations

from bench.modes.finetune import Config, run
from bench.modes.mode import Mode


class Scratch(Mode):
    """Encoder and head are trained together, from random weights; the difference to finetune is what pretraining adds."""

    name = "scratch"
    needs_one_of = ("encode", "fit", "combine")
    trains = True
    uses_checkpoint = False
    gives_head = True
    Config = Config
    run = staticmethod(run)
