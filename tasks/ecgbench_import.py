"""ECGBench's folds: the files that ``ecgbench splits`` writes, held to the digests of their manifest, and imported.

ECGBench 1.0.0 writes ``manifest.json`` and, below ``original/``, tables with a record, its patient and its fold. Its
``clean/`` drops recordings and is not read. Folds 1-8 train, 9 validates, 10 tests. The package is needed to make these files
(``pip install 'ecg-bench[ecgbench]'``), not to import them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from bench import registry
from bench.contamination.declared import canonical
from bench.errors import DataError
from bench.reading.json_file import read_json
from bench.reading.publisher_csv import read_table
from bench.splitting.released_partitions import write_imported
from tasks.datasets.folds import ecgbench_digest
from tasks.merl_import import ImportedSet, MerlImport

if TYPE_CHECKING:
    import pandas as pd

MANIFEST = "manifest.json"
HINT = "Write the folds again with: ecgbench splits --dataset NAME --data-path FOLDER"

DIGESTS = {
    "sph": "1cc525cc68095613efdc14d2320c38386d925ccc79bd29985c7b606226c22189",
    "mimic-iv-ecg": "81d4d96e035bdef2fdb375a252d040ea3be801f6ad62487c7bb3ff6a77087979",
}
"""Known digests of folds of the complete datasets."""

COHORTS = {"georgia": r"E\d{5}", "cpsc-extra": r"Q\d{4}", "ningbo": r"JS(?!0|10[0-5]|106[0-3]|1064[0-6])\d{5}"}
"""Datasets here that are a part of one of ECGBench's -> their records."""


def import_ecgbench(folder: Path, destination: Path | None = None) -> MerlImport:
    """Check every manifest below ``folder``, and keep the folds that agree with it.

    Args:
        destination: the folder of imported columns; None only checks.

    Raises:
        DataError: no manifest, or a file that cannot be read for what it should be.
    """
    report = MerlImport()
    manifests = sorted(Path(folder).rglob(MANIFEST))
    if not manifests:
        raise DataError(f"{folder}: no {MANIFEST} lies below it; expected the output folder of ECGBench. {HINT}")
    for path in manifests:
        manifest = read_json(path)
        try:
            slug, column = manifest["dataset"], manifest["split"]["record_id_column"]
            stated = manifest["fold_digest"]["original"]
        except (KeyError, TypeError) as error:
            raise DataError(f"{path} lacks {error}; expected a manifest of ECGBench. {HINT}") from error
        folds = _folds(path.parent / "original", column)
        digest, dataset = (
            ecgbench_digest({str(record): int(fold) for record, fold in folds.items()}),
            canonical(str(slug)),
        )
        differences = [
            f"the digest of the folds is {digest[:12]}, expected {expected[:12]} ({where})"
            for expected, where in ((stated, path.name), (DIGESTS.get(dataset, digest), "published"))
            if expected != digest
        ]
        roles = folds.map(lambda fold: {9: "validation", 10: "test"}.get(fold, "train"))
        counts = {name: int((roles == name).sum()) for name in ("train", "validation", "test")}
        report.sets.append(ImportedSet(str(slug), counts, differences))
        if destination is not None and not differences:
            roles.index = [re.sub("^S23074$", "JS23074", str(record).rpartition("/")[2]) for record in roles.index]
            for name, pattern in {**COHORTS, dataset: ".*"}.items():
                some = roles[roles.index.str.fullmatch(pattern)] if name == dataset or "2021" in dataset else roles[:0]
                if len(some) and name in registry.entries(registry.DATASETS):
                    columns = some.to_frame("ecgbench_partition").rename_axis("record_id")
                    report.written.append(write_imported(destination, name, columns))
    return report


def _folds(folder: Path, column: str) -> pd.Series:
    """Record -> its fold, 1 to 10."""
    import pandas as pd

    tables = [read_table(path, (column, "fold"), HINT) for path in sorted(folder.rglob("*.csv"))]
    if not tables:
        raise DataError(f"{folder} holds no table of folds. {HINT}")
    table = pd.concat(tables, ignore_index=True).drop_duplicates([column, "fold"])
    wrong = ~table["fold"].str.fullmatch(r"[1-9]|10").fillna(False).to_numpy(bool) | table[
        column
    ].duplicated().to_numpy(bool)
    if wrong.any():
        row = table.iloc[int(wrong.argmax())]
        raise DataError(
            f"{folder}: record {row[column]} has the fold {row['fold']!r}; expected one fold from 1 to 10 each. {HINT}"
        )
    return pd.Series(table["fold"].astype(int).to_numpy(), index=table[column])
