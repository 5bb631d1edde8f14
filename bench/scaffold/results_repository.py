"""``bench results init``: write a repository of result cards from its template."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from bench.errors import ConfigError
from bench.scaffold.writer import TEMPLATES

TEMPLATE = TEMPLATES / "results"
LFS = "results/predictions/** filter=lfs diff=lfs merge=lfs -text\n"


def write_results_repository(folder: Path, title: str, lfs: bool = False) -> list[Path]:
    """Write the files of a results repository; returns them.

    The workflows hold ``${{ }}`` of GitHub and are copied as they are; files that end in ``.j2`` are rendered.

    Args:
        folder: made if need be. Other files in it stay.
        title: of the repository, in its README and CITATION.cff.
        lfs: keep predictions in Git LFS.

    Raises:
        ConfigError: one of the files exists already, so that nothing is written; or the folder cannot be written to.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(TEMPLATE), undefined=StrictUndefined, keep_trailing_newline=True)
    values = {"title": title, "bench_version": importlib.metadata.version("ecg-bench"), "lfs": lfs}
    texts = {}
    for path in sorted(file for file in TEMPLATE.rglob("*") if file.is_file()):
        relative = path.relative_to(TEMPLATE).as_posix()
        target = folder / relative.removesuffix(".j2").replace("DOT", ".")
        rendered = relative.endswith(".j2")
        texts[target] = (
            environment.get_template(relative).render(values) if rendered else path.read_text(encoding="utf-8")
        )
    if lfs:
        texts[folder / ".gitattributes"] = LFS
    if existing := [path for path in texts if path.exists()]:
        raise ConfigError(f"{existing[0]} exists already; nothing was written. Name another folder, or move it away.")
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written to: {error.strerror or error}. Name another folder.") from error
    return list(texts)
