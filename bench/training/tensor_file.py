"""Read files of ``torch.save`` from others as tensors and plain values."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any


def read_tensors(source: Path | io.BytesIO) -> Any:
    """The content of a file of ``torch.save`` on the CPU; nothing in it is run, and nothing in it expands.

    Raises:
        Exception: of torch's many classes, if it is damaged or holds more than tensors and plain values. ValueError: its
            parts are together larger than itself.
    """
    import torch

    size = source.getbuffer().nbytes if isinstance(source, io.BytesIO) else os.path.getsize(source)
    reader: Any = torch._C.PyTorchFileReader  # whose answers count, since it is the one that reads
    try:
        archive = reader(source if isinstance(source, io.BytesIO) else str(source))
    except RuntimeError:
        archive = None  # written before torch 1.6, when it was no zip
    if archive is not None:
        content_size = sum(archive.get_record_size(name) for name in archive.get_all_records())
        if content_size > size:
            raise ValueError(
                f"its parts hold {content_size:,} bytes in a file of {size:,}; torch.save compresses nothing"
            )
    if isinstance(source, io.BytesIO):
        source.seek(0)
    return torch.load(source, map_location="cpu", weights_only=True)
