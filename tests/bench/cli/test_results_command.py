"""``bench results``: write a results repository, add results, check them; its workflows, run step by step."""

import json
import os
import re
import subprocess
import time
from dataclasses import replace

import pandas as pd
import pytest
import yaml

from bench.cells.result import write_result
from bench.storage.artifacts import digest

GIT = {
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _git_identity(monkeypatch):
    for name, value in GIT.items():
        monkeypatch.setenv(name, value)


def git(folder, *words):
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(bench, tmp_path):
    done = bench("results", "init", str(tmp_path / "ours"), "--title", "Our: results")
    assert done.code == 0, done.err
    return tmp_path / "ours"


@pytest.fixture(scope="module")
def finished(simulated_workspace, tmp_path_factory):
    """The folder of a finished cell on the simulated PTB-XL."""
    from bench.api import run
    from bench.storage.workspace import Workspace

    own = Workspace(tmp_path_factory.mktemp("finished"))
    for folder in ("simulated", "stores"):
        (own.root / folder).symlink_to(getattr(simulated_workspace, folder))
    run("random-resnet", "ptbxl-super", "linear", seeds=0, track=False, workspace=own.root, simulated_records=120)
    (result,) = own.results.glob("[!.]*")
    return result


@pytest.fixture
def added(bench, repository, finished, workspace):
    workspace.results.symlink_to(finished.parent)
    done = bench("results", "add", finished.name[:8], "--into", str(repository))
    assert done.code == 0, done.err
    (card,) = (repository / "results").glob("*.json")
    return card


def test_init_writes_files_that_are_read(repository, bench, monkeypatch):
    assert yaml.safe_load((repository / "CITATION.cff").read_text())["title"] == "Our: results"
    assert "ecg-bench==" in (repository / "requirements.txt").read_text()
    assert not (repository / ".gitattributes").exists()
    for path in repository.rglob("*"):
        if path.is_file() and path.suffix != ".yml":
            assert "{{" not in path.read_text() and "{%" not in path.read_text(), path
    monkeypatch.chdir(repository)
    from bench.project_file import project

    assert project().workspace == repository / "workspace"
    again = bench("results", "init", str(repository))
    assert (again.code, "exists already; nothing was written" in again.err) == (2, True)


def test_init_with_lfs_tracks_predictions(bench, tmp_path):
    assert bench("results", "init", str(tmp_path / "large"), "--lfs").code == 0
    assert "results/predictions/** filter=lfs" in (tmp_path / "large/.gitattributes").read_text()
    assert "git lfs install" in (tmp_path / "large/CONTRIBUTING.md").read_text()


def test_an_added_result_is_scored_again(bench, repository, added):
    stated = json.loads(added.read_text())["predictions"]["sha256"]
    assert (repository / "results/predictions" / stated / "predictions.parquet").is_file()
    done = bench("results", "check", "--into", str(repository))
    assert done.code == 0, done.out
    assert done.out.startswith("**accepted**: 1 card of 1 checked (1 rescored)")
    (row,) = [line for line in done.out.splitlines() if line.startswith(f"| {added.name}")]
    assert "| rescored | random-resnet | ptbxl-super | linear | 12 | 100 % | macro_auroc |" in row


def test_a_result_is_added_once(bench, repository, added, finished):
    again = bench("results", "add", finished.name, "--into", str(repository))
    assert "there already" in again.out and len(list((repository / "results").glob("*.json"))) == 1
    card = json.loads(added.read_text())
    added.write_text(json.dumps(card | {"digest": "0" * 32}))
    again = bench("results", "add", finished.name, "--into", str(repository))
    assert (again.code, "another card of the same cell" in again.err) == (2, True)


def test_without_predictions_the_level_is_schema(bench, repository, workspace, finished):
    workspace.results.symlink_to(finished.parent)
    done = bench("results", "add", finished.name, "--no-predictions", "--into", str(repository))
    assert "level of proof will be schema" in done.out
    done = bench("results", "check", "--into", str(repository))
    assert (done.code, "(1 schema)" in done.out) == (0, True)


def test_predictions_of_credentialed_data_stay_out(bench, repository, workspace, make_result):
    rows = {"record_id": ["1", "2"], "patient_id": ["1", "2"], "partition": "test", "target_NORM": [0, 1]}
    result = make_result(data="real")
    result = replace(result, dataset=result.dataset | {"name": "echonext"})
    write_result(workspace.results, result, pd.DataFrame(rows | {"score_NORM": [0.1, 0.9]}))
    done = bench("results", "add", result.key, "--into", str(repository))
    assert done.code == 0, done.err
    assert not (repository / "results/predictions").exists()


def test_a_pull_request_is_checked_for_what_it_changes(bench, repository, added):
    predictions = next((repository / "results").rglob("*.parquet"))
    card, table = added.read_text(), predictions.read_bytes()
    added.unlink()
    predictions.unlink()
    git(repository, "init", "-q", "-b", "main")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "Start")
    git(repository, "branch", "accepted")

    def check(*options):
        git(repository, "add", "--all", ".")
        git(repository, "commit", "-q", "--allow-empty", "-m", "Change")
        return bench("results", "check", "--since", "accepted", "--into", str(repository), *options)

    assert check().out.strip() == "**accepted**: 0 cards of 0 checked"
    added.write_text(card)
    predictions.parent.mkdir(parents=True, exist_ok=True)
    predictions.write_bytes(table)
    assert "1 card of 1 checked (1 rescored)" in check().out
    git(repository, "branch", "-f", "accepted")

    copy = added.with_name("copy.json")
    copy.write_text(card)
    done = check()
    assert (done.code, "1 card of 2 checked (1 rejected)" in done.out) == (1, True)
    assert "the same card as" in done.out
    copy.unlink()
    stray = repository / "results/notes.txt"
    stray.write_text("")
    done = check()
    assert (done.code, "results/notes.txt is neither a card nor the predictions of one" in done.out) == (1, True)
    stray.unlink()
    added.write_text(card.replace("random-resnet", "random-vit"))
    done = check()
    assert done.code == 1 and f"results/{added.name} is changed: accepted has it" in done.out
    assert "| **rejected** |" in done.out and "digest and key" in done.out
    added.unlink()
    done = check()
    assert done.code == 1 and "is deleted: accepted has it" in done.out

    done = bench("results", "check", "--since", "nothing", "--into", str(repository))
    assert (done.code, "git knows no such revision" in done.err) == (2, True)


def test_a_revision_is_no_option_of_git(bench, repository, tmp_path):
    git(repository, "init", "-q")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "first")
    done = bench("results", "check", f"--since=--output={tmp_path / 'written'}", "--into", str(repository))
    assert done.code == 2 and "knows no such revision" in done.err
    assert not list(tmp_path.glob("written*"))


def test_a_folder_without_git_is_named(bench, repository):
    done = bench("results", "check", "--since", "main", "--into", str(repository))
    assert done.code == 2 and "is no git repository" in done.err


def test_what_a_card_says_makes_no_markup(bench, repository, added):
    card = json.loads(added.read_text())
    card["score"]["metrics"] = {"<script>|": card["score"]["metrics"]["macro_auroc"]}
    added.write_text(json.dumps(card))
    (repository / "results/x|<img src=1>.json").write_text("{}")
    done = bench("results", "check", "--into", str(repository))
    assert done.code == 1
    assert "<script>" not in done.out and "<img" not in done.out
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in done.out.splitlines() if line.startswith("|")}
    assert widths == {11}


def test_the_sample_is_a_share_of_cells_on_the_data_that_are_here(bench, repository, added):
    for number in range(4):
        added.with_name(f"copy{number}.json").write_text(added.read_text())
    into = ("--into", str(repository))
    assert len(bench("results", "sample", "--share", "0.3", *into).out.splitlines()) == 2
    first, again = (bench("results", "sample", "--seed", "1", *into) for _ in range(2))
    assert first.out == again.out and len(first.out.splitlines()) == 1
    card = json.loads(added.read_text())
    card["data"] = "real"
    del card["digest"]
    for path in added.parent.glob("*.json"):
        path.write_text(json.dumps(card | {"digest": digest(card)}))
    assert bench("results", "sample", *into).out == ""
    wrong = bench("results", "sample", "--share", "1.5", *into)
    assert (wrong.code, "0.01 for 1 %" in wrong.err) == (2, True)


def test_another_folder_is_refused(bench, tmp_path):
    done = bench("results", "check", "--into", str(tmp_path))
    assert (done.code, "is not a results repository" in done.err) == (2, True)


# -- the workflows -----------------------------------------------------------------------------------------------------

WORKFLOWS = ("check", "site", "replay")
EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")
KNOWN = r"(vars|github|runner)\.\w+|vars\.RUNNER \|\| 'ubuntu-latest'|steps\.deploy\.outputs\.page_url|!cancelled\(\)"


def workflow(repository, name):
    content = yaml.safe_load((repository / f".github/workflows/{name}.yml").read_text())
    (job,) = content["jobs"].values()
    return content, job


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_has_what_github_needs(repository, name):
    content, job = workflow(repository, name)
    assert content["name"] == name and content[True]  # YAML 1.1 reads "on" as true
    assert set(content) <= {"name", True, "permissions", "concurrency", "defaults", "jobs"}
    assert content["defaults"]["run"]["shell"] == "bash"  # the default shell does not see a failure before a pipe
    writes = {part for part, access in content["permissions"].items() if access == "write"}
    assert writes == {"check": set(), "site": {"pages", "id-token"}, "replay": {"contents"}}[name]
    assert set(job) <= {"runs-on", "timeout-minutes", "steps", "environment"} and {"runs-on", "timeout-minutes"} <= set(
        job
    )
    for step in job["steps"]:
        assert ("uses" in step) != ("run" in step)
        assert set(step) <= {"name", "uses", "with", "run", "env", "if", "id"}
        assert "uses" not in step or re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"])
        # an expression inside a script is how a branch's name becomes a command
        assert not EXPRESSION.search(step.get("run", ""))
        if "run" in step:
            assert subprocess.run(["bash", "-n", "-c", step["run"]]).returncode == 0
    text = (repository / f".github/workflows/{name}.yml").read_text()
    assert all(re.fullmatch(KNOWN, expression) for expression in EXPRESSION.findall(text))


class Runner:
    """Runs the ``run`` steps of a workflow in a folder, as GitHub's runner does; installing is left out."""

    def __init__(self, tmp_path, path):
        self.temp = tmp_path / "runner"
        self.temp.mkdir()
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("BENCH_", "GIT_DIR"))}
        self.environment |= GIT | {"PATH": path}
        self.seconds = {}

    def bash(self, folder, script, **variables):
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=folder, env=self.environment | variables, capture_output=True, text=True, timeout=280,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def workflow(self, folder, name, values=(), without=()):
        """Exit codes of the steps by name, and the job's summary."""
        _, job = workflow(folder, name)
        summary = self.temp / "summary.md"
        summary.write_text("")
        known = {"runner.temp": str(self.temp)} | dict(values)
        codes, failed, begin = {}, False, time.monotonic()
        for step in job["steps"]:
            if "run" not in step or step["name"] in ("Install", *without) or (failed and "if" not in step):
                continue
            variables = {
                variable: EXPRESSION.sub(lambda match: known.get(match[1], ""), value)
                for variable, value in step.get("env", {}).items()
            }
            done = self.bash(folder, step["run"], GITHUB_STEP_SUMMARY=str(summary), **variables)
            codes[step["name"]] = done.returncode
            failed = failed or done.returncode != 0
            print(name, step["name"], done.stdout[-2000:], done.stderr[-2000:])
        self.seconds.setdefault(name, 0.0)
        self.seconds[name] += time.monotonic() - begin
        return codes, summary.read_text()


@pytest.mark.slow
@pytest.mark.timeout(900)  # ten commands, each a process
def test_from_a_run_in_a_fork_to_the_page(tmp_path, forked_bench):
    """Start a repository, fork it, run a cell, add it, check the pull request, merge, publish, replay, publish again."""
    runner = Runner(tmp_path, forked_bench)
    hosted = tmp_path / "hosted.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(hosted))
    assert runner.bash(tmp_path, "bench results init ours").returncode == 0
    ours = tmp_path / "ours"
    toml = ours / "bench.toml"
    toml.write_text(toml.read_text().replace("= 500", "= 120"))
    for words in (
        "init -q -b main",
        "add .",
        "commit -q -m Start",
        f"remote add origin {hosted}",
        "push -q origin main",
    ):
        git(ours, *words.split())

    git(tmp_path, "clone", "-q", str(hosted), "fork")
    fork, begin = tmp_path / "fork", time.monotonic()
    script = """
        git switch -q -c my-result
        bench run --method random-resnet --task ptbxl-super --mode linear --seed 0 --no-track
        bench results add "$(ls workspace/results)"
        git add results && git commit -q -m "Add a result" && git push -q -u origin my-result
    """
    done = runner.bash(fork, script)
    assert done.returncode == 0, done.stderr
    runner.seconds["run and add"] = time.monotonic() - begin
    assert git(fork, "status", "--short") == ""

    def checkout(name, branch):
        git(tmp_path, "clone", "-q", "--branch", branch, f"file://{hosted}", name)
        return tmp_path / name

    pull_request = checkout("pull-request", "my-result")
    codes, summary = runner.workflow(pull_request, "check", {"github.base_ref": "main"})
    assert codes == {"Check": 0}
    assert "**accepted**: 1 card of 1 checked (1 rescored)" in summary
    git(ours, "fetch", "-q")
    git(ours, "merge", "-q", "--no-edit", "origin/my-result")
    git(ours, "push", "-q", "origin", "main")

    codes, summary = runner.workflow(checkout("merged", "main"), "site")
    assert set(codes.values()) == {0}
    page = tmp_path / "merged/site/methods/random-resnet.html"
    value = json.loads(next((ours / "results").glob("*.json")).read_text())["score"]["metrics"]["macro_auroc"]["value"]
    assert (tmp_path / "merged/site/index.html").is_file()
    assert f"{value:.3f}" in page.read_text()
    runner.seconds["run to page"] = time.monotonic() - begin

    codes, summary = runner.workflow(checkout("replaying", "main"), "replay")
    assert set(codes.values()) == {0}, summary
    assert "replayed: macro_auroc" in summary
    codes, summary = runner.workflow(checkout("again", "main"), "site", without=["Build"])
    assert set(codes.values()) == {0}
    assert "(1 replayed)" in summary

    # a card whose number does not come out again fails the job, and the outcome is stored all the same
    forged = checkout("forged", "main")
    path = next((forged / "results").glob("*.json"))
    card = json.loads(path.read_text())
    del card["digest"]
    each = [values["auroc"] for values in card["score"]["per_class"].values()]
    shift = max((1 - max(each)) / 2, -min(each) / 2, key=abs)  # all values stay possible
    card["score"]["metrics"]["macro_auroc"] = {"value": value + shift, "low": 0.0, "high": 1.0}
    for values in card["score"]["per_class"].values():
        values["auroc"] += shift
    path.write_text(json.dumps(card | {"digest": digest(card)}))
    codes, summary = runner.workflow(forged, "replay")
    assert codes["Replay"] == 1 and codes["Store the outcomes"] == 0
    assert "not replayed" in summary
    assert len(git(hosted, "ls-tree", "--name-only", "replays").split()) == 2
    print({name: round(seconds, 1) for name, seconds in runner.seconds.items()})
