"""The commands of the tutorial and of the how-to pages that need no data are run as they stand, from top to bottom."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r'^```(?:console|python title="(?P<file>[^"]+)")\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL)
LINE = re.compile(
    r"^\$ (?P<command>.*<<'(?P<end>\w+)'\n(?:.*\n)*?(?P=end)$|(?:.*\\\n)*.*)", re.MULTILINE
)  # a here-document, or a command of one line or several
RUN = (
    "tutorial.md",
    "how-to/sweep.md",
    "how-to/own-encoder.md",
    "how-to/own-board.md",
    "how-to/choose.md",
    "how-to/audit-contamination.md",
    "how-to/results-repository.md",
)
INSTALL = ("how-to/new-method.md", "how-to/new-task.md", "how-to/new-dataset.md")


def script(page: str) -> str:
    """A page as one shell script: its titled files, and the lines of its ``console`` blocks that begin with ``$``."""
    lines = ["set -eu"]
    for block in BLOCK.finditer((DOCS / page).read_text(encoding="utf-8")):
        if block["file"]:
            lines.append(f"cat > {block['file']} <<'END-OF-FILE'\n{block['text']}END-OF-FILE")
        else:
            lines += [line["command"] for line in LINE.finditer(block["text"])]
    return "\n".join(lines)


def run_to_the_letter(page, tmp_path, path):
    """What the commands printed, and that none of them failed."""
    environment = os.environ | {
        "PATH": path,
        "BENCH_SIMULATED_RECORDS": "120",
        "BENCH_TOML": "",
        "NO_COLOR": "1",
    }
    environment.pop("BENCH_WORKSPACE", None)
    environment.pop("BENCH_DATA", None)
    if page == "how-to/results-repository.md":
        del environment["BENCH_TOML"]  # the page writes the file itself
    done = subprocess.run(
        ["sh", "-c", script(page)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, f"{page}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN)
def test_the_commands_run_to_the_letter(page, tmp_path, forked_bench):
    said = run_to_the_letter(page, tmp_path, forked_bench)
    if page == "how-to/own-board.md":
        assert "Random ViT" in (tmp_path / "bench-workspace/boards/my-board.md").read_text(encoding="utf-8")
    if page == "tutorial.md":
        assert "0 cells computed, 12 finished before" in said
        assert "Random ResNet" in (tmp_path / "bench-workspace/boards/zeroshot.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.skipif("BENCH_TEST_INSTALLS" not in os.environ, reason="they install packages: .ci/wheel runs them")
@pytest.mark.parametrize("page", INSTALL)
def test_the_commands_that_install_run_to_the_letter(page, tmp_path):
    """Only where the environment may be changed, because it is deleted afterwards."""
    run_to_the_letter(page, tmp_path, f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if page == "how-to/new-method.md":
        pages = (tmp_path / "bench-workspace/site").rglob("*.html")
        assert any("my-method" in page.read_text(encoding="utf-8") for page in pages if "boards" in str(page))


def test_pages_name_commands_that_exist():
    """Also in blocks that need real data, and in the README: no page shows a command or an option that is gone."""
    import typer.main

    from bench.cli.audit import METHOD
    from bench.cli.main import app

    root = typer.main.get_command(app)
    pages = [*DOCS.glob("*.md"), *DOCS.glob("how-to/*.md"), *DOCS.glob("explanation/*.md"), DOCS.parent / "README.md"]
    wrong = []
    for page in pages:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for words in re.findall(r"^(?:\$ )?bench ([^\n#]*)", text, re.MULTILINE):
            command, said = root, words.split()
            while said and said[0] in getattr(command, "commands", {}):
                command = command.commands[said.pop(0)]
            command = getattr(command, "commands", {}).get(METHOD, command)  # `bench audit kmerl`: the word is left out
            options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
            unknown = [word for word in said if re.match(r"--?[a-z]", word) and word.split("=")[0] not in options]
            if command is root or unknown:
                wrong.append(f"{page.name}: bench {words} ({unknown or 'no such command'})")
    assert not wrong, "\n".join(wrong)
