"""``bench text``: what a user sees of the textbooks, and of what is wrong with one."""

import json


def test_textbooks_go_in_and_passages_come_out(bench, tmp_path):
    notes = tmp_path / "notes.md"
    notes.write_text("# Rhythm\n\nAtrial fibrillation has no P waves.\n\n# Blocks\n\nLBBB widens the QRS complex.\n")
    done = bench("text", "ingest", str(notes))
    assert done.code == 0, done.err
    assert "notes.md: 7 lines, 2 passages" in done.out
    assert "esi.cqa.textbooks=" in done.out
    assert "already in the store" in bench("text", "ingest", str(notes)).out
    found = json.loads(bench("text", "retrieve", "atrial fibrillation", "--top", "1", "--json").out)
    assert found["atrial fibrillation"][0]["citation"] == "notes.md, l. 1-3"


def test_what_is_wrong_is_told_in_a_line(bench, tmp_path):
    empty = bench("text", "retrieve", "LBBB")
    assert (empty.code, "bench text ingest" in empty.err) == (2, True)
    blank = bench("text", "retrieve", " ")
    assert (blank.code, "an argument after retrieve is empty" in blank.err) == (2, True)
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 and no more")
    message = bench("text", "ingest", str(broken))
    assert (message.code, "broken.pdf" in message.err, "Traceback" in message.err) == (2, True, False)
