"""``.ci/plain_words``: texts keep to the plain words, and the check finds the others."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECK = runpy.run_path(str(ROOT / ".ci" / "plain_words"))


def test_no_text_of_the_project_uses_a_mannered_word(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert CHECK["main"]() == 0, capsys.readouterr().out


@pytest.mark.parametrize(("folder", "lines"), [("bench", [1, 1]), ("tests", [1])])
def test_texts_are_checked_and_names_outside_the_tests(tmp_path, folder, lines):
    path, word = tmp_path / folder / "module.py", "be" + "side"
    path.parent.mkdir()
    path.write_text(f'file_{word}_it = 1  # a file {word} it\nname = f"{{file_{word}_it}} is fine"\n')
    assert [number for number, line in CHECK["texts"](path) if CHECK["WORDS"].search(line)] == lines
