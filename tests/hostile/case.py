"""A hostile or odd input: how it is made, and what the command line must answer."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .shared import Shared


@dataclass
class Sandbox:
    """The folders of one case. Everything but the workspace must be the same after the command as before it.

    Attributes:
        folder: the working directory of the command.
        workspace: what ``BENCH_WORKSPACE`` names; not there until it is written to.
        marker: the file that payloads create. It must never exist.
        shared: prepared data sets, cards and results, made once for all cases.
        environment: further environment variables of the command.
    """

    folder: Path
    workspace: Path
    marker: Path
    shared: Shared
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, name: str | Path, content: str | bytes) -> Path:
        """A file below the working directory; never through a hard link to a shared file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def copy(self, source: Path, name: str | Path) -> Path:
        """A shared file or folder below the working directory, by hard links: change it with :meth:`write` only."""
        return self._copy(source, self.folder / name)

    def fill_workspace(self, source: Path) -> Path:
        """Begin with a copy of a shared workspace."""
        return self._copy(source, self.workspace, link=False)

    def edit(self, name: str | Path, change: Callable[[str], str]) -> Path:
        """Replace the text of a file by ``change(text)``, which must differ."""
        before = (self.folder / name).read_text(encoding="utf-8")
        after = change(before)
        assert after != before, f"the case changes nothing in {name}"
        return self.write(name, after)

    @staticmethod
    def _copy(source: Path, destination: Path, link: bool = True) -> Path:
        if source.is_dir():
            shutil.copytree(source, destination, copy_function=os.link if link else shutil.copy2, dirs_exist_ok=True)
        else:
            destination.parent.mkdir(parents=True, exist_ok=True)
            os.link(source, destination)
        return destination


Make = Callable[[Sandbox], Sequence[str | Path]]


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes:
        name: unique within its corpus.
        make: writes the input and returns the arguments after ``bench``.
        exit: the exit codes that are right. 0 means that the odd input is valid.
        words: what the answer must contain: the name of the file or option, and what is special about the fix.
        writes: folders, relative to the working directory, that the command may write to because it was asked to.
        child: run in a separate process, for inputs that could end this one.
    """

    name: str
    make: Make
    exit: int | tuple[int, ...] = 2
    words: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    child: bool = False

    @property
    def codes(self) -> tuple[int, ...]:
        return self.exit if isinstance(self.exit, tuple) else (self.exit,)


def cases_of(module: Any) -> list[Case]:
    """The cases of a corpus.

    Raises:
        ValueError: it has none, two of one name, or a known fault of none.
    """
    cases = list(module.CASES)
    names = [case.name for case in cases]
    twice = {name for name in names if names.count(name) > 1}
    if twice or not cases:
        raise ValueError(f"{module.__name__}: {'no cases' if not cases else f'two cases named {sorted(twice)}'}")
    if unknown := faults_of(module).keys() - set(names):
        raise ValueError(f"{module.__name__}: FAULTS names {sorted(unknown)}, which are no cases")
    return cases


def faults_of(module: Any) -> dict[str, str]:
    """Name of a case -> why it fails today, from the ``FAULTS`` of a corpus. Anyone who repairs it removes the line."""
    return getattr(module, "FAULTS", {})
