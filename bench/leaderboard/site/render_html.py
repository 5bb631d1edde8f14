"""A board as one self-contained HTML file, and the templates and scripts that all pages of the site share."""

from __future__ import annotations

import base64
import functools
import importlib.metadata
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.leaderboard.board import Board
from bench.leaderboard.collect import Table
from bench.leaderboard.metric_names import metric_name
from bench.leaderboard.site.links import with_links
from bench.leaderboard.site.view_models import CellView, about_published, table_views
from bench.leaderboard.statistics.column_tests import Results

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


def write(board: Board, tables: Sequence[Table], results: Results, cache: Path | None = None) -> str:
    """The whole file, with styles and scripts inside.

    Args:
        cache: a folder for diagrams.

    Raises:
        BenchError: itables or plotly is not installed.
    """
    return page(
        "board.html",
        inline=_inline(),
        root="",
        section="",
        linked=(),
        cite="",
        **board_content(board, tables, results, cache),
    )


def board_content(board: Board, tables: Sequence[Table], results: Results, cache: Path | None = None) -> dict[str, Any]:
    """What ``board.html`` shows."""
    views = table_views(board, tables, results, cache)
    return {
        "board": board,
        "views": views,
        "published": about_published(board),
        "tables": any(view.lines for view in views),
        "charts": any(view.charts for view in views),
    }


@functools.cache
def _version() -> str:
    return importlib.metadata.version("ecg-bench")


def page(template: str, **content: Any) -> str:
    """A page from its template."""
    generator = f"Made by ecg-bench {_version()}"
    return environment().get_template(template).render(made=generator, **content)


def write_page(path: Path, text: str) -> None:
    """Write a page through a temporary name, so that it is never half there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


@functools.cache
def environment() -> Environment:
    """Jinja2 with this project's templates; everything that is not marked as markup is escaped."""
    import jinja2

    jinja_environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    jinja_environment.globals |= {"whisker": _whisker, "inline": None, "tables": False, "charts": False}
    jinja_environment.filters["ticks"] = _ticks
    jinja_environment.filters["wrapped"] = _wrapped
    jinja_environment.filters["metric"] = metric_name
    return jinja_environment


def assets() -> dict[str, str]:
    """Name -> text of the files that pages share: our style and script, and those that itables and plotly supply.

    Raises:
        BenchError: itables or plotly is not installed.
    """
    return {
        "style.css": (TEMPLATES / "style.css").read_text(encoding="utf-8"),
        "site.js": (TEMPLATES / "site.js").read_text(encoding="utf-8"),
        "compare.js": (TEMPLATES / "compare.js").read_text(encoding="utf-8"),
        "tables.css": _itables("dt_bundle.css"),
        "tables.js": _tables_script(),
        "plotly.js": _plotly(),
    }


def _inline() -> dict[str, str]:
    files = assets()
    closed = {name: re.sub(r"</(script|style)", r"<\\/\1", text, flags=re.IGNORECASE) for name, text in files.items()}
    return {
        "css": closed["tables.css"] + closed["style.css"],
        "tables": closed["tables.js"],
        "plotly": closed["plotly.js"],
        "script": closed["site.js"],
    }


@functools.cache
def _tables_script() -> str:
    # The bundle is a module, and browsers refuse modules of files; as data: it can be imported from any page.
    bundle = base64.b64encode(_itables("dt_bundle.js").encode()).decode()
    return f'window.benchTables = "data:text/javascript;base64,{bundle}";\n'


@functools.cache
def _itables(name: str) -> str:
    try:
        import itables
    except ImportError as error:
        raise BenchError("pages need itables, which is not installed: pip install itables") from error
    return (Path(itables.__file__).parent / "html" / name).read_text(encoding="utf-8")


@functools.cache
def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise BenchError("pages need plotly, which is not installed: pip install plotly") from error
    return get_plotlyjs()


def _whisker(cell: CellView) -> Any:
    """Estimate, interval and published value on the column's scale; text next to it states the numbers.

    One element, drawn by the style sheet: 3,600 drawings with elements of their parts took a browser a second more.
    """
    from markupsafe import Markup

    if cell.at is None and cell.published_at is None:
        return ""
    ends = {"low": cell.low, "high": cell.high} if cell.low is not None and cell.high is not None else {}
    places = ends | {"at": cell.at, "published": cell.published_at}
    style = ";".join(f"--{name}:{place:g}%" for name, place in places.items() if place is not None)
    printed = "" if cell.published_at is None else " printed"
    return Markup(f'<span class="whisker{printed}" style="{style}" aria-hidden="true"></span>')


def _ticks(text: Any) -> Any:
    """Text with what is between backticks as code, addresses as links, and Sphinx roles without their names."""
    from markupsafe import Markup, escape

    plain = re.sub(r":(?:mod|class|func|meth|attr|data):`~?([^`]+)`", r"`\1`", str(text))
    return Markup(re.sub(r"``?([^`]+)``?", r"<code>\1</code>", with_links(str(escape(plain)))))


def _wrapped(name: str) -> Any:
    """A dotted name that may be broken after its dots."""
    from markupsafe import Markup, escape

    return Markup(str(escape(name)).replace(".", ".<wbr>"))
