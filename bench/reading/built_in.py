"""Tell the built-in packages from others of the same name."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

from bench.errors import BenchError

DISTRIBUTION = "ecg-bench"
"""The distribution of the built-in methods, tasks and datasets; every other one is another package's."""
_ROOT = Path(__file__).parents[2]
"""Folder that holds ``bench`` and, next to it, the packages of the built-in entry points."""


def check_built_in(point: importlib.metadata.EntryPoint) -> None:
    """Refuse another package under the name of a built-in one; nothing of it is imported.

    Raises:
        BenchError: Python finds a file or folder outside this installation, or nothing.
    """
    if point.dist is None or point.dist.name != DISTRIBUTION:
        return
    package = point.module.partition(".")[0]
    ours = _ROOT / package / "__init__.py"
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise BenchError(f"the built-in package {package!r} is missing from {_ROOT}. Install {DISTRIBUTION} again.")
    origin = _origin(spec)
    if origin != ours and origin.resolve() != ours.resolve():
        hiding = origin.parent if origin.name == "__init__.py" else origin
        raise BenchError(
            f"{hiding} hides the built-in package {package!r} of {DISTRIBUTION} ({ours.parent}). Rename {hiding.name}, or "
            f"start bench in another folder and without {hiding.parent} on PYTHONPATH."
        )


def _origin(spec: ModuleSpec) -> Path:
    """The file of a module; of a folder without ``__init__.py``, the folder."""
    return Path(
        spec.origin if spec.has_location and spec.origin else next(iter(spec.submodule_search_locations or ("",)))
    )
