"""CSV files of publishers: files that are no such table, and cells that cannot be."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from ..case import Case, Sandbox
from ..shared import CONDITIONS

TABLES = {
    # file -> (dataset, attribute of the shared inputs, columns without which nothing goes)
    "ptbxl_database.csv": ("ptbxl", "ptbxl", ("ecg_id", "patient_id", "scp_codes", "strat_fold")),
    "scp_statements.csv": ("ptbxl", "ptbxl", ("description", "diagnostic", "form", "rhythm", "diagnostic_class")),
    "record_list.csv": ("mimic-iv-ecg", "mimic", ("subject_id", "study_id", "path")),
    "machine_measurements.csv": ("mimic-iv-ecg", "mimic", ("study_id", "report_0", "report_17")),
    CONDITIONS: ("csn", "csn", ("AcronymName", "FullName", "Snomed_CT")),
    "REFERENCE.csv": ("cpsc2018", "cpsc", ("Recording", "First_label")),
}


def table(file: str, change: Callable[[bytes], bytes]):
    """One table, changed as bytes."""
    dataset, source, _ = TABLES[file]

    def make(box: Sandbox) -> list[str]:
        box.copy(getattr(box.shared, source), "data")
        path = box.folder / "data" / file
        before = path.read_bytes()
        after = change(before)
        assert after != before, f"the case changes nothing in {file}"
        box.write(path, after)
        return ["data", "prepare", dataset, "--data-root", f"{dataset}=data", "--workers", "1", "--rate", "100"]

    return make


def rows(change: Callable[[list[list[str]]], list[list[str]]]) -> Callable[[bytes], bytes]:
    """The table as rows of cells."""

    def changed(content: bytes) -> bytes:
        out = io.StringIO()
        cells = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
        csv.writer(out, lineterminator="\n").writerows(change(cells))
        return out.getvalue().encode("utf-8", "surrogatepass")

    return changed


def place_of(column: str, cells: list[list[str]]) -> int:
    """Which column it is, however its heading is spelled."""
    letters = [name.replace(" ", "").replace("_", "").lower() for name in cells[0]]
    return letters.index(column.replace("_", "").lower())


def without(column: str) -> Callable[[bytes], bytes]:
    def change(cells: list[list[str]]) -> list[list[str]]:
        place = place_of(column, cells)
        return [row[:place] + row[place + 1 :] for row in cells]

    return rows(change)


def cell(column: str, value: str, row: int = 1) -> Callable[[bytes], bytes]:
    def change(cells: list[list[str]]) -> list[list[str]]:
        cells[row][place_of(column, cells)] = value
        return cells

    return rows(change)


def heading(change: Callable[[str], str]) -> Callable[[bytes], bytes]:
    return rows(lambda cells: [[change(name) for name in cells[0]], *cells[1:]])


NO_TABLE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda old: b"",
    "blank": lambda old: b"\n\n \n",
    "heading-alone": lambda old: old.partition(b"\n")[0] + b"\n",
    "nuls": lambda old: bytes(200),
    "binary": lambda old: bytes(range(256)) * 4,
    "latin-1": lambda old: old + "é,é,é\n".encode("latin-1"),
    "utf-16": lambda old: old.decode("utf-8-sig").encode("utf-16"),
    "html": lambda old: b"<!DOCTYPE html>\n<html><body>404, not found</body></html>\n",
    "semicolons": lambda old: old.replace(b",", b";"),
    "open-quote": lambda old: old + b'"',
    "ragged": lambda old: old + b"," * 200 + b"\n",
    "twice-a-column": rows(lambda cells: [[*row, row[0]] for row in cells]),
}
ODD: dict[str, Callable[[bytes], bytes]] = {
    "byte-order-mark": lambda old: b"\xef\xbb\xbf" + old.removeprefix(b"\xef\xbb\xbf"),
    "windows-lines": lambda old: old.replace(b"\n", b"\r\n"),
    "no-last-line-end": lambda old: old.rstrip(b"\n"),
    "upper-case-heading": heading(str.upper),
    "blanks-in-heading": heading(lambda name: f" {name} "),
    "further-column": rows(lambda cells: [[*row, "further"] for row in cells]),
    "columns-reversed": rows(lambda cells: [row[::-1] for row in cells]),
}
MARKER = "__import__('os').system('touch \"$HOSTILE_MARKER\"')"
BAD_CELLS = {
    ("ptbxl_database.csv", "ecg_id"): ["", "2", "../2"],
    ("ptbxl_database.csv", "patient_id"): ["", "x", "inf", "nan", "1e400", "-1", "1.5", "9" * 30],
    ("ptbxl_database.csv", "strat_fold"): ["", "0", "11", "1.5", "x", "inf", "-1"],
    ("ptbxl_database.csv", "scp_codes"): [
        "", "{", "[]", "5", "{'NORM'}", "{'NOSUCH': 100.0}", "{'NORM': 'x'}", "{'NORM': 1e999}", "{'NORM': -1e999}",
        "{'NORM': None}", MARKER, "{" * 5000, "(" * 90 + ")" * 90, "{'NORM': " + "-" * 5000 + "1}",
        "{'NORM': 9" + "9" * 5000 + "}",
    ],
    ("ptbxl_database.csv", "filename_lr"): [
        "", "../../../../../etc/passwd", "/etc/passwd", "records100\\..\\..\\x", "C:\\x", "records100/nowhere", "\x00",
        "a" * 5000, "records100", "..", "records100/00000/../../00001_lr",
    ],
    ("record_list.csv", "subject_id"): ["", "x", "-1", "1.5", "inf", "１２３"],
    ("record_list.csv", "study_id"): ["", "x", "-1", "1e5", "٣"],
    ("record_list.csv", "path"): ["", "../../../../etc/passwd", "/etc/passwd", "files", "files/nowhere", "a" * 5000, "C:/x"],
    (CONDITIONS, "Snomed_CT"): ["", "x", "-1", "1.5", "４２"],
    (CONDITIONS, "AcronymName"): ["", " "],
    ("REFERENCE.csv", "Recording"): ["", "A9999", "../A0001", "A0002"],
    ("REFERENCE.csv", "First_label"): ["", "0", "10", "-1", "x", "1.5", "inf", "9" * 30],
}  # fmt: skip


def plain(value: str) -> str:
    return "".join(c if (c.isalnum() and c.isascii()) or c in ".-" else "_" for c in value)[:16] or "empty"


COUNTED = ("ptbxl_database.csv-scp_codes-7-__NORM___1e999_", "ptbxl_database.csv-scp_codes-8-__NORM___-1e999_")
"""Values that cost the recording a statement, not its place."""

CASES = [
    *(
        Case(f"{file}-{name}", table(file, change), words=(file,))
        for file in TABLES
        for name, change in NO_TABLE.items()
    ),
    *(
        Case(f"{file}-without-{column}", table(file, without(column)), words=(file, "is missing"))
        for file, (_, _, columns) in TABLES.items()
        for column in columns
    ),
    *(
        Case(f"{file}-{name}", table(file, change), exit=0)
        for file in TABLES
        for name, change in ODD.items()
        if (file, name) != ("scp_statements.csv", "columns-reversed")  # its first column has no name
    ),
    *(
        # a file that is not there is named itself, with the record
        Case(name, table(file, cell(column, value)), words=("data/",) if column in ("path", "filename_lr") else (file,))
        for (file, column), values in BAD_CELLS.items()
        for k, value in enumerate(values)
        if (name := f"{file}-{column}-{k}-{plain(value)}") not in COUNTED
    ),
    *(
        Case(
            f"{file}-{column}-{k}-{plain(value)}", table(file, cell(column, value)), exit=(0, 2), words=("likelihood",)
        )
        for (file, column), values in BAD_CELLS.items()
        for k, value in enumerate(values)
        if f"{file}-{column}-{k}-{plain(value)}" in COUNTED
    ),
]
