"""``bench methods``, ``bench tasks`` and ``bench explain METHOD``: what a user reads before the first run."""

import json
import os
import re
import subprocess
import sys

import pytest

from bench import registry
from bench.reading.as_published import ASPECTS


def listed(bench, *arguments):
    done = bench("methods", "--json", *arguments)
    assert done.code == 0, done.err
    return {row["name"]: row for row in json.loads(done.out)}


def test_methods_show_family_paper_and_year(bench):
    simclr = listed(bench)["simclr"]
    assert (simclr["family"], simclr["paper"], simclr["year"]) == ("contrastive", "Chen et al., ICML 2020", 2020)
    assert "Simple Framework" in simclr["source"]
    assert "Source" not in simclr["description"]
    assert "Chen et al., ICML 2020" in bench("methods", "simclr").out


def test_they_are_filtered_by_each_of_them(bench):
    assert set(listed(bench, "--family", "untrained")) == {"random-resnet", "random-vit"}
    assert {"merl", "kmerl", "etp"} <= set(listed(bench, "--family", "Report", "--year", "2023-2025"))
    assert all(row["year"] in (2020, 2021) for row in listed(bench, "--year", "2020-2021").values())
    assert "mmcl" in listed(bench, "--search", "TURGUT")
    assert "simclr" not in listed(bench, "--search", "TURGUT")
    assert "Did you mean 'report'" in bench("methods", "--family", "reprt").err
    assert "no method matches" in bench("methods", "--year", "1950").err
    zeroshot = listed(bench, "--mode", "zeroshot")
    assert "merl" in zeroshot
    assert all("zeroshot" in row["modes"] for row in zeroshot.values())
    assert "Did you mean 'zeroshot'" in bench("methods", "--mode", "zeroshoot").err


def test_a_word_that_is_no_name_is_searched_for(bench):
    assert set(listed(bench, "TURGUT")) == set(listed(bench, "--search", "turgut")) != set()
    assert set(listed(bench, "untrained")) >= {"random-resnet", "random-vit"}
    assert "Did you mean 'kmerl'" in bench("methods", "kmrel").err
    assert "ptbxl-super" in bench("tasks", "wagner").out


def test_tasks_show_their_paper_and_are_filtered(bench):
    def tasks(*arguments):
        return {row["name"]: row for row in json.loads(bench("tasks", "--json", *arguments).out)}

    assert (tasks()["ptbxl-super"]["year"], tasks()["ptbxl-super"]["paper"]) == (
        2020,
        "Wagner et al., Scientific Data 2020",
    )
    assert {row["dataset"] for row in tasks("--dataset", "cpsc2018").values()} == {"cpsc2018"}
    assert all(row["kind"] == "survival" for row in tasks("--kind", "survival").values())
    assert "ptbxl-super" in tasks("--search", "wagner", "--year", "2020")
    asked_in_words = tasks("--mode", "zeroshot")
    assert {"ptbxl-super", "csn"} <= set(asked_in_words)
    assert not {"ptbxl-identification", "ukb-mi-hf"} & set(asked_in_words)
    assert set(tasks("--mode", "linear")) == set(tasks()) > set(asked_in_words)
    assert "zeroshot" not in tasks("ptbxl-identification")["ptbxl-identification"]["modes"]
    assert "Did you mean 'zeroshot'" in bench("tasks", "--mode", "zeroshoot").err
    assert "no task matches" in bench("tasks", "--year", "1950").err
    assert "Did you mean 'survival'" in bench("tasks", "--kind", "survivl").err


@pytest.mark.parametrize(("command", "column"), [("methods", "year"), ("tasks", "dataset")])
@pytest.mark.parametrize("width", [60, 80, 160])
def test_a_listing_has_a_line_for_each_that_fits_the_terminal(bench, monkeypatch, command, column, width):
    monkeypatch.setenv("COLUMNS", str(width))
    names = [row["name"] for row in json.loads(bench(command, "--json").out)]
    header, *lines = bench(command).out.splitlines()
    assert [line.split()[0] for line in lines] == names
    assert max(map(len, lines)) <= width
    assert (column in header.split()) == (width >= 80)
    assert "description" in header
    details = bench(command, names[0]).out.splitlines()
    assert {"  kind", "  modes"} & {line.partition(":")[0] for line in details}
    assert max(map(len, details)) <= width


def test_every_method_has_a_family_and_every_summary_makes_sense_alone():
    for group in (registry.METHODS, registry.TASKS):
        for entry in registry.entries(group).values():
            if entry.distribution != "ecg-bench":
                continue
            assert group == registry.TASKS or entry.attributes.get("family"), entry.name
            assert entry.summary, entry.name
            assert not re.match(r"(The same|As |Like |It )\b", entry.summary), entry.name


@pytest.mark.parametrize(("task", "classes"), [("ptbxl-all", 71), ("ptbxl-super", 5), ("csn", 38)])
def test_the_number_of_classes_is_read_from_tables_that_are_put_together(bench, task, classes):
    (row,) = json.loads(bench("tasks", task, "--json").out)
    assert row["classes"] == classes


def test_explain_without_a_task_describes_the_method(bench):
    done = bench("explain", "K-MERL")
    assert done.code == 0, done.err
    for words in (
        "source: ",
        "modes: ",
        "family: report",
        "input: 10 s at 500 Hz",
        "corpus of the paper: mimic-iv-ecg",
    ):
        assert words in done.out
    assert re.search(r"^  depth = 12  .*MERL's ViT$", done.out, re.M)
    assert re.search(r"^  pretrain\.lr = 0\.0002  peak learning rate", done.out, re.M)
    assert "pretrain." not in bench("explain", "xgboost-tabular").out
    assert "TASK is missing" in bench("explain", "kmerl", "--record", "1").err


def test_explain_input_prints_and_draws_the_steps(bench, workspace):
    done = bench("explain", "ecg-jepa", "--input")
    assert done.code == 0, done.err
    assert "before the network: eight leads in this order: I, II, V1" in done.out
    assert "record 1 of ptbxl:" in done.out
    assert (workspace.root / "explained" / "ecg-jepa" / "input.png").stat().st_size > 10_000
    assert "--paper would have no effect with --input" in bench("explain", "ecg-jepa", "--input", "--paper").err


def test_explain_paper_shows_every_aspect_and_marks_what_differs(bench):
    out = bench("explain", "etp", "--paper").out
    aspects = [line.removesuffix(" §") for line in out.splitlines()[1:] if not line.startswith(" ")]
    assert aspects == list(ASPECTS)
    assert re.search(r"^text encoder §$", out, re.M)
    assert "§ model minilm, not bioclinicalbert: the text encoder is the packaged MiniLM" in " ".join(out.split())
    assert re.search(r"^optimiser$", out, re.M)
    assert "  release: none published" in out
    mets = bench("explain", "mets", "--paper").out
    assert "silent" not in mets
    assert "none published" not in mets
    assert "release: not read by us" in mets


@pytest.mark.parametrize("form", [(), ("--paper",)])
@pytest.mark.parametrize(("option", "value"), [("--set", "etp.dim=64"), ("--profile", "smoke"), ("--profile", "paper")])
def test_options_without_effect_on_a_description_are_refused(bench, form, option, value):
    done = bench("explain", "etp", *form, option, value)
    assert done.code != 0
    assert f"{option} would have no effect" in done.err
    assert f"Leave out {option}" in done.err
    assert not done.out


@pytest.mark.parametrize("name", list(registry.entries(registry.METHODS)))
def test_every_method_can_be_described(name):
    from bench.method.describe import describe_method

    lines = list(describe_method(registry.entries(registry.METHODS)[name]))
    assert all("\n" not in line for line in lines)


def test_listing_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['bench', 'methods', '--family', 'report']\n"
        "from bench.cli.main import app\n"
        "app(standalone_mode=False)\n"
        "print(sorted({'torch', 'numpy', 'pandas', 'mlflow', 'optuna'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout


@pytest.mark.parametrize("command", ["run --help", "methods"])
def test_a_reader_that_stops_early_is_no_error(command):
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [sys.executable, "-m", "bench.cli.main", *command.split()], stdout=writes, stderr=subprocess.PIPE, text=True
    )
    os.close(writes)
    assert done.stderr == ""


def test_a_description_fits_the_terminal_and_has_no_markup(bench, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    for arguments in (("kmerl",), ("kmerl", "--paper"), ("kmerl", "--input")):
        out = bench("explain", *arguments).out
        assert "``" not in out
        *lines, _last = out.splitlines()  # the path of a picture is as long as it is
        assert max(map(len, lines)) <= 70
