"""Textbooks of the user's: read, cut, found and cited; and what cannot be read says so."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest
from pydantic import ValidationError

from bench.errors import ConfigError, DataError
from methods.text.cqa import CQAConfig, cqa_texts
from methods.text.documents import Document, passages, read_document
from methods.text.encoder import TextEncoderConfig
from methods.text.endpoint import EndpointDown
from methods.text.textbooks import Textbooks

PAGES = (
    "Left bundle branch block widens the QRS complex to 120 ms or more. A notched R wave stands in I, aVL, V5 and V6.",
    "In atrial fibrillation there are no P waves. The baseline is irregular and the RR intervals vary.",
    "Acute pericarditis raises the ST segment in most leads, with depression of the PR segment.",
)


def pdf(pages: tuple[str, ...], extra: str = "") -> bytes:
    """A PDF of one line of text a page, by hand: catalogue, font, and two objects for every page."""
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    fonts = "<< /Font << /F1 3 0 R >> >>"
    for i, text in enumerate(pages):
        shown = f"BT /F1 9 Tf 20 700 Td ({text}) Tj ET" if text else "0 0 m 9 9 l S"
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * i} 0 R /Resources {fonts} >>",
            f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream",
        ]
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n".encode()
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    start = len(body)
    body += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode()
    return body + f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {extra}>>\nstartxref\n{start}\n%%EOF".encode()


@pytest.fixture
def atlas(tmp_path):
    path = tmp_path / "atlas.pdf"
    path.write_bytes(pdf(PAGES))
    return path


@pytest.fixture
def books(atlas, tmp_path):
    store = Textbooks(tmp_path / "store")
    store.ingest([atlas])
    return store


def test_a_pdf_is_read_by_its_pages(atlas):
    document = read_document(atlas)
    assert (document.unit, len(document.parts)) == ("page", 3)
    assert [page.strip() for page in document.parts] == list(PAGES)


def test_passages_are_whole_sentences_with_their_pages():
    cut = passages(Document("a", "", "page", PAGES), words=40)
    first, second = PAGES[1].split(". ")
    assert [(passage.first, passage.last) for passage in cut] == [(1, 2), (2, 3)]
    assert cut[0].text == f"{PAGES[0]} {first}."
    assert cut[1].text == f"{first}. {second} {PAGES[2]}"
    endless = passages(Document("a", "", "page", ("word " * 70,)), words=30)
    assert [len(passage.text.split()) for passage in endless] == [30, 30, 10]


def test_a_heading_begins_a_passage():
    lines = ("# Conduction", "", "QRS is wide.", "# Rhythm", "", "P waves are absent.")
    cut = passages(Document("notes.md", "", "line", lines))
    assert [(passage.text, passage.first, passage.last) for passage in cut] == [
        ("# Conduction QRS is wide.", 1, 3),
        ("# Rhythm P waves are absent.", 4, 6),
    ]


def test_the_passage_on_a_finding_is_found_whatever_the_report_calls_it(books, tmp_path):
    notes = tmp_path / "notes.md"
    notes.write_text("# Axis\n\nThe axis points left beyond -30 degrees in left anterior fascicular block.\n")
    reported = books.ingest([notes])
    assert [(one.name, one.parts, one.passages, one.new) for one in reported] == [("notes.md", 3, 1, True)]
    found = books.retrieve(["LBBB", "vorhofflimmern", "left anterior fascicular block"], top=1)
    assert found["left anterior fascicular block"][0].citation == "notes.md, l. 1-3"
    assert "atlas.pdf, p. 1" in found["LBBB"][0].citation
    assert "no P waves" in found["vorhofflimmern"][0].text
    assert all(len(each) == 1 for each in found.values())


def test_a_file_is_read_once_and_another_name_is_no_other_book(books, atlas, tmp_path, monkeypatch):
    before = books.digest
    copy = tmp_path / "copy.pdf"
    copy.write_bytes(atlas.read_bytes())
    again = Textbooks(books.folder)
    assert [one.new for one in again.ingest([copy, atlas])] == [False, False]
    assert again.digest == before
    copy.write_bytes(pdf(PAGES[:1]))
    again.ingest([copy])
    assert again.digest != before
    with pytest.raises(ConfigError, match="was made with text encoder 'minilm'"):
        Textbooks(books.folder, TextEncoderConfig(model="medcpt"))


def encrypted() -> bytes:
    from io import BytesIO

    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(BytesIO(pdf(PAGES))))
    writer.encrypt("secret", algorithm="RC4-128")
    content = BytesIO()
    writer.write(content)
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reported"),
    [
        ("locked.pdf", encrypted, "is encrypted.*without one"),
        ("scan.pdf", lambda: pdf(("", "")), "none of its 2 pages holds text.*ocrmypdf"),
        ("broken.pdf", lambda: pdf(PAGES)[:300], "not readable as PDF|has no page"),
        ("html.pdf", lambda: b"<html>404</html>", "expected %PDF-"),
        ("nothing.txt", lambda: b" \n", "holds no words"),
        ("latin.txt", lambda: "Überleitung".encode("latin-1"), "byte 0 is not UTF-8"),
        ("book.epub", lambda: b"PK\x03\x04\0\0words", "binary data"),
    ],
)
def test_what_cannot_be_read_is_told_and_nothing_is_kept(tmp_path, atlas, name, content, reported):
    path = tmp_path / name
    path.write_bytes(content())
    store = Textbooks(tmp_path / "store")
    with pytest.raises(DataError, match=reported) as raised:
        store.ingest([atlas, path])
    assert name in str(raised.value)
    assert not (tmp_path / "store").exists()


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        Textbooks(tmp_path / "store").ingest([tmp_path / "absent.pdf"])
    with pytest.raises(DataError, match="bench text ingest"):
        Textbooks(tmp_path / "store").retrieve(["LBBB"])
    with pytest.raises(ValidationError, match="no textbook in this store"):
        CQAConfig(textbooks=tmp_path / "store", endpoint={"url": "http://127.0.0.1:9/v1", "model": "m"})


def test_a_damaged_store_is_told(books):
    (source,) = (books.folder / "sources").glob("[!.]*")
    (source / "embeddings.safetensors").write_bytes(b"no")
    with pytest.raises(DataError, match="ingest its file again"):
        Textbooks(books.folder).retrieve(["LBBB"])


@pytest.fixture
def writer():
    """An endpoint that answers every question, and keeps what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(body["messages"][1]["content"])
            answer = json.dumps({"waveform": f"paragraph {len(asked)}"})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"choices": [{"message": {"content": answer}}]}).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield {"url": f"http://127.0.0.1:{server.server_port}/v1", "model": "m", "concurrency": 1, "attempts": 1}, asked
    server.shutdown()
    server.server_close()


def test_the_endpoint_writes_from_the_passages_once_for_every_statement(books, writer, tmp_path):
    endpoint, asked = writer
    config = CQAConfig(textbooks=books.folder, passages=2, endpoint=endpoint, demographics=False)
    reports = ["sinus rhythm. left bundle branch block.", "sinus rhythm.", "left bundle branch block."]
    texts = cqa_texts(reports, pd.DataFrame(index=range(3)), config, cache=tmp_path / "answers")
    assert len(asked) == 2
    assert asked[1].startswith("Finding: left bundle branch block\nReference: \n[1] ")
    assert "(atlas.pdf, p. 1" in asked[1]
    assert texts[2] == "ECG Findings: left bundle branch block.\nPotential ECG waveforms:\nparagraph 2"
    assert cqa_texts(reports, pd.DataFrame(index=range(3)), config, cache=tmp_path / "answers") == texts
    assert len(asked) == 2


def test_textbooks_need_a_reader_that_answers_and_must_not_change_under_a_config(books, writer, tmp_path):
    with pytest.raises(ValidationError, match=r"cqa\.endpoint"):
        CQAConfig(textbooks=books.folder)
    down = {"url": "http://127.0.0.1:9/v1", "model": "m", "attempts": 1}
    with pytest.raises(EndpointDown, match="run again when it is available"):
        cqa_texts(["LBBB."], pd.DataFrame(index=[0]), CQAConfig(textbooks=books.folder, endpoint=down))
    config = CQAConfig(textbooks=books.folder, endpoint=writer[0])
    assert CQAConfig.model_validate(config.model_dump()) == config
    more = tmp_path / "more.txt"
    more.write_text("Delta waves slur the upstroke of the QRS complex.")
    books.ingest([more])
    with pytest.raises(DataError, match="holds other books"):
        cqa_texts(["LBBB."], pd.DataFrame(index=[0]), config)
