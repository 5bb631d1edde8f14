"""Keep a torchvision whose compiled operators cannot load from breaking the imports of transformers and timm.

torchvision's wheel on PyPI is built against the CUDA torch of the same release. Next to a CPU torch its compiled
library does not load, yet its Python part goes on to register fake kernels for two operators that then do not exist,
and ``import torchvision`` fails with "operator torchvision::nms does not exist". timm fails with it, and so do the BERT
classes of transformers, which import torchvision wherever it is installed. Nothing here ever calls these two
operators (detection post-processing), so declaring their schemas, without any kernel, is enough.

Measured with torch 2.13.0+cpu, torchvision 0.28.0, timm 1.0.31 and transformers 5.23.0.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path

import torch

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_declared: list[torch.library.Library] = []  # a Library withdraws its schemas when it is collected


def declare_missing_operators() -> tuple[str, ...]:
    """Declare ``torchvision::nms`` and ``torchvision::qnms`` where torchvision is installed but cannot load its own.

    Call it before the first import of torchvision, timm or a transformers model. Where torchvision is absent, already
    imported, or loads its own operators, it does nothing. Calling it again does nothing.

    Returns:
        the operators declared by this call, usually none.
    """
    if _declared or "torchvision" in sys.modules:
        return ()
    package = importlib.util.find_spec("torchvision")
    if package is None or package.origin is None or _operators_load(Path(package.origin).parent):
        return ()
    missing = tuple(name for name in _SCHEMAS if not hasattr(torch.ops.torchvision, name))
    if missing:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in missing:
            library.define(_SCHEMAS[name])
        _declared.append(library)
    return missing


def _operators_load(folder: Path) -> bool:
    """Whether torchvision's compiled library loads: tried just as torchvision tries it, which then finds it loaded."""
    finder = importlib.machinery.FileFinder(
        str(folder), (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES)
    )
    library = finder.find_spec("_C")
    if library is None or library.origin is None:
        return False
    try:
        torch.ops.load_library(library.origin)
    except (ImportError, OSError):
        return False
    return True
