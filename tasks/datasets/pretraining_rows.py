"""Select the records of a dataset with several partitions for pretraining."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def outside_every_test(roles: Sequence[pd.Series]) -> dict[str, np.ndarray]:
    """Masks ``train`` and ``validation`` over the records.

    Args:
        roles: for each available partition, each record's role in it: ``train``, ``validation``, ``test``, or ``""`` for
            a record that it leaves out.

    Returns:
        a record that any partition tests on is in neither; one that any validates on is in ``validation``.
    """
    values = [role.to_numpy(dtype=object) for role in roles]
    tested = np.any([value == "test" for value in values], axis=0)
    validated = np.any([value == "validation" for value in values], axis=0)
    return {"train": ~tested & ~validated, "validation": ~tested & validated}
