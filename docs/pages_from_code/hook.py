"""mkdocs hook: the pages that are written from the code at every build, and never committed.

mkdocs loads hooks by path, one module each; this one imports the others from its folder.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import command_line
import cost_pages
import datasets_pages
import links
import methods_pages
import settings_pages
import tasks_pages
import their_tasks_page
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
SOURCES = (command_line, cost_pages, datasets_pages, methods_pages, settings_pages, tasks_pages, their_tasks_page)
ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc):(?=<code>|<a |<autoref )")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the navigation's entries ``methods`` and ``tasks`` with a page for each registered name."""
    _fill(config.nav, {"METHODS": methods_pages.navigation(), "TASKS": tasks_pages.navigation()})
    return config


def _fill(nav: Any, lists: dict[str, list]) -> None:
    for item in (item for item in nav if isinstance(item, dict)):
        for title, value in item.items():
            if isinstance(value, str) and value in lists:
                item[title] = lists[value]
            elif isinstance(value, list):
                _fill(value, lists)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for source in SOURCES:
        for path, text in source.pages().items():
            files.append(File.generated(config, path, content=text))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace("](docs/", "](")
    files.append(File.generated(config, "changelog.md", content=changelog))
    return files


def on_page_content(html: str, **_: Any) -> str:
    """Docstrings name things in Sphinx's way, which mkdocstrings does not change."""
    return ROLE.sub("", html)


def on_post_page(output: str, *, page: Page, **_: Any) -> str:
    """Refuse links to folders: a browser lists them when the pages are opened as files."""
    if folder := links.to_folder(output):
        raise PluginError(f"{page.file.dest_uri}: the link {folder} is a folder; link to its index.html.")
    return output
