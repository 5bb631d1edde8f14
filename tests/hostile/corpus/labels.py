"""Files next to the signals: codes in headers, and UK Biobank's lists, tables and ECG files."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..case import Case, Sandbox
from ..shared import CONDITIONS
from .headers import FIRST, SKIP, header, plain, prepare

MALFORMED = {
    "semicolon": "#Dx: 426783006;164889003",
    "words": "#Dx: atrial fibrillation",
    "float": "#Dx: 426783006.0",
    "exponent": "#Dx: 4.26783006e8",
    "two-lines": "#Dx: 426783006\n#Dx: 164889003",
    "unknown": "#Dx: Unknown",
    "nan": "#Dx: NaN",
    "negative": "#Dx: -426783006",
    "40-digits": "#Dx: " + "9" * 40,
    "other-digits": "#Dx: \N{ARABIC-INDIC DIGIT FOUR}26783006",
    "formula": "#Dx: =1+1",
}
WITHOUT = {"missing": "", "empty": "#Dx:", "blanks": "#Dx:   ", "commas": "#Dx: , ,"}
READ = {
    "blanks": "#Dx:  426783006 , 164889003 ",
    "lower-case": "#dx: 426783006",
    "blank-before": "# Dx: 426783006",
    "twice-the-same": "#Dx: 426783006\n#Dx: 426783006",
    "doubled-code": "#Dx: 426783006,426783006",
}


def dx(lines: str) -> Callable[[str], str]:
    return lambda text: re.sub(r"#Dx:.*\n", lambda _: lines + "\n" if lines else "", text)


def conditions(change: Callable[[str], str]):
    def make(box: Sandbox) -> list[str]:
        box.copy(box.shared.csn, "csn")
        box.edit(f"csn/{CONDITIONS}", change)
        return prepare(box)

    return make


def slipped(box: Sandbox) -> list[str]:
    """The record that CinC 2021 calls S23074, whose samples are in JS23074.mat."""
    folder = box.copy(box.shared.csn, "csn")
    text = (folder / f"{FIRST}.hea").read_text()
    box.write("csn/S23074.hea", text.replace(f"{FIRST} ", "S23074 ").replace(FIRST, "S23074"))
    box.write("csn/JS23074.mat", (folder / f"{FIRST}.mat").read_bytes())
    return prepare(box)


def ukb(name: str, change: Callable[[str], str], *options: str):
    """One file of UK Biobank, changed, or written if it is not there."""

    def make(box: Sandbox) -> list[str]:
        folder = box.copy(box.shared.ukb, "ukb")
        path = next(iter(sorted(folder.glob(name))), folder / name)
        before = path.read_text(encoding="iso-8859-1") if path.is_file() else ""
        box.write(path.relative_to(box.folder), change(before).encode("iso-8859-1"))
        return ["data", "prepare", "ukb", "--data-root", "ukb=ukb", "--workers", "1", *options]

    return make


def listed(content: str | bytes, name: str = "w12345_20240101.csv"):
    text = content if isinstance(content, str) else content.decode("iso-8859-1")
    return ukb(name, lambda old: text)


def field(column: str, value: str) -> Callable[[str], str]:
    """One cell of the first participant."""

    def change(text: str) -> str:
        lines = text.splitlines()
        cells = lines[1].split(",")
        cells[lines[0].split(",").index(column)] = value
        return "\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n"

    return change


def tag(name: str, value: str) -> Callable[[str], str]:
    return lambda text: re.sub(rf"(<{name}[^>]*>)[^<]*", rf"\g<1>{value}", text)


EID = "1000001"
LISTS: dict[str, str | bytes] = {
    "plain": f"{EID}\n",
    "byte-order-mark": b"\xef\xbb\xbf" + EID.encode(),
    "utf-16": EID.encode("utf-16"),
    "comma": f"{EID},\n",
    "two-columns": f"{EID},2024-01-01\n",
    "row-numbers": f",eid\n0,{EID}\n",
    "float": f"{EID}.0\n",
    "quotes": f'"{EID}"\n',
    "single-quotes": f"'{EID}'\n",
    "semicolon": f"{EID};01/02/2024\n",
    "tab": f"{EID}\t2024-01-01\n",
    "header": f"eid\n\n{EID}\n",
    "windows": f"{EID}\r\n",
}
NO_LISTS: dict[str, str | bytes] = {
    "words": f"{EID}\nand others\n",
    "short-eid": f"{EID}\n100000\n",
    "negative": f"{EID}\n-1\n",
    "exponent": f"{EID}\n1.000001e6\n",
    "glued": f"{EID}{EID}\n",
    "header-late": f"{EID}\neid\n",
    "other-digits": f"{EID}\n\xb2\n",
    "nul": f"{EID}\0\n",
    "latin-1": b"\xe91\n",
    "formula": f"{EID}\n=A1\n",
}
NAMES = ("W1_2.csv", "w12345_20240101.txt", "w12345_20240101", "lists/2024/w1_2.tsv", "Withdrawn participants.txt")
NUMBERS = ("inf", "nan", "-inf", "1e400", "12345678901234567890", "?")
LEFT_OUT = "1 participants with an ECG are left out"
XML = f"20205/{EID}_20205_2_0.xml"

CASES = [
    *(
        Case(f"dx-{name}", header(dx(lines)), words=(f"{FIRST}.hea", "#Dx", "expected")) if "two" not in name
        else Case(f"dx-{name}", header(dx(lines)), words=(f"{FIRST}.hea", "2 #Dx lines"))
        for name, lines in MALFORMED.items()
    ),
    *(Case(f"skip-dx-{name}", header(dx(lines), *SKIP), exit=0, words=(FIRST, "#Dx")) for name, lines in MALFORMED.items()),
    *(
        Case(f"dx-{name}", header(dx(lines)), exit=0, words=("1 recording without a code", FIRST))
        for name, lines in WITHOUT.items()
    ),
    *(Case(f"dx-read-{name}", header(dx(lines)), exit=0) for name, lines in READ.items()),
    Case(
        "conditions-as-physionet-heads-them",
        conditions(lambda old: "\ufeffAcronym Name,Full Name,Snomed_CT\n" + old.partition("\n")[2]),
        exit=0,
    ),
    Case("s23074", slipped, exit=0, words=("4 recordings",)),
    *(Case(f"withdrawn-{name}", listed(content), exit=0, words=(LEFT_OUT,)) for name, content in LISTS.items()),
    *(Case(f"withdrawn-named-{plain(name)}", listed(f"{EID}\n", name), exit=0, words=(LEFT_OUT,)) for name in NAMES),
    *(
        Case(f"withdrawn-{name}", listed(content), words=("w12345_20240101.csv", "one eid (7 digits) a line"))
        for name, content in NO_LISTS.items()
    ),
    Case("withdrawn-spreadsheet", listed(b"PK\3\4", "w1_2.xlsx"), words=("w1_2.xlsx", "plain text")),
    *(
        Case(f"xml-{name}-{plain(value)}", ukb(XML, tag(name, value)), words=(f"{EID}_20205_2_0.xml", name))
        for name in ("SampleRate", "Resolution", "QRSDuration", "Year")
        for value in NUMBERS
    ),
    *(
        Case(
            f"phenotypes-{plain(value)}",
            ukb("phenotypes.csv", field("LVEF (%)", value)),
            words=("phenotypes.csv", "LVEF", "is not a number"),
        )
        for value in NUMBERS
    ),
    *(
        Case(
            f"main-{name}-{plain(value)}",
            ukb("ukb00000.csv", field(name, value)),
            words=(f"eid {EID}", f"field {name.partition('-')[0]}, instance 2", "expected"),
        )
        for name in ("50-2.0", "21003-2.0", "53-2.0")
        for value in NUMBERS
        if value != "nan"  # a missing value in all tables of UK Biobank
    ),
]  # fmt: skip
