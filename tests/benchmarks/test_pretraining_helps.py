"""Every method that pretrains on PTB-XL against its own untrained network, under the profile ``small``: ``make learning``.

A probe reads 400 simulated recordings before and after pretraining. The settings of the profile are for 1,000 recordings and
more, so that a method may gain little here; it must not lose.
"""

import numpy as np
import pytest

from bench import registry
from bench.data.source import DataSource
from bench.runner.session import Session

RECORDINGS, DRAWS = 400, 3
LOSS = 0.02
"""Of macro AUROC: what another processor, or another seed, changes."""

BELOW: dict[str, str] = {}
"""Methods that lose, with what is known of the reason; one that no longer does must leave the list."""


def _pretrained() -> list[str]:
    entries = registry.entries(registry.METHODS)
    return sorted(
        name
        for name, entry in entries.items()
        if entry.attributes.get("family") in ("contrastive", "masked", "report")
        and {"pretraining_loss", "loss_of_embeddings"} & set(entry.defines)
    )


@pytest.mark.learning
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("method", _pretrained())
def test_pretraining_does_not_lose(learning, workspace, method, request):
    if method in BELOW:
        request.applymarker(pytest.mark.xfail(reason=BELOW[method], strict=True))
    session = Session(DataSource(workspace, simulated_records=RECORDINGS), "small")
    learned = learning.compare(session, method, "ptbxl-super", draws=DRAWS)

    def value(weights) -> float:
        return float(np.mean([(w.all_labels + w.few_labels) / 2 for w in weights]))

    print(learning.row(learned))
    assert value(learned.after) >= value(learned.before) - LOSS
