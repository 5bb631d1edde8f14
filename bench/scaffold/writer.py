"""Check names, render templates, and write a folder that appears whole or not at all."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench import registry
from bench.errors import ConfigError
from bench.storage.artifacts import writing

Kind = Literal["method", "task", "dataset"]
GROUPS = {"method": registry.METHODS, "task": registry.TASKS, "dataset": registry.DATASETS}
TEMPLATES = Path(__file__).parent / "templates"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Plugin:
    """A plugin to be written: its kind and name; package and class are called after it."""

    kind: Kind
    name: str

    def __post_init__(self) -> None:
        """Raises ConfigError for a name that is not valid, or that exists already."""
        if not NAME.fullmatch(self.name):
            near = "-".join(re.findall(r"[a-z0-9]+", self.name.lower())).lstrip("0123456789-")
            raise ConfigError(
                f"{self.name!r} is not a valid name for a {self.kind}: small letters, digits and single hyphens, a "
                "letter first" + (f", such as {near!r}." if NAME.fullmatch(near) else ".")
            )
        if keyword.iskeyword(self.package):
            raise ConfigError(f"{self.name!r} is a keyword of Python; add a word, such as {self.name}-{self.kind}.")
        known = registry.entries(GROUPS[self.kind])
        if self.name in known:
            taken = known[self.name]
            raise ConfigError(
                f"{self.name!r} is taken: {taken.module}:{taken.qualname} of {taken.distribution}. Choose another name."
            )
        if importlib.util.find_spec(self.package) is not None:
            raise ConfigError(
                f"a package {self.package!r} is installed already, and one would hide the other. Choose another name."
            )

    @property
    def package(self) -> str:
        """The name to import."""
        return self.name.replace("-", "_")

    @property
    def class_name(self) -> str:
        return "".join(part.capitalize() for part in self.name.split("-"))


def write(plugin: Plugin, folder: Path, facts: dict[str, Any] | None = None) -> list[Path]:
    """Write the package; returns the files written.

    Args:
        folder: where; it must not exist yet.
        facts: what the templates of the kind need in addition to the names.

    Raises:
        ConfigError: the folder exists.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    if folder.exists():
        raise ConfigError(f"{folder} exists already; nothing was written. Name another folder with --into.")
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    environment.filters["literal"] = lambda value: json.dumps(value, ensure_ascii=False)
    values = {
        "kind": plugin.kind,
        "group": GROUPS[plugin.kind],
        "name": plugin.name,
        "package": plugin.package,
        "class_name": plugin.class_name,
        "bench_version": importlib.metadata.version("ecg-bench"),
        **(facts or {}),
    }
    written = []
    with writing(folder) as partial:
        for part in ("common", plugin.kind):
            for template in sorted((TEMPLATES / part).rglob("*.j2")):
                relative = str(template.relative_to(TEMPLATES / part)).removesuffix(".j2")
                path = Path(relative.replace("PACKAGE", plugin.package).replace("SPLIT", plugin.name))
                (partial / path).parent.mkdir(parents=True, exist_ok=True)
                text = environment.get_template(template.relative_to(TEMPLATES).as_posix()).render(values)
                (partial / path).write_text(text, encoding="utf-8")
                written.append(folder / path)
    return written
