"""The state of an unfinished pretraining (``state.pt``)."""

from __future__ import annotations

import zipfile
from pathlib import Path

from bench.progress import say


def discard_if_damaged(state: Path) -> None:
    """Remove the state of an interrupted pretraining unless every tensor in it has the checksum it was written with.

    A state is a zip file, whose entries carry CRC-32 checksums. torch does not compare them when it reads, and refuses
    other files than zipfile does: both must accept it.
    """
    import torch

    if not state.exists():
        return
    try:
        torch.load(state, "cpu", weights_only=True, mmap=True)
        with zipfile.ZipFile(state) as entries:
            if entries.testzip() is None:
                return
    except Exception:  # damaged bytes raise many kinds of error, some of them undocumented
        pass
    say(f"{state}: damaged on disk; pretraining starts again from the first epoch of this stage")
    state.unlink()
