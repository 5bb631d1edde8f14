"""Two methods side by side: the numbers in the page's scripts are those of the tables, with their tests."""

import json
import re

import pytest

from bench.leaderboard.cell_groups import cell_groups
from bench.leaderboard.collect import collect_all, compared
from bench.leaderboard.site.compare_page import ComparePage
from bench.leaderboard.site.matrix import Matrix, MatrixPage
from bench.leaderboard.site.write_site import write_site


@pytest.fixture(scope="module")
def results(tmp_path_factory, scored_result):
    folder = tmp_path_factory.mktemp("cells") / "results"
    skills = {"merl": 0.3, "simclr": 1.5, "byol": 1.5}
    return [
        scored_result(folder, method, skill, task="ptbxl-super", records=80, training=training, fraction=fraction)
        for method, skill in skills.items()
        for fraction, trainings in ((1.0, 2), (0.1, 1))
        for training in range(trainings)
    ]


@pytest.fixture(scope="module")
def table(results):
    (table,) = compared(collect_all(results), results)
    return table


def numbers(page: ComparePage) -> dict[str, dict]:
    """Name of a method -> what its script holds."""
    files = {method["file"]: method["name"] for method in page.content()["shared"]["methods"]}
    calls = [json.loads(re.fullmatch(r"benchCompare\(\.\.\.(.*)\);\n", text).group(1)) for _, text in page.scripts()]
    return {files[file]: data for file, data in calls}


def test_values_and_tests_are_those_of_the_table(results, table):
    page = ComparePage([table], {r.key: r for r in results}, [], {"merl"}, {"ptbxl-super"})
    shared = page.content()["shared"]
    files = {method["name"]: method["file"] for method in shared["methods"]}
    assert list(files) == ["byol", "merl", "simclr"]
    assert {method["name"]: method["page"] for method in shared["methods"]} == {
        "merl": "merl",
        "byol": "",
        "simclr": "",
    }
    few, all_labels = shared["cells"]
    assert (few["labels"], all_labels["labels"], few["leads"]) == ("10 %", "100 %", "all")
    assert few["linked"]
    held = numbers(page)
    for line in table.lines:
        summary, cell = line.summaries[1], held[table.name(line)]["cells"]["1"]
        assert cell[:3] == [round(v, 3) for v in (summary.value, summary.low, summary.high)]
        assert len(cell[4]) == len(all_labels["classes"]) == 5
    first, second = sorted(("merl", "simclr"), key=[table.name(line) for line in table.lines].index)
    *bounds, p, corrected, significant = held[first]["tests"][files[second]]["1"]
    names = [table.name(line) for line in table.lines]
    (test, holm) = table.ranks[1].test_of(names.index(first), names.index(second))
    assert bounds == [round(v, 3) for v in (test.value, test.low, test.high)]
    assert (p, corrected, significant) == (round(test.p_value, 3), round(holm, 3), int(holm < 0.05)) and holm >= 0.001
    assert "0" not in held[first]["tests"][files[second]]
    assert "fewer than two rows have replicates" in shared["reasons"][few["why"]]  # one trained model each


def test_groups_and_corruptions_go_to_the_methods_of_their_rows(results, table):
    title = next(group.title for group in cell_groups(results) if group.results[0].cell.fraction == 1)
    rows = [("merl†", [["0.8", "gap 0.1"]]), ("simclr", [["0.9"]]), ("unknown", [["0.1"]])]
    matrix = Matrix(f"{title}: by sex", ["Method", "female (n = 9)"], rows, [], cell=title)
    pages = [MatrixPage("subgroups", "Subgroups", "", "", [matrix, Matrix("another", ["Method"], [], [])])]
    page = ComparePage([table], {r.key: r for r in results}, pages, (), ())
    (part,) = page.content()["shared"]["parts"]
    assert part == {"cell": 1, "page": "subgroups", "of": "Subgroups", "title": "by sex", "heads": ["female (n = 9)"]}
    held = numbers(page)
    assert held["merl"]["parts"] == {"0": ["0.8\ngap 0.1"]} and held["simclr"]["parts"] == {"0": ["0.9"]}
    assert held["byol"]["parts"] == {}


def test_the_site_has_the_page_with_and_without_results(results, tmp_path):
    site = write_site({}, results, tmp_path / "site", compare=False).parent
    text = (site / "compare.html").read_text()
    assert "<noscript>" in text and "<option>simclr</option>" in text
    shared = json.loads(text.split('id="compare-shared">')[1].split("</script>")[0])
    assert [(site / "compare" / f"{method['file']}.js").is_file() for method in shared["methods"]] == [True] * 3
    assert shared["reasons"] == ["the columns were not tested"]
    empty = write_site({}, [], tmp_path / "empty").parent
    assert "Fewer than two methods have results." in (empty / "compare.html").read_text()
