"""Draw every augmentation over a simulated recording, and write the page that shows them.

python docs/draw_augmentations.py        (rewrites docs/reference/augmentations.md and its pictures)
"""

from __future__ import annotations

import inspect
from pathlib import Path

import matplotlib
import torch

from bench.signals.leads import LEADS
from bench.simulate import Patient, simulate
from methods import augment
from methods.views import AUGMENTATIONS

matplotlib.use("agg")
import matplotlib.pyplot as plt

FS = 250
SHOWN = ("I", "II", "V2")
SEED = 7
HERE = Path(__file__).parent / "reference"
ALL = {"crop": lambda ecg, fs: augment.crop(ecg, round(2.5 * fs))} | AUGMENTATIONS
BEFORE, AFTER = "#9aa0a6", "#b3261e"

HEAD = """# Augmentations

What each augmentation of `methods.augment` does to three leads of one simulated recording (grey: before; red: after; 5 s at
250 Hz, at the strength of its source; of twelve draws the one that changes most). Those that act on time or amplitude move
all leads of a record together; a method names those it uses in its `augmentations` field.

This page is written by `python docs/draw_augmentations.py`.
"""


def recording() -> torch.Tensor:
    """One normal recording, float32 [1, lead, time], mV."""
    return torch.from_numpy(simulate([Patient()], rng=SEED, fs=FS, seconds=5.0))


def augmented(name: str, ecg: torch.Tensor) -> torch.Tensor:
    """The draw that changes the recording most, of twelve: an ordinary one of some would not show."""
    drawn = []
    for seed in range(SEED, SEED + 12):
        torch.manual_seed(seed)
        drawn.append(ALL[name](ecg, FS))
    return max(drawn, key=lambda after: float((after - ecg[..., : after.shape[-1]]).abs().mean()))


def draw(name: str, ecg: torch.Tensor, path: Path) -> None:
    """One picture: the leads of ``SHOWN``, before and after."""
    after = augmented(name, ecg)
    figure, axes = plt.subplots(len(SHOWN), 1, figsize=(7.2, 3.0), sharex=True, layout="constrained")
    for axis, lead in zip(axes, SHOWN, strict=True):
        row = LEADS.index(lead)
        for signal, colour, width in ((ecg, BEFORE, 1.6), (after, AFTER, 0.9)):
            axis.plot(torch.arange(signal.shape[-1]) / FS, signal[0, row], color=colour, lw=width)
        axis.set_ylabel(lead, rotation=0, ha="right", va="center")
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0)
        axis.locator_params(axis="y", nbins=3)
    axes[-1].set_xlabel("seconds")
    figure.suptitle(name, fontsize=10, x=0.02, ha="left", fontweight="bold")
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)


def described(name: str) -> str:
    """The docstring of the function behind a name, as one paragraph a blank line apart."""
    function = getattr(augment, name.replace("-", "_"))
    return inspect.cleandoc(function.__doc__ or "")


def main() -> None:
    pictures = HERE / "augmentations"
    pictures.mkdir(parents=True, exist_ok=True)
    ecg = recording()
    parts = [HEAD]
    for name in ALL:
        draw(name, ecg, pictures / f"{name}.png")
        parts.append(f"## {name}\n\n{described(name)}\n\n![{name}, before and after](augmentations/{name}.png)\n")
    (HERE / "augmentations.md").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
