"""New results as an Atom feed (RFC 4287)."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from bench.cells.result import Result

NEWEST = 50
ATOM = "http://www.w3.org/2005/Atom"


def feed(results: Sequence[Result]) -> str:
    """The newest results, each with a link to the page of its method; addresses are relative to the feed."""
    ElementTree.register_namespace("", ATOM)
    newest = sorted(results, key=lambda r: (str(r.provenance.get("started", "")), r.key), reverse=True)[:NEWEST]
    root = ElementTree.Element(f"{{{ATOM}}}feed")
    _text(root, "title", "bench: new results")
    _text(root, "id", "urn:bench:results")
    _text(root, "updated", str(newest[0].provenance.get("started", "")) if newest else "1970-01-01T00:00:00+00:00")
    author = ElementTree.SubElement(root, f"{{{ATOM}}}author")
    _text(author, "name", "bench")
    ElementTree.SubElement(root, f"{{{ATOM}}}link", href="index.html")
    for result in newest:
        metric, value = next(iter(result.score["metrics"].items()))
        entry = ElementTree.SubElement(root, f"{{{ATOM}}}entry")
        number = "undefined" if value["value"] is None else f"{value['value']:.3f}"
        _text(entry, "title", f"{result.title}: {metric} {number}")
        _text(entry, "id", f"urn:bench:{result.key}")
        _text(entry, "updated", str(result.provenance.get("started", "")))
        ElementTree.SubElement(entry, f"{{{ATOM}}}link", href=f"methods/{result.method_name}.html")
        _text(entry, "summary", f"{result.data} data, profile {result.profile}, contamination: {result.contamination}")
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def _text(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, f"{{{ATOM}}}{name}").text = text
