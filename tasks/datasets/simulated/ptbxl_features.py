"""The simulated PTB-XL with the table of 12SL of PTB-XL+: intervals that agree with the statements, rows in the odd order."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np

from tasks.datasets.challenge_files import new_root
from tasks.datasets.simulated.ptbxl import simulate_ptbxl


def simulate_ptbxl_features(destination: Path, n_records: int = 2000, seed: int = 0) -> None:
    """Write a PTB-XL data root of simulated recordings with ``ptb-xl-plus/features`` in it. Same arguments, same bytes.

    Raises:
        ConfigError: for a number of records that makes no cohort. DataError: the destination cannot be written.
    """
    import pandas as pd

    rng = np.random.default_rng([seed, 783])
    with new_root(destination) as root:
        simulate_ptbxl(root, n_records=n_records, seed=seed)
        table = pd.read_csv(root / "ptbxl_database.csv", usecols=["ecg_id", "scp_codes"])
        lines = []
        for ecg_id, text in zip(table["ecg_id"], table["scp_codes"], strict=True):
            codes = set(ast.literal_eval(text))
            rr = 1150 if "SBRAD" in codes else 560 if "STACH" in codes else 850
            pr = 220 if codes & {"1AVB", "LPR"} else 155
            qrs = 145 if codes & {"CLBBB", "CRBBB", "IVCD"} else 92
            qt = 0.39 * rr + 60 + 50 * ("LNGQT" in codes)
            values = [f"{value + 8 * rng.standard_normal():.0f}" for value in (rr, pr, qrs, qt)]
            if codes & {"AFIB", "AFLT", "PACE"}:
                values[1] = ""
            lines.append(f"{values[0]},{values[1]},0.11,{ecg_id},{values[2]},{values[3]}")
        # the publisher's rows run 1, 21803, 21804, ..., and ecg_id is a column in the middle
        order = [0, *(1 + rng.permutation(len(lines) - 1)).tolist()]
        heading = "RR_Mean_Global,PR_Int_Global,P_Amp_I,ecg_id,QRS_Dur_Global,QT_Int_Global"
        folder = root / "ptb-xl-plus" / "features"
        folder.mkdir(parents=True)
        text = "\n".join([heading, *(lines[k] for k in order)]) + "\n"
        (folder / "12sl_features.csv").write_text(text, encoding="ascii")
