"""Pages of tables that no board describes: subgroups with many methods, and tasks that are made when their names are read."""

from bench.leaderboard.site import subgroups_page
from bench.leaderboard.site.matrix import MatrixPage
from bench.leaderboard.site.render_html import page
from bench.leaderboard.site.transferred_tasks import transferred_facts, transferred_tasks
from bench.leaderboard.site.write_site import write_site
from bench.leaderboard.subgroups import SubgroupTable
from bench.scoring.bootstrap import Interval
from bench.scoring.subgroups import GroupScore


def test_every_table_on_subgroups_marks_contaminated_methods_and_shows_sizes_apart():
    def group(name: str) -> GroupScore:
        gap = Interval(-0.1, 0.02)
        return GroupScore("sex", name, 1200, 1100, 500, ("MI",), 0.8, Interval(0.7, 0.9), 0.84, -0.04, gap, 0.2)

    names = [f"a-method-with-a-long-name-{k} (text.model medcpt, batch_size 256)" for k in range(9)]
    tables = [SubgroupTable(name, "task", "macro_auroc", 1, [group("female"), group("male")]) for name in names]
    statuses = {name: {"none"} for name in names} | {names[3]: {"same dataset"}}
    matrices = [
        subgroups_page._overview(tables, statuses, ["sex"]),
        subgroups_page._matrix(tables, statuses, "sex"),
    ]
    html = page("matrix.html", root="", section="boards", **MatrixPage("subgroups", "S", "", "", matrices).content())
    assert html.count(f"{names[3]}†</th>") == 2 and html.count(f"{names[4]}</th>") == 2
    assert '>female <span class="sub">(n = 1,200, positives 500)</span></th>' in html
    assert "task: macro AUROC, worst group" in html


def test_a_transferred_task_with_results_has_a_page(scored_result, tmp_path):
    name = "ptbxl-super-to-csn"
    result = scored_result(tmp_path, "simclr", 1.0, task=name, records=40)
    destination = write_site({}, [result], tmp_path / "site", compare=False).parent
    html = (destination / "tasks" / f"{name}.html").read_text()
    assert "trained on ptbxl, tested on csn" in html
    assert f'href="../tasks/{name}.html"' in (destination / "methods" / "simclr.html").read_text()
    assert f"{name}.html" in (destination / "tasks" / "index.html").read_text()
    (entry,) = transferred_tasks([name, "ptbxl-super", "absent-to-csn"]).values()
    facts = transferred_facts(entry)
    assert {row["name"] for row in facts["classes"]} == set(entry.load().shared)
    trained = next(part for part in facts["partitions"] if part["name"] == "train")
    assert trained["records"] == "17,084"
    assert len([part for part in facts["partitions"] if part["name"] == "test"]) == 1
