"""``.ci/plain_words``: texts keep to the plain words, and the check finds the others."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHECK = runpy.run_path(str(ROOT / ".ci" / "plain_words"))


def test_no_text_of_the_project_uses_a_mannered_word(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert CHECK["main"]() == 0, capsys.readouterr().out


def test_texts_are_checked_and_identifiers_are_not(tmp_path):
    path, word = tmp_path / "module.py", "be" + "side"
    path.write_text(f'{word} = 1  # a file {word} it\nname = f"{{{word}}} is fine"\n')
    found = [match[0] for _, line in CHECK["texts"](path) for match in CHECK["WORDS"].finditer(line)]
    assert found == [word]
