import re
from dataclasses import replace

import pytest

from bench.leaderboard import footnotes
from bench.leaderboard.collect import collect_all, compared
from bench.leaderboard.footnotes import Note
from bench.leaderboard.formats import console
from bench.leaderboard.formats.console import console_tables


def shown(view, width: int = 160, terminal: bool = False) -> str:
    from io import StringIO

    from rich.console import Console

    text = StringIO()
    Console(file=text, width=width, force_terminal=terminal, no_color=True).print(view, crop=False)
    return text.getvalue()


def test_the_terminal_shows_methods_against_tasks(make_result):
    results = [make_result(value=0.842, width=0.013), make_result(mode="zeroshot"), make_result("merl", value=0.7)]
    (view,) = console_tables(results)
    text = shown(view)
    assert "0.842 [0.829, 0.855]" in text
    assert "linear · 100%" in text
    assert "zeroshot" in text
    assert "n = 2,158" in text


def test_title_and_footnotes_are_not_squeezed_into_a_narrow_table(make_result):
    (view,) = console_tables([make_result(data="simulated")])
    lines = [line.strip() for line in shown(view).splitlines()]
    assert view.title in lines
    assert view.footnotes[0] in lines


def test_the_terminal_shows_many_columns_as_lines(make_result):
    results = [make_result(task=f"task-{t}", value=0.5 + t / 100) for t in range(8)]
    (view,) = console_tables(results)
    assert view.table.row_count == 16  # a heading each
    assert "task-7" in shown(view)


def test_on_a_narrow_terminal_no_name_and_no_interval_is_broken(make_result):
    results = [make_result("xresnet1d101-beats", task=f"task-{t}", value=0.842, width=0.013) for t in range(4)]
    (view,) = console_tables(results)
    assert any("task-0" in line and "task-3" in line for line in shown(view).splitlines())  # a column each
    lines = [line.split() for line in shown(view, 80).splitlines()]
    assert sum(line == ["xresnet1d101-beats", "0.842", "[0.829,", "0.855]", "2,158"] for line in lines) == 4
    assert ["task-1", "·", "linear", "·", "100%", "macro_auroc"] in lines


@pytest.mark.parametrize("methods", [("merl",), ("merl", "kmerl")])
def test_intervals_over_replicates_are_those_of_the_board(tmp_path, scored_result, monkeypatch, methods):
    results = [
        scored_result(tmp_path / "results", name, 1.0 + k, noise=2, training=n)
        for k, name in enumerate(methods)
        for n in range(3)
    ]
    (view,) = console_tables(results, cache=tmp_path / "cache")
    (board,) = compared(collect_all(results), results)
    intervals = [f"[{line.summaries[0].low:.3f}, {line.summaries[0].high:.3f}]" for line in board.lines]
    assert all(interval in shown(view) for interval in intervals)
    assert len(list((tmp_path / "cache").iterdir())) == 1
    monkeypatch.setattr(console, "MANY_RESULTS", 2)
    (quick,) = console_tables(results)
    assert not any(interval in shown(quick) for interval in intervals)
    assert console.WIDER in " ".join(shown(quick, 500).split())


def test_the_terminal_names_no_csv(make_result):
    results = [make_result("merl"), *(make_result("random-resnet", seed=seed, corpus=None) for seed in (0, 1))]
    (table,) = collect_all(results)
    assert footnotes.IN_CSV in table.footnotes
    (view,) = console_tables(results, all_notes=True)
    assert "CSV" not in shown(view)


def test_the_terminal_keeps_kinds_apart(make_result):
    assert len(console_tables([make_result(), make_result(data="simulated")])) == 2
    assert console_tables([]) == []
    assert collect_all([]) == []


def notes_of(text: str) -> list[str]:
    """What follows the last line of a table."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in text.splitlines()]
    after = lines[max(number for number, line in enumerate(lines) if "0.8" in line) + 1 :]
    return [line.rstrip() for line in after if line.strip(" ─") and not line.startswith("   ")]


def test_the_terminal_shows_five_footnotes_in_a_line_each(make_result):
    leaked = make_result(mode="finetune", contamination="test records", corpus="csn", left_out=["X"])
    leaked.provenance["overrides"] = ["backbone=resnet18"]
    leaked.dataset["n_skipped"] = 3
    older = make_result("merl", started="2025-01-01")
    results = [leaked, make_result("merl"), older, make_result("merl", corpus="ptbxl", seed=1)]
    (view,) = console_tables(results)
    assert len(view.footnotes) > 5
    *notes, last = notes_of(shown(view, 80, terminal=True))
    assert len(notes) == len(set(notes)) == 5
    assert any(line.startswith("‡ test records were pretrained on") for line in notes)
    assert max(map(len, notes)) <= 80
    cut = [line.removesuffix(" …") for line in notes if line.endswith(" …")]
    assert cut and all(any(note.startswith(line) for note in view.footnotes) for line in cut)
    assert set(notes) - {f"{line} …" for line in cut} <= set(view.footnotes)
    assert last == f"({len(view.footnotes) - 5} more notes, the cut ones whole: --notes)"
    *notes, last = notes_of(shown(view, 80))  # a pipe has no edge
    assert len(notes) == 5 and set(notes) <= set(view.footnotes)
    assert last == f"({len(view.footnotes) - 5} more notes: --notes)"
    (whole,) = console_tables(results, all_notes=True)
    assert "more note" not in shown(whole)
    assert all(note in shown(whole, 500) for note in whole.footnotes)


def test_notes_that_differ_behind_the_edge_share_a_line(make_result):
    (view,) = console_tables([make_result()])
    alike = [Note(f"{'the same beginning ' * 5}{number}", -1) for number in range(3)]
    text = shown(replace(view, footnotes=[*alike, Note("short", 0)]), 80, terminal=True)
    assert [line for line in notes_of(text) if not line.startswith("(")] == [
        "the same beginning the same beginning the same beginning the same beginning …",
        "short",
    ]
    assert "(2 more notes, the cut ones whole: --notes)" in text


def test_contrasts_are_results_and_shown_whole(make_result):
    (view,) = console_tables([make_result()])
    sentence = "Difference to the same network untrained: " + "merl +3.2 [1.0, 5.4] *; " * 9
    text = shown(replace(view, contrasts=(sentence,)), 80, terminal=True)
    assert " ".join(sentence.split()) in " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).split())
