"""Methods in single files: ``--method ./mine.py:Mine`` registers the class for this run and its worker processes."""

from __future__ import annotations

import os
import re
import sys
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path

from bench.errors import ConfigError

ENVIRONMENT = "BENCH_METHOD_FILES"
"""The registered files, one per line, for worker processes."""


def is_method_file(name: str) -> bool:
    """Whether a method's name is that of a file: ``./mine.py`` or ``./mine.py:Mine``."""
    return re.search(r"\.py(:\w+)?$", name) is not None


_files: dict[str, str] = {}
"""Method -> the file and class of it that this process registered."""


def remember(name: str, method: str) -> None:
    """Register the file in worker processes too."""
    _files[method] = name
    names = remembered()
    if name not in names:
        os.environ[ENVIRONMENT] = "\n".join([*names, name])


def remembered() -> list[str]:
    """The files that this process, or the one that started it, registered."""
    return [name for name in os.environ.get(ENVIRONMENT, "").split("\n") if name]


def typed(method: str) -> str:
    """What a user types for a method: of a file ``./mine.py:Mine``, seen from this folder; else its name."""
    if method not in _files:
        return method
    path, cls = _files[method].rsplit(":", 1)
    below = Path(path).is_relative_to(Path.cwd())
    return f"./{Path(path).relative_to(Path.cwd())}:{cls}" if below else f"{path}:{cls}"


def absolute(name: str) -> str:
    """``./mine.py:Mine`` with the whole path, which holds in any folder."""
    path, colon, cls = name.partition(".py:")
    return f"{Path(path if colon else name.removesuffix('.py')).expanduser().resolve()}.py{':' * bool(cls)}{cls}"


def point_of(name: str, group: str) -> EntryPoint:
    """The entry point of a file, whose folder is added to the search path of modules.

    Raises:
        ConfigError: there is no such file, or Python would import another module under its name.
    """
    file, _, cls = absolute(name).partition(".py:")
    path = Path(file.removesuffix(".py") + ".py")
    if not path.is_file():
        raise ConfigError(f"method {name}: no file at {path}. Expected FILE.py:CLASS, such as ./mine.py:Mine.")
    if not path.stem.isidentifier():
        raise ConfigError(f"method {name}: {path.name} is no module name. Use letters, digits and underscores.")
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    spec = find_spec(path.stem)
    if spec is None or spec.origin is None or Path(spec.origin).resolve() != path:
        raise ConfigError(
            f"method {name}: Python imports {spec.origin if spec else 'nothing'} as {path.stem}. Rename {path.name}."
        )
    return EntryPoint("", f"{path.stem}:{cls}" if cls else path.stem, group)
