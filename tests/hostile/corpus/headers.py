"""WFDB headers of CSN: every field with values that cannot be, and odd ones that can."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..case import Case, Sandbox

FIRST = "JS00001"


def prepare(box: Sandbox, *options: str) -> list[str]:
    return ["data", "prepare", "csn", "--data-root", "csn=csn", "--workers", "1", *options]


def header(change: Callable[[str], str], *options: str):
    """The header of the first recording, changed."""

    def make(box: Sandbox) -> list[str]:
        box.copy(box.shared.csn, "csn")
        box.edit(f"csn/{FIRST}.hea", change)
        return prepare(box, *options)

    return make


def encoded(encoding: str, change: Callable[[str], str] = lambda text: text):
    """The header of the first recording, changed, in another encoding."""

    def make(box: Sandbox) -> list[str]:
        box.copy(box.shared.csn, "csn")
        path = box.folder / f"csn/{FIRST}.hea"
        box.write(path, change(path.read_text(encoding="utf-8")).encode(encoding))
        return prepare(box)

    return make


def all_leads(change: Callable[[str], str]):
    """The names of all leads, changed."""

    def whole(text: str) -> str:
        first, *lines = text.split("\n")
        return "\n".join(
            [first, *(re.sub(r"\S+$", lambda name: change(name[0]), line) for line in lines[:12]), *lines[12:]]
        )

    return whole


def microvolts(text: str) -> str:
    return text.replace("1000/mV", "1/µV")


def commented(text: str) -> str:
    return f"# Süd\n{text}"


def first_line(position: int, value: str):
    """One field of the first line: name, leads, rate, samples."""

    def change(text: str) -> str:
        line, _, rest = text.partition("\n")
        fields = line.split(" ")
        fields[position] = value
        return " ".join(fields) + "\n" + rest

    return change


def lead_line(position: int, value: str):
    """One field of the line of lead II: file, format, gain, resolution, zero, first, checksum, block, name."""

    def change(text: str) -> str:
        lines = text.split("\n")
        fields = lines[2].split(" ")
        fields[position] = value
        lines[2] = " ".join(fields)
        return "\n".join(lines)

    return change


BAD_FIRST = {
    "leads": (
        1,
        ["0", "-1", "11", "13", "1e9", "99999999999999999999", "twelve", "12.0", "\N{ARABIC-INDIC DIGIT ONE}x"],
    ),
    "rate": (2, ["0", "-500", "nan", "inf", "1e308", "1e-300", "five", "0x1f4", "5e-324", "250", "1000", "9" * 400]),
    "samples": (3, ["-1", "1e3", "5001", "99999999999999999999", "many", "5000.5"]),
}
BAD_LEAD = {
    "file": (0, ["../JS00001.mat", "/etc/passwd", "JS99999.mat", ".", "..", "a\\b.mat", "~", "JS0\0.mat", "x" * 300]),
    "format": (1, ["0", "17", "-16", "16+", "16+99999999999999999999", "16x0", "16x99999999", "16:99999999", "abc"]),
    "gain": (2, ["0/mV", "-1000/mV", "nan/mV", "inf/mV", "1e-300/mV", "1e39/mV", "1e999/mV", "1000/kV", "1/mV",
                 "1000(99999999999999999999)/mV", "1000(1.5)/mV", "mV", "1000/"]),
    "zero": (4, ["x", "1.5", "99999999999999999999", "-99999999999999999999"]),
    "checksum": (6, ["x", "1", "1.5", "99999999999999999999"]),
    "name": (8, ["I", "X9", "", "\x1b[31mII", "II II", "-aVR", "MLII"]),
}  # fmt: skip


def plain(value: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", value.encode("unicode_escape").decode())[:24] or "empty"


SKIP = ("--on-bad-record", "skip")
CASES = [
    *(
        Case(f"{field}-{plain(value)}", header(first_line(position, value)), words=(FIRST,))
        for field, (position, values) in BAD_FIRST.items()
        for value in values
    ),
    *(
        Case(f"{field}-{plain(value)}", header(lead_line(position, value)), words=(FIRST,))
        for field, (position, values) in BAD_LEAD.items()
        for value in values
    ),
    *(
        Case(
            f"skip-{field}-{plain(value)}",
            header(change(position, value), *SKIP),
            exit=0,
            words=(FIRST, "2 recordings"),
        )
        for change, bad in ((first_line, BAD_FIRST), (lead_line, BAD_LEAD))
        for field, (position, values) in bad.items()
        for value in values
    ),
    Case("untouched", lambda box: (box.copy(box.shared.csn, "csn"), prepare(box))[1], exit=0, words=("3 recordings",)),
    Case("empty", header(lambda text: ""), words=(f"{FIRST}.hea is empty",)),
    Case("only-comments", header(lambda text: "# a\n"), words=(f"{FIRST}.hea",)),
    *(
        Case(f"leads-as-{plain(spelling)}", header(all_leads(spelling.format)), exit=0, words=("3 recordings",))
        for spelling in ("Lead_{}", "MDC_ECG_LEAD_{}", "ECG_{}")
    ),
    Case("leads-as-DI", header(all_leads(lambda name: f"D{name}" if set(name) == {"I"} else name.upper())), exit=0),
    Case(
        "leads-unnamed",
        header(all_leads(lambda name: "")),
        words=(f"{FIRST}.hea", "names none", "Lead I, DI or MDC_ECG"),
    ),
    *(
        Case(f"{name}-{encoding}", encoded(encoding, change), exit=0, words=("3 recordings",))
        for encoding in ("utf-8-sig", "latin-1")
        for name, change in (("comment-first", commented), ("microvolts", microvolts))
    ),
    Case("utf-16", encoded("utf-16"), words=(f"{FIRST}.hea holds zero bytes",)),
    Case("a-million-bytes", header(lambda text: text + "# x\n" * 300_000), words=(f"{FIRST}.hea has more than",)),
    Case("windows-lines", header(lambda text: text.replace("\n", "\r\n")), exit=0),
]
