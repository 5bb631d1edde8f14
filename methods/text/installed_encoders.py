"""Find the text encoders of papers on this machine, for ``bench doctor``. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterator

from bench.doctor import Finding
from bench.errors import BenchError
from methods.text.models import KNOWN_MODELS, find_model


def text_encoders() -> Iterator[Finding]:
    """One finding a known text encoder."""
    import huggingface_hub

    for name, known in KNOWN_MODELS.items():
        if known.packaged_folder is not None:
            try:
                yield Finding("encoders", "ok", f"text encoder {name}: {find_model(name).folder}")
            except BenchError as error:
                yield Finding("encoders", "problem", f"text encoder {name}: {error}")
            continue
        try:
            folder = huggingface_hub.snapshot_download(known.source, local_files_only=True)
            yield Finding("encoders", "ok", f"text encoder {name}: {folder}")
        except Exception:  # not in the cache, whatever the hub library calls that today
            hint = f"If you need it: hf download {known.source}, or --set text.model=FOLDER"
            yield Finding("encoders", "note", f"text encoder {name} ({known.source}) is not installed", hint)
