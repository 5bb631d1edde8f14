"""The site in a Chromium: scripts, filters, keyboard, two widths, light and dark. Needs the extra ``browser``."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bench.leaderboard.board import Board, Column, Row
from bench.leaderboard.cell_groups import cell_groups
from bench.leaderboard.collect import collect
from bench.leaderboard.site import write_site
from bench.leaderboard.site.matrix import Matrix, MatrixPage
from bench.leaderboard.site.pictures import Block, Drawing, Pictures, SitePictures
from bench.leaderboard.site.render_html import write as write_html

pytestmark = [pytest.mark.slow, pytest.mark.browser]

METHODS = {
    "kmerl": {"skill": 2.0, "parameters": 30e6, "speed": 20.0, "licence": "MIT", "contamination": "none"},
    "merl": {"skill": 1.2, "parameters": 4e6, "speed": 100.0, "licence": "MIT", "contamination": "same dataset"},
    "simclr": {"skill": 0.8, "parameters": 0.8e6, "speed": 400.0, "licence": "", "contamination": "none"},
    "byol": {
        "skill": 0.4,
        "parameters": 0.8e6,
        "speed": 100.0,
        "licence": "",
        "contamination": "none",
        "level": "rescored",
    },
    "cpc": {"skill": 0.3, "parameters": 0.9e6, "speed": 100.0, "licence": "", "contamination": "none"},
    "mae": {"skill": 0.2, "parameters": 0.9e6, "speed": 100.0, "licence": "", "contamination": "none"},
}
CELLS = [
    {"fraction": 1.0, "training": 0},
    {"fraction": 1.0, "training": 1},
    {"fraction": 0.1},
    {"fraction": 1.0, "leads": ("I", "II")},
]
SHOWN = "section.situation:not([hidden]) tbody tr:not([hidden]) th"


def board() -> Board:
    shared = {"group": "Super", "task": "ptbxl-super", "mode": "linear"}
    columns = [Column(label=f"{100 * f:g}%", fraction=f, **shared) for f in (0.1, 1.0)]
    rows = [Row(label=m, method=m, group="ab"[k % 2], published=[60 + k] * 2) for k, m in enumerate(METHODS)]
    return Board(name="one", title="One", metric="macro_auroc", scale=100, columns=columns, rows=rows)


def matrix_page(title: str) -> MatrixPage:
    cells = [["0.800 [0.700, 0.900]", "gap −0.010"], ["0.810 [0.710, 0.910]", "gap +0.010"]]
    heads = ["Method", "female (n = 90, positives 20)", "male (n = 60, positives 8)"]
    trace = {"type": "scatter", "mode": "markers", "name": "kmerl", "x": [0, 1], "y": [0.80, 0.81]}
    chart = {"title": "By sex", "describe": "By sex; the numbers are in the table.", "data": [trace], "layout": {}}
    rows = [(method, cells) for method in ("kmerl", "merl")]
    matrix = Matrix(f"{title}: by sex", heads, rows, ["A note."], [chart], title)
    return MatrixPage("subgroups", "Subgroups", "Each group.", "Groups.", [matrix])


@pytest.fixture(scope="module")
def site(tmp_path_factory, scored_result) -> Path:
    folder = tmp_path_factory.mktemp("in-browser")
    real = {"data": "real", "profile": "paper", "complete": True}
    results = []
    for name, facts in METHODS.items():
        cells = [*CELLS, {"mode": "zeroshot"}] if facts["licence"] else CELLS
        for cell in cells:
            asked = {"contamination": facts["contamination"], **real, **cell}
            result = scored_result(folder / "results", name, facts["skill"], records=60, **asked)
            costs = {"parameters": facts["parameters"], "recordings_per_second": facts["speed"], "gflops": 1.0}
            weights = {"weights": {"licence": facts["licence"]}} if facts["licence"] else {}
            results.append(
                replace(
                    result,
                    provenance=result.provenance | costs,
                    checkpoint=result.checkpoint | weights,
                    level=facts.get("level", ""),
                )
            )
    title = next(group.title for group in cell_groups(results) if group.results[0].cell == results[0].cell)
    drawing = folder / "drawn.svg"
    drawing.write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 400"><path d="M0 0 L900 400"/></svg>')
    blocks = [Block("input", 0, "", "12 × 5,000", 0), Block("encoder.stages.0", 1, "Sequential", "64 × 2,500", 49_664)]
    drawn = Pictures([Drawing(drawing, "Lead II of a simulated recording.")], blocks)
    pictures = SitePictures({"kmerl": drawn}, {"ptbxl-super": drawn})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write_site, "matrix_pages", lambda *_: [matrix_page(title)])
        return write_site.write_site({"one": board()}, results, folder / "site", pictures=pictures).parent


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install 'ecg-bench[browser]'")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no Chromium on this machine; on Debian: apt-get install chromium")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def window(browser):
    context = browser.new_context(color_scheme="light")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def tab(window):
    """A page of the browser that fails at the end if a script complained or a file was missing."""
    tab = window.new_page()
    said = []
    tab.on("console", lambda message: message.type in ("error", "warning") and said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("requestfailed", lambda request: said.append(request.url))
    yield tab
    tab.close()
    assert said == []


def kinds_of_page(site: Path) -> dict[str, str]:
    """A page of each kind -> its address."""
    cell = next(iter(sorted((site / "cells").glob("*.html"))))
    names = ["index", "boards/one", "methods/index", "methods/kmerl", "tasks/index", "tasks/ptbxl-super"]
    names += ["methods/ecg-fm", "datasets/index", "datasets/ptbxl", "subgroups", "protocols", f"cells/{cell.stem}"]
    names.append("compare")
    pages = {name: (site / f"{name}.html").as_uri() for name in names}
    return pages | {"compare": pages["compare"] + "#a=kmerl&b=merl"}


def visit(tab, address: str, width: int = 1280) -> None:
    """Open a page and wait until its tables, charts and comparisons are there."""
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto("about:blank")  # an address that differs in what follows # is no new page
    tab.goto(address)
    tab.wait_for_function(
        """() => (!window.benchTables || document.documentElement.dataset.tables)
          && [...document.querySelectorAll(".plot")].every((plot) => plot.querySelector(".main-svg"))
          && (!document.getElementById("compared") || document.querySelector("#compared table")
              || document.getElementById("compare-status").textContent)"""
    )


def names(tab) -> list[str]:
    return tab.locator(SHOWN).all_inner_texts()


def axe() -> Path | None:
    """axe-core, where npm has installed it: for all users, or in a folder of NODE_PATH."""
    folders = [Path("/usr/lib/node_modules"), Path("/usr/local/lib/node_modules")]
    folders += map(Path, filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)))
    files = (folder / "axe-core" / "axe.min.js" for folder in folders)
    return next((file for file in files if file.is_file()), None)


AXE = """(rules) => axe.run({ exclude: [".plot"] }, { preload: false, ...(rules ? { runOnly: rules } : {}) })
  .then(({ violations }) => violations)"""


def violations(tab, rules: list[str] | None = None) -> list[str]:
    """What axe objects to on a page."""
    return [
        f"{rule['id']}: {node['html'][:150]} {node['failureSummary']}"
        for rule in tab.evaluate(AXE, rules)
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("width", [1280, 390])
def test_every_kind_of_page_fits_without_errors_and_meets_wcag_aa_where_axe_is_installed(tab, site, width):
    script, found = axe(), {}
    for name, address in kinds_of_page(site).items():
        visit(tab, address, width)
        wider = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, name
        if script is not None:
            tab.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
            tab.add_script_tag(path=script)
            found[name] = violations(tab)
            tab.evaluate("document.documentElement.classList.add('dark')")
            found[f"{name}, dark"] = violations(tab, ["color-contrast"])
    assert {name: rules for name, rules in found.items() if rules} == {}


def test_dark_follows_the_system_and_the_button_switches(tab, site):
    ground = "getComputedStyle(document.body).backgroundColor"
    tab.emulate_media(color_scheme="dark")
    visit(tab, (site / "protocols.html").as_uri())
    dark = tab.evaluate(ground)
    tab.click("#theme")
    light = tab.evaluate(ground)
    assert (dark, light) == ("rgb(20, 23, 27)", "rgb(255, 255, 255)")
    tab.evaluate("localStorage.clear()")


def test_filters_of_the_first_page_change_what_is_shown_together_and_back(tab, site):
    visit(tab, (site / "index.html").as_uri())
    form = tab.locator("#encoder-filters")
    everything = names(tab)
    assert sorted(everything) == sorted(METHODS) and everything[0] == "kmerl"

    def chosen(name: str, value: str) -> set[str]:
        form.locator(f'[data-by="{name}"]').select_option(value)
        return set(names(tab))

    assert chosen("situation", "zero-shot") == {"kmerl", "merl"}
    for situation in ("few-labels", "few-leads", "all"):
        assert chosen("situation", situation) == set(METHODS)
        assert tab.locator("section.situation:not([hidden])").get_attribute("id") == situation
    assert chosen("parameters", "5") == set(METHODS) - {"kmerl"}
    assert chosen("speed", "200") == {"simclr"}  # both at once
    assert chosen("speed", "") == set(METHODS) - {"kmerl"}
    assert chosen("licence", "MIT") == {"merl"}
    assert "1 of 6 encoders" in tab.locator("section.situation:not([hidden]) [data-count]").inner_text()
    form.locator('[data-by="clean"]').check()
    assert names(tab) == []
    tab.get_by_role("button", name="Show all").click()
    assert names(tab) == everything
    assert chosen("proof", "rescored") == {"byol"}


def test_search_finds_a_method_and_says_when_there_is_none(tab, site):
    visit(tab, (site / "index.html").as_uri())
    search = tab.get_by_label("Search methods, tasks and boards")
    search.fill("nothing like this")
    search.press("Enter")
    assert tab.locator("#none-found").inner_text() == "Nothing has this name."
    search.fill("simcl")
    search.press("Enter")
    tab.wait_for_url("**/methods/simclr.html")


def test_a_board_sorts_by_mouse_and_keyboard_filters_and_searches(tab, site):
    visit(tab, (site / "boards" / "one.html").as_uri())
    rows = tab.locator("table.board tbody tr")
    head = tab.locator("table.board thead tr:last-child th").nth(2)
    head.click()
    sorted_by(head, "descending")
    head.get_by_role("button").focus()
    for key, direction in (("Enter", "ascending"), ("Space", None), ("Space", "descending")):  # None: as it was
        tab.keyboard.press(key)
        if direction:
            sorted_by(head, direction)
    tab.locator('[data-filter="group"]').select_option("a")
    assert rows.count() == 3
    tab.locator('[data-filter="group"]').select_option("")
    tab.get_by_label("Search the rows").fill("merl")
    tab.wait_for_function("document.querySelectorAll('table.board tbody tr').length === 2")


def test_two_methods_are_compared_at_an_address_that_stays(tab, site):
    visit(tab, (site / "methods" / "kmerl.html").as_uri())
    tab.get_by_role("link", name="Compare with another method").click()
    assert tab.locator("[name=a]").input_value() == "kmerl"
    visit(tab, (site / "compare.html").as_uri())
    assert tab.locator("#compare-status").inner_text() == "Choose two methods."
    tab.get_by_label("First method").select_option("kmerl")
    tab.get_by_label("Second method").select_option("merl")
    rows = tab.locator("#compared section").first.locator("tbody tr")
    rows.first.wait_for()
    tab.wait_for_function("location.hash === '#a=kmerl&b=merl'")
    texts = rows.all_inner_texts()
    assert len(texts) == 4 and sum("not tested" in text for text in texts) == 3  # one column has replicates
    (tested,) = (text for text in texts if "not tested" not in text)
    assert "+0." in tested and "[" in tested
    summary = tab.locator("#compared > p").first.inner_text()
    assert summary.startswith("4 cells of both, 1 tested: kmerl is significantly better in")
    assert tab.get_by_text("gap −0.010").count() == 2  # of the subgroup "female", for both
    tab.get_by_role("button", name="Exchange").click()
    tab.wait_for_function("location.hash === '#a=merl&b=kmerl'")
    tab.get_by_text("merl minus kmerl").wait_for()
    visit(tab, tab.url)
    assert tab.get_by_label("First method").input_value() == "merl"
    visit(tab, (site / "compare.html").as_uri() + "#a=absent&b=merl")
    assert "No results of absent." in tab.locator("#compare-status").inner_text()


def sorted_by(head, direction: str) -> None:
    """Wait until a table is sorted by its third column, and check its rows."""
    head.and_(head.page.locator(f"[aria-sort={direction}]")).wait_for()
    rows = head.page.locator("table.board tbody tr")
    values = [float(value) for value in rows.evaluate_all("rows => rows.map((row) => row.cells[2].dataset.order)")]
    assert values == sorted(values, reverse=direction == "descending")


FOCUS = """() => {
  const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  return { number: window.stops.indexOf(at), what: at.outerHTML.slice(0, 120), outlined, inside };
}"""
STOPS = """() => {
  const shown = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.tabIndex >= 0;
  window.stops = [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex]")].filter(shown);
  document.activeElement.blur();
  return window.stops.length;
}"""


@pytest.mark.parametrize("name", ["index", "boards/one", "compare", "tasks/ptbxl-super"])
def test_the_keyboard_reaches_everything_in_order_and_the_focus_is_seen(tab, site, name):
    visit(tab, kinds_of_page(site)[name])
    count = tab.evaluate(STOPS)
    assert count > 8
    for number in range(count):
        tab.keyboard.press("Tab")
        focus = tab.evaluate(FOCUS)
        assert focus["number"] == number, focus["what"]
        assert focus["outlined"] and focus["inside"], focus["what"]


def test_the_keyboard_skips_the_navigation_and_opens_what_is_folded(tab, site):
    visit(tab, (site / "index.html").as_uri())
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.wait_for_function("location.hash === '#content'")
    notes = tab.locator("details").first
    notes.locator("summary").focus()
    for key, expected in (("Enter", True), ("Space", False)):
        tab.keyboard.press(key)
        assert notes.evaluate("details => details.open") == expected


def test_a_board_of_60_methods_and_60_columns_is_laid_out_few_times(tab, make_result, tmp_path):
    """A script that reads sizes between its changes lays it out once a cell; ``benchmarks/wide_board.py`` has the time."""
    columns = [Column(group=f"g{k // 4}", label=str(k), task=f"t{k}", mode="linear") for k in range(60)]
    rows = [Row(label=f"m{k}", method=f"m{k}", group="ab"[k % 2]) for k in range(60)]
    wide = Board(name="wide", title="Wide", metric="macro_auroc", columns=columns, rows=rows)
    results = [make_result(f"m{m}", f"t{t}", value=0.5 + m / 200) for m in range(60) for t in range(60)]
    path = tmp_path / "wide.html"
    path.write_text(write_html(wide, collect(wide, results), {}))
    metrics = tab.context.new_cdp_session(tab)
    metrics.send("Performance.enable")
    visit(tab, path.as_uri())
    used = {each["name"]: each["value"] for each in metrics.send("Performance.getMetrics")["metrics"]}
    assert used["LayoutCount"] <= 20 and used["RecalcStyleCount"] <= 30, used
    assert used["Nodes"] <= 12 * 60 * 60, used
