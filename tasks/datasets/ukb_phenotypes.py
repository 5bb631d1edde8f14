"""The 61 cardiac phenotypes of MMCL (section IV-B), from a table keyed by participant.

Names and units are those of Bai et al. (Nature Medicine 26:1654, 2020), whose code computes them: six of the left
ventricle, four of the right, and wall thickness, circumferential and radial strain of 16 segments of the AHA and their
mean, which makes the 17 of each that the paper counts.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import DataError
from bench.reading.publisher_csv import folded, our_headings, read_table

if TYPE_CHECKING:
    import pandas as pd

SEGMENTS = 16

_LV = {
    "LVEDV": "left ventricular end-diastolic volume (mL)",
    "LVESV": "left ventricular end-systolic volume (mL)",
    "LVSV": "left ventricular stroke volume (mL)",
    "LVEF": "left ventricular ejection fraction (%)",
    "LVCO": "left ventricular cardiac output (L/min)",
    "LVM": "left ventricular mass (g)",
}
_RV = {
    "RVEDV": "right ventricular end-diastolic volume (mL)",
    "RVESV": "right ventricular end-systolic volume (mL)",
    "RVSV": "right ventricular stroke volume (mL)",
    "RVEF": "right ventricular ejection fraction (%)",
}


def _by_segment(name: str, words: str, unit: str) -> dict[str, str]:
    return {f"{name}_AHA_{k}": f"{words} of AHA segment {k} ({unit})" for k in range(1, SEGMENTS + 1)} | {
        f"{name}_Global": f"{words}, mean of all segments ({unit})"
    }


GROUPS: dict[str, dict[str, str]] = {
    "LV": _LV,
    "RV": _RV,
    "WT": _by_segment("WT", "wall thickness", "mm"),
    "Ecc": _by_segment("Ecc", "circumferential strain", "%"),
    "Err": _by_segment("Err", "radial strain", "%"),
}
"""Group -> phenotype -> words, in the order of the targets."""

PHENOTYPES: dict[str, str] = {name: words for group in GROUPS.values() for name, words in group.items()}
LARGEST = 10_000
"""No volume, mass, output, thickness or strain is larger, in its unit."""
FILE = "phenotypes.csv"
HINT = (
    f"Write the table of CMR phenotypes as {FILE}: a column eid and columns such as 'LVEDV (mL)', 'WT_AHA_1 (mm)', "
    "'Ecc_Global (%)', as ukbb_cardiac's spreadsheets have them."
)


def read_phenotypes(path: Path) -> pd.DataFrame:
    """All 61, float64, index eid; NaN where one could not be measured (an empty field, or R's ``NA``). Units in the headers
    are not looked at.

    Raises:
        DataError: a phenotype is missing, an eid is none or there twice, or a value is not a number that one may have.
    """
    import pandas as pd

    table = read_table(path, ("eid",), HINT, keep_default_na=False)
    table["eid"] = table["eid"].fillna("").str.strip().str.replace(r"\.0*$", "", regex=True)
    wrong_eids = ~table["eid"].str.fullmatch(r"[0-9]{1,9}").to_numpy(bool)
    if wrong_eids.any():
        row = int(wrong_eids.argmax())
        raise DataError(f"{path}: line {row + 2} has the eid {table['eid'].iloc[row]!r}; expected a number. {HINT}")
    table.columns = pd.Index([re.sub(r"\s*\(.*\)\s*$", "", name) for name in table.columns])
    named = set(map(folded, table.columns))
    missing = [name for name in PHENOTYPES if folded(name) not in named]
    if missing:
        other = [name for name in table.columns if folded(name) not in {"eid", *map(folded, PHENOTYPES)}]
        raise DataError(
            f"{path}: {len(missing)} of 61 phenotypes are missing ({_first(missing)}); found columns with other "
            f"names: {_first(other) or 'none'}. {HINT}"
        )
    table = table.rename(columns=our_headings(path, table.columns, list(PHENOTYPES), HINT))
    if table["eid"].duplicated().any():
        raise DataError(f"{path}: eid {table['eid'][table['eid'].duplicated()].iloc[0]} is there twice. {HINT}")
    values = table.set_index("eid")[list(PHENOTYPES)].apply(lambda column: column.str.strip())
    numbers = values.apply(pd.to_numeric, errors="coerce")
    wrong = ~(numbers.abs() <= LARGEST) & values.notna() & ~values.isin(["", "NA"])
    if wrong.to_numpy().any():
        column = wrong.any().idxmax()
        eid = wrong[column].idxmax()
        raise DataError(
            f"{path}: eid {eid}, {column}: {str(values.loc[eid, column])[:40]!r} is not a number up to {LARGEST:,}. {HINT}"
        )
    return numbers.astype("float64")


def _first(names: list[str]) -> str:
    return ", ".join([*names[:5], *(["..."] if len(names) > 5 else [])])
